// Starting and stopping one child: the two effects that everything else in a supervisor is made of.
import { type AnyActorLogic, type AnyActorRef, createActor } from 'xstate';
import { AgentError } from '../errors.ts';
import type { ChildRecord } from './child-table.ts';
import type { Engine, Operation } from './engine.ts';
import { Exit, type ExitReason, exitReasonOf, reasonOfThrown } from './exit-reason.ts';
import { wantsExit } from './graceful.ts';
import { EXIT_EVENT, type SupervisorEvent } from './messages.ts';
import { guardActor, killTree } from './system-services.ts';
import { forceStop, isEnded, isRunning } from './xstate-internals.ts';

export type StartOutcome =
  | { readonly kind: 'started'; readonly ref: AnyActorRef; readonly info: unknown }
  | { readonly kind: 'ignored' }
  | { readonly kind: 'failed'; readonly reason: ExitReason };

/**
 * Starts `record`'s next incarnation; waits only when its spec or its logic asks for a barrier. A failure is not reported
 * here: the caller of an API gets it as the answer, all others call `startOwn`.
 */
export function* startRecord(engine: Engine, record: ChildRecord): Operation<StartOutcome> {
  const outcome = spawn(engine, record);
  if (outcome.kind !== 'started') return settle(engine, record, outcome);
  const { ref } = outcome;
  if (isRunning(ref) && mustWait(engine, record, ref)) {
    const failure = yield* awaitReady(engine, record, ref);
    if (failure !== undefined) {
      engine.children.detach(record);
      return settle(engine, record, { kind: 'failed', reason: failure });
    }
  }
  return settle(engine, record, outcome);
}

/** A start that the supervisor does by itself: nobody gets an answer, so a failure is reported. */
export function* startOwn(engine: Engine, record: ChildRecord): Operation<StartOutcome> {
  const outcome = yield* startRecord(engine, record);
  if (outcome.kind === 'failed') engine.report('start_error', record, outcome.reason);
  return outcome;
}

function settle(engine: Engine, record: ChildRecord, outcome: StartOutcome): StartOutcome {
  record.state = outcome.kind === 'started' ? 'running' : 'stopped';
  if (outcome.kind === 'started') {
    // The arguments of a temporary child can never be needed again; with them go whatever they captured.
    if (record.spec.restart === 'temporary') record.spec = { ...record.spec, start: forgotten };
    engine.report('progress', record);
  }
  return outcome;
}

function forgotten(): never {
  throw new Exit('shutdown', { cause: 'the start of a temporary child is not kept' });
}

function spawn(engine: Engine, record: ChildRecord): StartOutcome {
  const { children, scope, registry } = engine;
  record.state = 'starting';
  let ref: AnyActorRef | undefined;
  try {
    const attempt = record.attempts;
    const context = { input: engine.input, attempt, lastExit: record.lastExit, checkpoint: record.checkpoint };
    const started = record.spec.start(context);
    if (started === 'ignore') {
      record.attempts++;
      return { kind: 'ignored' };
    }
    if (typeof started?.logic?.transition !== 'function') {
      const rule = "must return { logic } or 'ignore'";
      throw new AgentError('ERR_CHILD_SPEC', 'invalid_start', { field: `${record.spec.id}.start`, rule });
    }
    const id = children.nextActorId(record);
    record.attempts++;
    ref = createActor(started.logic as AnyActorLogic, { parent: scope.self, id, input: started.input });
    guardActor(ref);
    children.attach(record, ref);
    if (started.name !== undefined) {
      const named = registry?.add(started.name, ref);
      if (named !== undefined && !named.ok) throw nameTaken(started.name);
    }
    started.onSpawn?.(ref);
    record.startedAtMs = engine.services.clock.now();
    ref.start();
    if (isEnded(ref) && ref.getSnapshot().status === 'error') throw ref.getSnapshot().error;
    if (engine.isIgnoredSupervisor(ref)) {
      children.detach(record);
      return { kind: 'ignored' };
    }
    return { kind: 'started', ref, info: started.info };
  } catch (error) {
    if (record.attempts === 0) record.attempts = 1;
    if (ref !== undefined) {
      killTree(ref);
      registry?.clear(ref);
    }
    children.detach(record);
    return { kind: 'failed', reason: reasonOfThrown(error) };
  }
}

function nameTaken(name: string): AgentError {
  return new AgentError('ERR_SUPERVISOR', 'already_registered', {
    field: name,
    rule: 'a name has one living owner',
    fix: 'Use another name, or a registry with duplicate keys',
  });
}

function mustWait(engine: Engine, record: ChildRecord, ref: AnyActorRef): boolean {
  return record.spec.ready !== undefined || engine.isStartingSupervisor(ref);
}

