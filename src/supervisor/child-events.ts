// Recognising the events that a waiting operation waits for.
import type { AnyActorRef } from 'xstate';
import type { SupervisorEvent } from './messages.ts';
import { isEnded } from './xstate-internals.ts';

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
