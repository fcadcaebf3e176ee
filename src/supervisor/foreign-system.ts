// Living as a guest in an actor system that is not ours: told of every end above, heard by nobody's mistake.
import type { AnyActorRef, EventObject, Observer, Subscription } from 'xstate';
import { guarded, type ProblemHandler } from '../observer.ts';
import { isEnded, observerCount, systemInternals } from './xstate-internals.ts';

/** Is `event` xstate's order to stop? Custom logic gets it as an ordinary event, as the last one of its life. */
export function isStop(event: EventObject): boolean {
  return event.type === 'xstate.stop';
}

/** Sends as `sendTo` does, so that inspectors see who sent it. */
export function relay(source: AnyActorRef, target: AnyActorRef, event: EventObject): void {
  systemInternals(source.system)._relay(source, target, event);
}

/** Our own observers on actors of other systems. */
const guests = new WeakMap<AnyActorRef, number>();

/**
 * Tells `listener` once when an actor above `ref` has ended. xstate stops the children of a machine that finishes or is
 * stopped, but those of one that threw run on as orphans. Whether the error of that actor is reported as unhandled stays
 * as it was without us. Returns a function that cancels.
 */
export function watchAncestors(ref: AnyActorRef, listener: () => void): () => void {
  const cancels: (() => void)[] = [];
  const cancel = () => {
    for (const each of cancels.splice(0)) each();
  };
  let open = true;
  const tell = () => {
    if (!open) return;
    open = false;
    cancel();
    listener();
  };
  for (let at = ref._parent; at !== undefined && open; at = at._parent) {
    if (isEnded(at)) tell();
    else cancels.push(watch(at, tell));
  }
  return () => {
    open = false;
    cancel();
  };
}

function watch(ref: AnyActorRef, tell: () => void): () => void {
  guests.set(ref, (guests.get(ref) ?? 0) + 1);
  const leave = () => guests.set(ref, (guests.get(ref) ?? 1) - 1);
  const error = (thrown: unknown) => {
    // xstate reports the error of a root that nobody observes. Guests do not count: the last one says what it would say.
    const isUnhandled = ref._parent === undefined && observerCount(ref) === guests.get(ref);
    const isLast = guests.get(ref) === 1;
    tell();
    if (isUnhandled && isLast) throw thrown;
  };
  const subscription = ref.subscribe({ error, complete: tell });
  let isHere = true;
  return () => {
    if (!isHere) return;
    isHere = false;
    subscription.unsubscribe();
    leave();
  };
}

/** Makes listeners of one actor harmless: what they throw goes to `onProblem` instead of the process. */
export function guardListeners(ref: AnyActorRef, onProblem: ProblemHandler): void {
  const { subscribe, on }: Stock = Object.getPrototypeOf(ref);
  const where = `listener of ${ref.id}`;
  ref.subscribe = ((
    listener?: Observer<unknown> | ((value: unknown) => void),
    onError?: (thrown: unknown) => void,
    onComplete?: () => void,
  ) => {
    const observer: Partial<Observer<unknown>> =
      typeof listener === 'object'
        ? listener
        : {
            ...(listener && { next: listener }),
            ...(onError && { error: onError }),
            ...(onComplete && { complete: onComplete }),
          };
    return subscribe.call(ref, {
      next: guarded(where, (value: unknown) => observer.next?.(value), onProblem),
      error: guarded(where, (thrown: unknown) => observer.error?.(thrown), onProblem),
      complete: guarded(where, () => observer.complete?.(), onProblem),
    });
  }) as AnyActorRef['subscribe']; // one function for both overloads
  ref.on = (type: string, handler: (event: unknown) => void) => on.call(ref, type, guarded(where, handler, onProblem));
}

/** The methods of xstate's actor class, under the guarded ones. */
interface Stock {
  subscribe(this: AnyActorRef, observer: Observer<unknown>): Subscription;
  on(this: AnyActorRef, type: string, handler: (event: unknown) => void): Subscription;
}
