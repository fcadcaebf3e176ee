// Crashing an actor from inside, as a throw in one of its actions or guards would.
import type { AnyActorRef, EventObject } from 'xstate';

/** The error a crashed actor ends with. */
export class InjectedCrash extends Error {
  override readonly name = 'InjectedCrash';
  constructor() {
    super('crashed on purpose');
  }
}

/** Makes `ref` throw while it handles an event. Its supervisor or parent hears of it as of any other crash. */
export function crash(ref: AnyActorRef | undefined): boolean {
  if (ref === undefined || ref.getSnapshot().status !== 'active') return false;
  const event: EventObject = {
    get type(): string {
      throw new InjectedCrash();
    },
  };
  ref.send(event);
  return true;
}