/** Waits until the child is ready; returns why it is not going to be. */
function* awaitReady(engine: Engine, record: ChildRecord, ref: AnyActorRef): Operation<ExitReason | undefined> {
  const { ready, startTimeoutMs } = record.spec;
  const self = engine.scope.self;
  let isReady = false;
  let hookError: { readonly error: unknown } | undefined;
  const look = (snapshot: unknown) => {
    if (isReady || hookError !== undefined) return;
    try {
      isReady = ready === undefined ? !engine.isStartingSupervisor(ref) : ready(snapshot) === true;
    } catch (error) {
      hookError = { error };
    }
    if (isReady || hookError !== undefined) self.send({ type: 'supervisor.ready', ref });
  };
  const subscription = ready === undefined ? undefined : ref.subscribe({ next: look });
  look(ref.getSnapshot());
  const token = {};
  if (startTimeoutMs !== undefined) engine.timer(token, startTimeoutMs);
  try {
    if (!isReady && hookError === undefined) {
      const event = yield (event) =>
        (event.type === 'supervisor.ready' && event.ref === ref) || isTimer(event, token) || isEndOf(event, ref);
      if (event.type === 'supervisor.timer') {
        killTree(ref);
        return { error: new AgentError('ERR_TIMEOUT', `${record.spec.id} was not ready in ${startTimeoutMs} ms`) };
      }
    }
    if (hookError !== undefined) {
      killTree(ref);
      return { error: hookError.error };
    }
    // A child that finished its work while it was waited for has started as well as ended; one that crashed has not.
    const reason = exitReasonOf(ref);
    return reason === undefined || (isReady && reason === 'normal') ? undefined : reason;
  } finally {
    subscription?.unsubscribe();
    engine.disarm(token);
  }
}

/** Ends a child as its spec says and waits for its end. Anything but the expected reason is reported, never thrown. */
export function* stopRecord(engine: Engine, record: ChildRecord): Operation<void> {
  engine.cancelRetry(record);
  const { ref } = record;
  if (ref === undefined) {
    record.state = 'stopped';
    return;
  }
  record.state = 'stopping';
  if (isRunning(ref)) {
    const token = {};
    const deadlineMs = askToStop(record, ref);
    if (!isEnded(ref)) yield* awaitEnd(engine, ref, token, deadlineMs);
  }
  finishStop(engine, record, ref);
}

/** Sends the signal. Returns how long the child may take: a number, `infinity`, or undefined when it got no choice. */
export function askToStop(record: ChildRecord, ref: AnyActorRef): number | 'infinity' | undefined {
  const { shutdown } = record.spec;
  if (shutdown === 'brutal_kill') {
    killTree(ref, 'killed');
    return undefined;
  }
  const exit = { type: EXIT_EVENT, reason: 'shutdown' } as const;
  if (!wantsExit(ref, exit)) {
    killTree(ref, 'shutdown');
    return undefined;
  }
  ref.send(exit);
  return shutdown;
}

function* awaitEnd(
  engine: Engine,
  ref: AnyActorRef,
  token: object,
  deadlineMs: number | 'infinity' | undefined,
): Operation<void> {
  if (deadlineMs !== undefined) {
    if (deadlineMs !== 'infinity') engine.timer(token, deadlineMs);
    const event = yield (event) => isTimer(event, token) || isEndOf(event, ref);
    engine.disarm(token);
    if (event.type !== 'supervisor.timer') return;
    killTree(ref, 'killed');
    if (isEnded(ref)) return;
  }
  // Killed in the middle of an event: it ends when that event is handled. If it still has not when the event loop comes
  // round, its mailbox is blocked and only force is left.
  engine.timer(token, 0);
  const event = yield (event) => isTimer(event, token) || isEndOf(event, ref);
  engine.disarm(token);
  if (event.type === 'supervisor.timer' && !isEnded(ref)) forceStop(ref);
}

/** Notes the end of a child that was stopped, and reports it when it did not end as told. */
export function finishStop(engine: Engine, record: ChildRecord, ref: AnyActorRef): void {
  const reason = exitReasonOf(ref) ?? 'killed';
  engine.children.detach(record);
  record.lastExit = reason;
  record.state = 'stopped';
  if (!isExpected(record, reason)) engine.report('shutdown_error', record, reason);
}

export function isExpected({ spec }: ChildRecord, reason: ExitReason): boolean {
  if (reason === (spec.shutdown === 'brutal_kill' ? 'killed' : 'shutdown')) return true;
  if (spec.restart === 'permanent') return false;
  return reason === 'normal' || reason === 'shutdown' || (typeof reason === 'object' && 'shutdown' in reason);
}

export function isTimer(event: SupervisorEvent, token: object): boolean {
  return event.type === 'supervisor.timer' && 'token' in event && event.token === token;
}

/** Is `event` about the end of `ref`? xstate names the actor by id, which may be late news of a former incarnation. */
export function isEndOf(event: SupervisorEvent, ref: AnyActorRef): boolean {
  if (!isEnded(ref)) return false;
  if (event.type === 'supervisor.down') return 'ref' in event && event.ref === ref;
  const isEnd = event.type.startsWith('xstate.done.actor.') || event.type.startsWith('xstate.error.actor.');
  return isEnd && 'actorId' in event && event.actorId === ref.id;
}
