// Being told of an actor's end, once, whatever end it takes.
import type { AnyActorRef } from 'xstate';
import { guarded } from '../observer.ts';
import { type ExitReason, exitReasonOf, outputOf } from './exit-reason.ts';
import { killTree, servicesOf } from './system-services.ts';
import { isEnded } from './xstate-internals.ts';

export interface Down {
  readonly ref: AnyActorRef;
  readonly reason: ExitReason;
  /** The output of an actor that finished by itself; undefined after every other end. */
  readonly output: unknown;
}

/**
 * Tells `listener` once when `ref` has ended; synchronously and at once when it already has. A listener that throws is
 * reported to `onProblem` and harmless. Works for every actor, supervised or not. Returns a function that cancels.
 */
export function monitor(ref: AnyActorRef, listener: (down: Down) => void): () => void {
  let open = true;
  const safely = guarded(`monitor of ${ref.id}`, listener, (problem) => servicesOf(ref.system).onProblem(problem));
  const tell = () => {
    if (!open) return;
    open = false;
    safely({ ref, reason: exitReasonOf(ref) ?? 'killed', output: outputOf(ref) });
  };
  if (isEnded(ref)) {
    tell();
    return () => {};
  }
  const subscription = ref.subscribe({ error: tell, complete: tell });
  return () => {
    open = false;
    subscription.unsubscribe();
  };
}

/**
 * Stops the actor and its whole subtree now, in reverse order of start, without asking: cleanup functions run, exit
 * actions do not. Its supervisor sees `killed` and applies the restart type. Harmless for an actor that has ended.
 */
export function kill(ref: AnyActorRef): void {
  killTree(ref, 'killed');
}

/**
 * Ties two actors: when one ends abnormally (not `normal`), the other is stopped with the same reason.
 * Returns a function that unties them. Off unless called; supervised siblings are never linked by themselves.
 */
export function link(a: AnyActorRef, b: AnyActorRef): () => void {
  const follow = (other: AnyActorRef) => (down: Down) => {
    unlink();
    if (down.reason !== 'normal') killTree(other, down.reason);
  };
  const cancels: (() => void)[] = [];
  const unlink = () => {
    for (const cancel of cancels) cancel();
  };
  cancels.push(monitor(a, follow(b)));
  cancels.push(monitor(b, follow(a)));
  return unlink;
}
