// Acts out a scenario with the supervisors of this project and writes down what driver.erl writes down.
import { type AnyActorLogic, type AnyActorRef, fromTransition } from 'xstate';
import {
  type ChildSpec,
  countChildren,
  deleteChild,
  dynamicSupervisor,
  EXIT_EVENT,
  Exit,
  type ExitReason,
  exitReasonOf,
  getChildSpec,
  handlesExit,
  kill,
  monitor,
  type Report,
  restartChild,
  shutdown,
  startChild,
  startRoot,
  supervisor,
  terminateChild,
  whichChildren,
} from '../../src/supervisor/index.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import type { Action, Child, Manner, Quit, Scenario, Step, Supervisor, WorkerChild } from './scenario.ts';

const REASONS: Record<Quit, ExitReason> = {
  normal: 'normal',
  shutdown: 'shutdown',
  term: { shutdown: 'term' },
  boom: { error: 'boom' },
  kill: 'killed',
};

const logics = new Map<Manner, AnyActorLogic>(
  (['plain', 'obey', 'slow', 'odd_normal', 'odd_term', 'odd_boom'] as const).map((manner) => {
    const logic = fromTransition((state: null, event: { type: string; reason?: ExitReason }) => {
      if (event.type === 'quit') throw new Exit(event.reason ?? 'normal');
      if (event.type !== EXIT_EVENT) return state;
      switch (manner) {
        case 'obey':
          throw new Exit('shutdown');
        case 'odd_normal':
          throw new Exit('normal');
        case 'odd_term':
          throw new Exit({ shutdown: 'term' });
        case 'odd_boom':
          throw new Exit({ error: 'boom' });
        default:
          return state;
      }
    }, null);
    return [manner, manner === 'plain' ? logic : handlesExit(logic)];
  }),
);

