// Callback logic whose failures always reach its supervisor, also those that come later than xstate looks.
import { type AnyEventObject, type CallbackActorLogic, type EventObject, fromCallback } from 'xstate';

export interface CallbackTools<E extends EventObject, Input> {
  readonly input: Input;
  /** Sends an event to the parent; dropped once the actor has ended. */
  sendBack(event: AnyEventObject): void;
  receive(listener: (event: E) => void): void;
  /** Ends the actor with `error`; `throw new Exit(...)` may be given as well. Ignored once the actor has ended. */
  fail(error: unknown): void;
  /** Wraps a function for timers, sockets and other foreign callers: what it throws or rejects with goes to `fail`. */
  guard<A extends readonly unknown[]>(fn: (...args: A) => unknown): (...args: A) => void;
}

const FAILED = 'supervisor.failed';

/**
 * `fromCallback` with two traps closed: a callback that is async and rejects ends the actor instead of the process, and
 * `guard` gives late callers a way to fail. A returned function, also one that a promise brings, is the cleanup.
 */
export function guardedCallback<E extends EventObject, Input = undefined>(
  callback: (tools: CallbackTools<E, Input>) => unknown,
): CallbackActorLogic<E, Input> {
  return fromCallback<E, Input>(({ input, sendBack, receive, self }) => {
    let ended = false;
    // An event is the one door through which an actor can be made to fail from outside its own stack.
    const fail = (error: unknown) => {
      if (!ended) self.send({ type: FAILED, error } as unknown as E); // internal, filtered out of `receive`
    };
    receive((event) => {
      if (event.type === FAILED && 'error' in event) throw event.error;
    });
    const tools: CallbackTools<E, Input> = {
      input,
      sendBack: (event) => {
        if (!ended) sendBack(event);
      },
      receive: (listener) =>
        receive((event) => {
          if (event.type !== FAILED) listener(event);
        }),
      fail,
      guard:
        (fn) =>
        (...args) => {
          try {
            const result = fn(...args);
            if (result instanceof Promise) result.catch(fail);
          } catch (error) {
            fail(error);
          }
        },
    };
    let cleanup: unknown;
    const result = callback(tools);
    if (result instanceof Promise) {
      result.then((late) => {
        if (!ended) cleanup = late;
        else if (typeof late === 'function') tools.guard(() => late())();
      }, fail);
    } else {
      cleanup = result;
    }
    return () => {
      ended = true;
      if (typeof cleanup === 'function') cleanup();
    };
  });
}
