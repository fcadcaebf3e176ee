// The end of a tool call, however it came: recorded, told and forgotten in one place.
import { CANCELLED_TEXT, INTERNAL_ERROR_TEXT } from '../model-texts.ts';
import type { SessionScope } from './session-scope.ts';

export interface CallEnd {
  /** What the model reads. */
  readonly output: string;
  /** For listeners and logs; null when the tool answered. */
  readonly error: string | null;
}

/** The call died without writing an output; it still gets one, for the model must never wait for it. */
export const CALL_CRASHED: CallEnd = { output: INTERNAL_ERROR_TEXT, error: INTERNAL_ERROR_TEXT };
export const CALL_CANCELLED: CallEnd = { output: CANCELLED_TEXT, error: 'cancelled' };
export const CALL_OVERDUE: CallEnd = { output: 'The tool did not answer in time', error: 'timedOut' };

/** The first end counts. A call that was never begun was not told either, so neither is its end. */
export function endCall(scope: SessionScope, callId: string, { output, error }: CallEnd): void {
  const startedAtMs = scope.callStartedAtMs.get(callId);
  const toolName = scope.ledger.openCall(callId)?.name;
  scope.prepared.delete(callId);
  scope.callStartedAtMs.delete(callId);
  const isFirst = scope.ledger.recordOutput(callId, output, error !== null);
  if (!isFirst || toolName === undefined || startedAtMs === undefined) return;
  const durationMs = scope.clock.now() - startedAtMs;
  if (error === null) scope.emit('tool_completed', { callId, toolName, result: output, durationMs });
  else scope.emit('tool_error', { callId, toolName, error, durationMs });
}
