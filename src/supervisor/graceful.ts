// How an actor takes part in its own shutdown, and how a supervisor finds out that it does.
import type { AnyActorLogic, AnyActorRef } from 'xstate';
import { EXIT_EVENT, type ExitEvent } from './messages.ts';
import { logicOf } from './xstate-internals.ts';

const participants = new WeakSet<AnyActorLogic>();

/**
 * Declares that actors of `logic` handle {@link EXIT_EVENT}: they get the event and end by themselves, at the latest by
 * the deadline of their spec. Needed for callbacks and other custom logic (`throw new Exit('shutdown')` ends them).
 * Machines need no declaration: they take part in every state that has a transition for the event by name (`'*'` does
 * not count), for instance `on: { 'supervisor.exit': '.closing' }`.
 */
export function handlesExit<L extends AnyActorLogic>(logic: L): L {
  participants.add(logic);
  return logic;
}

/** Does `ref` want to be asked? Guards of its machine are evaluated; one that throws means no. */
export function wantsExit(ref: AnyActorRef, event: ExitEvent): boolean {
  const logic: AnyActorLogic & { readonly events?: unknown } = logicOf(ref);
  if (participants.has(logic)) return true;
  if (!Array.isArray(logic.events) || !logic.events.includes(EXIT_EVENT)) return false;
  try {
    return ref.getSnapshot().can?.(event) === true;
  } catch {
    return false;
  }
}
