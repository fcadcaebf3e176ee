// Stopping one child: the signal, the wait for its end, the deadline, and what is reported afterwards.
import type { AnyActorRef } from 'xstate';
import { isEndOf, isTimer } from './child-events.ts';
import type { ChildRecord } from './child-table.ts';
import type { Engine } from './engine.ts';
import { type ExitReason, exitReasonOf } from './exit-reason.ts';
import { wantsExit } from './graceful.ts';
import { EXIT_EVENT } from './messages.ts';
import type { Operation } from './selective-mailbox.ts';
import { killTree } from './system-services.ts';
import { forceStop, isEnded, isRunning } from './xstate-internals.ts';

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
function finishStop(engine: Engine, record: ChildRecord, ref: AnyActorRef): void {
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
