// A supervisor on a virtual clock with children that do as they are told, for tests that read as rules.
import { type AnyActorLogic, type AnyActorRef, fromTransition } from 'xstate';
import {
  type ChildSpec,
  countChildren,
  type DynamicSupervisorOptions,
  dynamicSupervisor,
  EXIT_EVENT,
  Exit,
  type ExitReason,
  exitReasonOf,
  handlesExit,
  kill,
  monitor,
  type Report,
  type SupervisorOptions,
  shutdown,
  startChild,
  startRoot,
  supervisor,
  whichChildren,
} from '../../src/supervisor/index.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';

export type Outcome = 'ok' | 'ignore' | 'error' | 'throw';
/** `obey`: ends as told. `slow`: never does. A reason: ends with that one instead. Undefined: is not asked. */
export type Manner = 'obey' | 'slow' | { readonly exit: ExitReason };

export interface Villain extends Partial<ChildSpec> {
  /** What the next starts do; `ok` after the last one. May be changed while the test runs. */
  readonly starts?: Outcome[];
  readonly manner?: Manner;
  readonly info?: unknown;
  readonly name?: string;
  /** Supervisor logic to run instead of a worker. */
  readonly logic?: AnyActorLogic;
}

function workerLogic(manner: Manner | undefined): AnyActorLogic {
  const logic = fromTransition((state: null, event: { type: string; reason?: ExitReason }) => {
    if (event.type === 'quit') throw new Exit(event.reason ?? 'normal');
    if (event.type === 'crash') throw new Error('crash');
    if (event.type !== EXIT_EVENT || manner === 'slow' || manner === undefined) return state;
    throw new Exit(manner === 'obey' ? 'shutdown' : manner.exit);
  }, null);
  return manner === undefined ? logic : handlesExit(logic);
}

export function world() {
  const clock = new VirtualClock();
  const log: string[] = [];
  const ends = new Map<string, ExitReason[]>();
  const reports: Report[] = [];
  const problems: unknown[] = [];
  const latest = new Map<string, AnyActorRef>();

  const child = (id: string, villain: Villain = {}): ChildSpec => {
    const { starts = [], manner, info, name, logic = workerLogic(manner), ...spec } = villain;
    let next = 0;
    const onSpawn = (ref: AnyActorRef) => {
      latest.set(id, ref);
      monitor(ref, ({ reason }) => {
        log.push(`end ${id}`);
        ends.set(id, [...(ends.get(id) ?? []), reason]);
      });
    };
    const start: ChildSpec['start'] = () => {
      const outcome = starts[next++] ?? 'ok';
      log.push(`start ${id}`);
      if (outcome === 'ignore') return 'ignore';
      if (outcome === 'error') throw new Exit({ error: 'bad' });
      if (outcome === 'throw') throw new Error('thrown');
      return { logic, onSpawn, ...(info !== undefined && { info }), ...(name !== undefined && { name }) };
    };
    return { id, start, ...spec };
  };

  const root = (logic: AnyActorLogic) =>
    startRoot(logic, {
      clock,
      onReport: (report) => reports.push(report),
      onProblem: (problem) => problems.push(problem),
    }) as AnyActorRef; // the tests talk to it as to any actor
  const top = (children: readonly ChildSpec[] = [], options: Partial<SupervisorOptions> = {}) =>
    root(supervisor({ id: 'top', children, ...options }) as AnyActorLogic);
  const pool = (options: Partial<DynamicSupervisorOptions> = {}) =>
    root(dynamicSupervisor({ id: 'pool', ...options }) as AnyActorLogic);

  /** The living or last actor of a child. */
  const ref = (id: string): AnyActorRef => {
    const found = latest.get(id);
    if (found === undefined) throw new Error(`${id} never ran`);
    return found;
  };
  const quit = (id: string, reason: ExitReason = 'normal') => {
    if (reason === 'killed') kill(ref(id));
    else ref(id).send({ type: 'quit', reason });
  };
  /** Starts a child of a dynamic supervisor and gives its actor. */
  const add = async (sup: AnyActorRef, spec: ChildSpec): Promise<AnyActorRef> => {
    const result = await startChild(sup, spec);
    if (!result.ok || result.ref === undefined) throw new Error(`${spec.id} was not started`);
    return result.ref;
  };
  const stop = async (sup: AnyActorRef): Promise<ExitReason> => {
    const reason = shutdown(sup);
    await clock.advance(60_000);
    return reason;
  };

  return {
    clock,
    log,
    reports,
    problems,
    child,
    top,
    pool,
    root,
    ref,
    quit,
    add,
    stop,
    crash: (id: string) => ref(id).send({ type: 'crash' }),
    /** Every end of a child so far. */
    endsOf: (id: string) => ends.get(id) ?? [],
    /** Why an actor ended, undefined while it lives. */
    endOf: exitReasonOf,
    isAlive: (actor: AnyActorRef) => exitReasonOf(actor) === undefined,
    kinds: () => reports.map(({ kind }) => kind),
  };
}

/** `a:up b:down`, in start order. */
export function show(sup: AnyActorRef): string {
  return [...whichChildren(sup)]
    .reverse()
    .map(({ id, ref }) => `${id}:${ref === 'restarting' ? ref : ref === undefined ? 'down' : 'up'}`)
    .join(' ');
}

/** specs, active, supervisors, workers, as OTP's tests write them. */
export function counts(sup: AnyActorRef): number[] {
  const { specs, active, supervisors, workers } = countChildren(sup);
  return [specs, active, supervisors, workers];
}

/** A supervisor to nest. */
export function nested(
  id: string,
  children: readonly ChildSpec[],
  options: Partial<SupervisorOptions> = {},
): AnyActorLogic {
  return supervisor({ id, children, ...options }) as AnyActorLogic; // the input is not used
}
