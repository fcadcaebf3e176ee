// What a supervisor does when a child ends by itself: leave it, restart it or its group, give up, or shut down.
import { AgentError } from '../errors.ts';
import { noteExit } from './backoff.ts';
import { isTimer } from './child-events.ts';
import type { ChildRecord } from './child-table.ts';
import type { Engine } from './engine.ts';
import { describeReason, Exit, type ExitReason, exitReasonOf, isOrderly } from './exit-reason.ts';
import type { SupervisorEvent } from './messages.ts';
import type { Operation } from './selective-mailbox.ts';
import { startOwn } from './start-child.ts';
import { askToStop, isExpected, stopRecord } from './stop-child.ts';
import { killTree } from './system-services.ts';
import { forceStop, isEnded, isRunning } from './xstate-internals.ts';

/** A child ended that nobody had told to. */
export function* onChildExit(engine: Engine, record: ChildRecord, reason: ExitReason): Operation<void> {
  const { restart } = record.spec;
  engine.children.detach(record);
  record.lastExit = reason;
  record.state = 'stopped';
  noteExit(record, engine.services);
  if (restart === 'permanent' || !isOrderly(reason)) report(engine, record, reason);
  if (restart === 'permanent' || (restart === 'transient' && !isOrderly(reason))) {
    if (record.spec.backoff === undefined) yield* restartChild(engine, record);
    else engine.retryLater(record);
    return;
  }
  if (restart === 'temporary' || engine.flags.dynamic) engine.children.delete(record);
  if (record.spec.significant && mustAutoShutdown(engine)) {
    yield* engine.finish({ kind: 'done', reason: 'shutdown' });
  }
}

function report(engine: Engine, record: ChildRecord, reason: ExitReason): void {
  engine.report('child_terminated', record, reason);
}

function mustAutoShutdown(engine: Engine): boolean {
  switch (engine.flags.autoShutdown) {
    case 'never':
      return false;
    case 'any_significant':
      return true;
    case 'all_significant':
      for (const { spec, state } of engine.children.values()) if (spec.significant && state !== 'stopped') return false;
      return true;
  }
}

/** One restart: counts it, applies the strategy, and posts a retry when a start failed. */
export function* restartChild(engine: Engine, record: ChildRecord): Operation<void> {
  const { flags, services, window, children } = engine;
  engine.cancelRetry(record);
  if (!window.add(services.clock.now(), flags.intensity, flags.periodMs)) {
    record.state = 'stopped';
    engine.report('shutdown', record, 'reached_max_restart_intensity');
    yield* engine.finish({ kind: 'error', exit: givingUp(engine, record) });
    return;
  }
  const failed = yield* applyStrategy(engine, record);
  // A child that was deleted meanwhile cannot be: requests wait while an operation runs.
  if (failed !== undefined && children.has(failed)) engine.retryLater(failed);
}

function givingUp({ flags }: Engine, { spec, lastExit }: ChildRecord): Exit {
  const message = `${flags.id} gives up: more than ${flags.intensity} restarts in ${flags.periodMs} ms`;
  const field = spec.id;
  const rule = `last exit of ${spec.id}: ${lastExit === undefined ? 'none' : describeReason(lastExit)}`;
  const cause = typeof lastExit === 'object' && 'error' in lastExit ? lastExit.error : lastExit;
  return new Exit('shutdown', { cause: new AgentError('ERR_SUPERVISOR', message, { field, rule, cause }) });
}

/** Returns the child whose start failed, if one did. */
function* applyStrategy(engine: Engine, record: ChildRecord): Operation<ChildRecord | undefined> {
  if (engine.flags.dynamic) {
    const outcome = yield* startOwn(engine, record);
    if (outcome.kind === 'ignored') engine.children.delete(record);
    return outcome.kind === 'failed' ? record : undefined;
  }
  switch (engine.flags.strategy) {
    case 'one_for_one': {
      const outcome = yield* startOwn(engine, record);
      return outcome.kind === 'failed' ? record : undefined;
    }
    case 'rest_for_one':
      return yield* restartGroup(engine, engine.children.listFrom(record));
    case 'one_for_all':
      return yield* restartGroup(engine, engine.children.list());
  }
}

