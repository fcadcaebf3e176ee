// Why an actor ended: the words of OTP for the four ways in which an XState actor can end.
import type { AnyActorRef } from 'xstate';
import { isEnded, plannedReason } from './xstate-internals.ts';

/**
 * `normal`: finished its work. `shutdown` and `{ shutdown }`: told to end, or ended on purpose. `killed`: stopped from
 * outside without being asked. `{ error }`: crashed. The first three are orderly: a transient child is not restarted.
 */
export type ExitReason =
  | 'normal'
  | 'shutdown'
  | 'killed'
  | { readonly shutdown: unknown }
  | { readonly error: unknown };

/**
 * Throw it in an actor to end on purpose with a reason: `throw new Exit('shutdown')`.
 * A machine may as well reach a final state with the output `{ exit: reason }`.
 */
export class Exit extends Error {
  override readonly name = 'Exit';
  readonly reason: ExitReason;

  constructor(reason: ExitReason, options?: { readonly cause?: unknown }) {
    super(`exit ${describeReason(reason)}`, options);
    this.reason = reason;
  }
}

/** One line for logs; never throws, whatever was thrown by the child. */
export function describeReason(reason: ExitReason): string {
  if (typeof reason === 'string') return reason;
  if ('shutdown' in reason) return `{shutdown, ${textOfTerm(reason.shutdown)}}`;
  return `{error, ${textOfTerm(reason.error)}}`;
}

/** True for the reasons after which a transient child is left alone. */
export function isOrderly(reason: ExitReason): boolean {
  return reason === 'normal' || reason === 'shutdown' || (typeof reason === 'object' && 'shutdown' in reason);
}

/** The reason that something thrown stands for. */
export function reasonOfThrown(thrown: unknown): ExitReason {
  try {
    return thrown instanceof Exit && isExitReason(thrown.reason) ? thrown.reason : { error: thrown };
  } catch {
    // A proxy may throw even when it is asked for its class.
    return { error: thrown };
  }
}

/** Why `ref` ended, or undefined while it has not. Who stopped it counts when it did not end by itself. */
export function exitReasonOf(ref: AnyActorRef): ExitReason | undefined {
  if (!isEnded(ref)) return undefined;
  const planned = plannedReason(ref);
  // A kill cannot be answered: what a dispose threw while it was killed does not change the reason.
  if (planned === 'killed') return 'killed';
  const snapshot: { status?: unknown; output?: unknown; error?: unknown } = ref.getSnapshot();
  if (snapshot.status === 'error') return reasonOfThrown(snapshot.error);
  if (snapshot.status === 'done') return reasonOfOutput(snapshot.output);
  return planned ?? 'killed';
}

/** The output of an actor that is done; undefined for every other end. */
export function outputOf(ref: AnyActorRef): unknown {
  const snapshot: { status?: unknown; output?: unknown } = ref.getSnapshot();
  return snapshot.status === 'done' ? snapshot.output : undefined;
}

function reasonOfOutput(output: unknown): ExitReason {
  if (typeof output !== 'object' || output === null || !('exit' in output)) return 'normal';
  return isExitReason(output.exit) ? output.exit : 'normal';
}

/** Only well-formed reasons count, so a business output that happens to have a key `exit` stays a normal end. */
function isExitReason(value: unknown): value is ExitReason {
  if (value === 'normal' || value === 'shutdown' || value === 'killed') return true;
  return typeof value === 'object' && value !== null && ('shutdown' in value || 'error' in value);
}

function textOfTerm(term: unknown): string {
  try {
    if (term instanceof Error) return `${term.name}: ${term.message}`;
    return typeof term === 'object' ? (JSON.stringify(term) ?? 'object') : String(term);
  } catch {
    return 'a value that cannot be shown';
  }
}