export async function actOut(scenario: Scenario): Promise<string[]> {
  const trace: string[] = [];
  const clock = new VirtualClock();
  const starts = new Map<string, number>();
  const current = new Map<string, AnyActorRef>();
  const names = new Map<AnyActorRef, string>();
  const kinds = new Map<string, Supervisor['kind']>();
  const logicOf = new Map<Supervisor, AnyActorLogic>();

  const collect = (child: Child) => {
    if (child.kind === 'worker') return;
    kinds.set(child.id, child.kind);
    if (child.kind === 'sup') child.children.forEach(collect);
  };
  collect(scenario.top);

  const supervisorLogic = (sup: Supervisor): AnyActorLogic => {
    const known = logicOf.get(sup);
    if (known !== undefined) return known;
    const { id, intensity, auto: autoShutdown } = sup;
    const flags = { id, intensity, autoShutdown, periodMs: 3_600_000 };
    const logic =
      sup.kind === 'dyn'
        ? dynamicSupervisor(flags)
        : supervisor({ ...flags, strategy: sup.strategy, children: sup.children.map(specOf) });
    logicOf.set(sup, logic as AnyActorLogic); // the input is not used
    return logic as AnyActorLogic;
  };
  const watch = (id: string, n: number) => (ref: AnyActorRef) => {
    current.set(id, ref);
    names.set(ref, `${id}#${n}`);
    monitor(ref, ({ reason }) => {
      // A supervisor that could not start never was, in Erlang's eyes.
      if (!text(reason).startsWith('failed_to_start')) trace.push(`e ${id}#${n} ${text(reason)}`);
    });
  };
  const specOf = (child: Child): ChildSpec => ({
    id: child.id,
    restart: child.restart,
    shutdown: child.shutdown,
    significant: child.significant,
    type: child.kind === 'worker' ? 'worker' : 'supervisor',
    start: () => startOf(child),
  });
  const startOf = (child: Child): ReturnType<ChildSpec['start']> => {
    const n = (starts.get(child.id) ?? 0) + 1;
    starts.set(child.id, n);
    const what = child.kind === 'worker' ? (child.starts[n - 1] ?? 'ok') : 'ok';
    trace.push(`s ${child.id}#${n} ${what}`);
    if (what === 'ignore') return 'ignore';
    if (what === 'error') throw 'bad';
    const logic = child.kind === 'worker' ? logicFor(child) : supervisorLogic(child);
    return { logic, onSpawn: watch(child.id, n), ...(what === 'info' && { info: 'info' }) };
  };

  const nameOf = (ref: AnyActorRef | undefined) => (ref === undefined ? 'undefined' : (names.get(ref) ?? '?'));
  const onReport = ({ kind, child, reason, supervisor: path }: Report) => {
    const sup = path.split('/').at(-1)?.split('~')[0] ?? '';
    const id = kinds.get(sup) === 'dyn' ? '*' : child.id;
    if (child.id !== 'burst') trace.push(`r ${kind} ${id}${reason === undefined ? '' : ` ${text(reason)}`}`);
  };

  const quit = (id: string, reason: Quit) => {
    const ref = current.get(id);
    if (ref === undefined || exitReasonOf(ref) !== undefined) trace.push('a nobody');
    else if (reason === 'kill') kill(ref);
    else ref.send({ type: 'quit', reason: REASONS[reason] });
  };
  const call = async (action: Exclude<Action, { op: 'quit' }>, sup: AnyActorRef): Promise<string> => {
    if (action.op === 'start') return answer(await startChild(sup, specOf(action.child)), nameOf);
    const isDynamic = kinds.get(action.sup) === 'dyn';
    switch (action.op) {
      case 'terminate':
        return answer(await terminateChild(sup, isDynamic ? (current.get(action.id) ?? root) : action.id), nameOf);
      case 'restart':
        return answer(await restartChild(sup, action.id), nameOf);
      case 'delete':
        return answer(await deleteChild(sup, action.id), nameOf);
      case 'spec': {
        if (exitReasonOf(sup) !== undefined) return 'noproc';
        if (isDynamic) return 'spec';
        const spec = getChildSpec(sup, action.id);
        if (spec === undefined) return 'not_found';
        return `ok ${spec.restart} ${spec.shutdown} ${spec.significant} ${spec.type}`;
      }
    }
  };
  const alive = (id: string) => {
    const ref = current.get(id);
    return ref === undefined || exitReasonOf(ref) !== undefined ? undefined : ref;
  };
  const settle = () => clock.advance(10_000);

  const step = async (each: Step): Promise<void> => {
    if (each.op === 'quit') {
      quit(each.id, each.reason);
      return settle();
    }
    const sup = alive(each.sup);
    if (sup === undefined) {
      trace.push('a no supervisor');
      return settle();
    }
    if (each.op !== 'burst') {
      // The answer is written down at its place among the other facts, not when the promise has come round.
      const answered = call(each, sup);
      await settle();
      trace.push(`a ${await answered}`);
      return;
    }
    const answers: Promise<string>[] = [];
    const start = () => {
      for (const action of each.actions) {
        if (action.op === 'quit') quit(action.id, action.reason);
        else answers.push(call(action, sup));
      }
      return 'ignore' as const;
    };
    const burst = await startChild(sup, { id: 'burst', restart: 'temporary', start });
    if (!burst.ok) trace.push('a burst refused');
    await settle();
    for (const each of answers) trace.push(`a ${await each}`);
  };
  const dump = () => {
    for (const id of [...kinds.keys()].sort()) {
      const ref = alive(id);
      if (ref === undefined) continue;
      const isDynamic = kinds.get(id) === 'dyn';
      const list = whichChildren(ref).map((child) => {
        const state = child.ref === 'restarting' ? 'restarting' : nameOf(child.ref);
        return `${isDynamic ? '*' : child.id}=${state}`;
      });
      if (isDynamic) list.sort();
      const { active, supervisors, workers } = countChildren(ref);
      const counts = isDynamic ? `${workers}` : `${active}/${supervisors}/${workers}`;
      trace.push(`w ${id} ${list.join(',')} ${counts}`);
    }
  };

  const logic = supervisorLogic(scenario.top);
  starts.set('top', 1);
  trace.push('s top#1 ok');
  const root = startRoot(logic, { clock, id: 'top', onReport, onSpawn: watch('top', 1) });
  await settle();
  const failure = exitReasonOf(root);
  const failed = failure !== undefined && text(failure).startsWith('failed_to_start');
  trace.push(failed ? `top failed ${text(failure)}` : 'top started');
  dump();
  for (const each of scenario.steps) {
    trace.push('-');
    await step(each);
    dump();
  }
  trace.push('- end');
  if (!failed) {
    const end = shutdown(root);
    await settle();
    await end;
  }
  return trace;
}

function logicFor({ manner }: WorkerChild): AnyActorLogic {
  const logic = logics.get(manner);
  if (logic === undefined) throw new Error(`no logic for ${manner}`);
  return logic;
}

type Answer = { readonly ok: boolean; readonly reason?: string; readonly ref?: AnyActorRef | undefined };

function answer(
  reply: Answer & { readonly info?: unknown; readonly exit?: ExitReason },
  nameOf: (ref: AnyActorRef | undefined) => string,
): string {
  if (reply.ok) return 'ref' in reply ? `ok ${nameOf(reply.ref)}${reply.info === undefined ? '' : ' info'}` : 'ok';
  switch (reply.reason) {
    case 'already_started':
      return `already_started ${nameOf(reply.ref)}`;
    case 'start_failed': {
      const reason = reply.exit === undefined ? '' : text(reply.exit);
      return `start_failed ${reason === 'error:bad' ? 'bad' : reason}`;
    }
    default:
      return reply.reason ?? 'no reason';
  }
}

function text(reason: ExitReason | 'reached_max_restart_intensity'): string {
  if (typeof reason === 'string') return reason;
  if ('error' in reason) return `error:${String(reason.error)}`;
  const detail = reason.shutdown;
  if (typeof detail === 'object' && detail !== null && 'failed_to_start_child' in detail && 'reason' in detail) {
    const inner = detail.reason as ExitReason; // written by the supervisor itself
    return `failed_to_start ${String(detail.failed_to_start_child)} ${text(inner)}`;
  }
  return `shutdown:${String(detail)}`;
}