/** Stops the group in reverse order, drops its temporary members, and starts the others, also those that were stopped. */
function* restartGroup(engine: Engine, group: readonly ChildRecord[]): Operation<ChildRecord | undefined> {
  for (const member of [...group].reverse()) {
    yield* stopRecord(engine, member);
    if (member.spec.restart === 'temporary') engine.children.delete(member);
  }
  for (const member of group) {
    if (member.spec.restart === 'temporary') continue;
    const outcome = yield* startOwn(engine, member);
    if (outcome.kind === 'failed') return member;
  }
  return undefined;
}

/** Stops all children: one after the other in reverse order, or all at once under a dynamic supervisor. */
export function* terminateAll(engine: Engine): Operation<void> {
  if (engine.flags.dynamic) return yield* terminateTogether(engine);
  for (const record of engine.children.list().reverse()) {
    yield* stopRecord(engine, record);
    if (record.spec.restart === 'temporary') engine.children.delete(record);
  }
}

/** All dynamic children get the signal first; then each is waited for, with one timer per distinct deadline. */
function* terminateTogether(engine: Engine): Operation<void> {
  const { children } = engine;
  const waiting = new Set<ChildRecord>();
  const deadlines = new Map<number, Set<ChildRecord>>();
  for (const record of children.list()) {
    engine.cancelRetry(record);
    const { ref } = record;
    if (ref === undefined) continue;
    record.state = 'stopping';
    const deadlineMs = isRunning(ref) ? askToStop(record, ref) : undefined;
    if (isEnded(ref)) continue;
    waiting.add(record);
    const limitMs = deadlineMs ?? 0;
    if (limitMs === 'infinity') continue;
    const group = deadlines.get(limitMs);
    if (group === undefined) deadlines.set(limitMs, new Set([record]));
    else group.add(record);
  }
  const timers = [...deadlines].map(([limitMs, group]) => {
    const token = {};
    engine.timer(token, limitMs);
    return { token, group };
  });
  while (waiting.size > 0) {
    const event = yield (event) => event.type !== 'supervisor.request' && event.type !== 'supervisor.retry';
    for (const { token, group } of timers) {
      if (!isTimer(event, token)) continue;
      for (const record of group) {
        overdue(record);
        waiting.delete(record);
      }
    }
    const ended = childOf(engine, event);
    if (ended?.ref !== undefined && isEnded(ended.ref)) waiting.delete(ended);
  }
  for (const { token } of timers) engine.disarm(token);
  reportTogether(engine);
}

/** The child that an event about an end is about. */
function childOf({ children }: Engine, event: SupervisorEvent): ChildRecord | undefined {
  if ('actorId' in event && typeof event.actorId === 'string') return children.byActorId(event.actorId);
  return 'ref' in event ? children.byActor(event.ref) : undefined;
}

function overdue({ ref }: ChildRecord): void {
  if (ref === undefined || isEnded(ref)) return;
  killTree(ref, 'killed');
  // Its mailbox is blocked, or it is the caller: force is all that is left.
  if (!isEnded(ref)) forceStop(ref);
}

/** Failures at shutdown, one report for each distinct reason, as a pool may hold thousands of equal children. */
function reportTogether(engine: Engine): void {
  const groups = new Map<string, { record: ChildRecord; reason: ExitReason; count: number }>();
  for (const record of engine.children.list()) {
    const { ref } = record;
    if (ref !== undefined) {
      const reason = exitReasonOf(ref) ?? 'killed';
      if (!isExpected(record, reason)) {
        const text = describeReason(reason);
        const group = groups.get(text);
        if (group === undefined) groups.set(text, { record, reason, count: 1 });
        else group.count++;
      }
      engine.children.detach(record);
      record.lastExit = reason;
    }
    engine.children.delete(record);
  }
  for (const { record, reason, count } of groups.values()) engine.report('shutdown_error', record, reason, count);
}
