// Starting one child: creation, name, start, and the wait until it is ready.
import { type AnyActorLogic, type AnyActorRef, createActor } from 'xstate';
import { AgentError } from '../errors.ts';
import { isEndOf, isTimer } from './child-events.ts';
import type { ChildRecord } from './child-table.ts';
import type { Engine } from './engine.ts';
import { Exit, type ExitReason, exitReasonOf, reasonOfThrown } from './exit-reason.ts';
import { EXIT_EVENT } from './messages.ts';
import type { Operation } from './selective-mailbox.ts';
import { guardActor, killTree } from './system-services.ts';
import { isEnded, isRunning } from './xstate-internals.ts';

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
        (event.type === 'supervisor.ready' && event.ref === ref) ||
        event.type === EXIT_EVENT ||
        isTimer(event, token) ||
        isEndOf(event, ref);
      if (event.type === EXIT_EVENT) {
        // A child that never becomes ready must not keep its supervisor from ending.
        engine.exitRequested = event;
        self.send(event); // comes back when this operation is over
        killTree(ref, 'shutdown');
        return 'shutdown';
      }
      if (event.type === 'supervisor.timer') {
        killTree(ref);
        const detail = { field: 'startTimeoutMs', rule: `${startTimeoutMs} ms` };
        return { error: new AgentError('ERR_TIMEOUT', `${record.spec.id} was not ready in time`, detail) };
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
