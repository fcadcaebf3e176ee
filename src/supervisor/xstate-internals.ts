// The one place that reaches behind xstate's public types. Each access says why no public way exists.
import type { AnyActorLogic, AnyActorRef } from 'xstate';
import type { ExitReason } from './exit-reason.ts';

/** xstate does not export the type of its systems. */
export type AnyActorSystem = AnyActorRef['system'];

/** What xstate keeps on every actor; the names are the same in its development and production builds. */
interface ActorInternals {
  /** 0 not started, 1 running, 2 stopped. */
  readonly _processingStatus: number;
  readonly observers: Set<{ complete?: () => void }>;
  readonly eventListeners: Map<string, { readonly size: number }>;
  readonly logic: AnyActorLogic;
  _stop(): void;
  _stopProcedure(): void;
  _complete(): void;
}

/** What a system offers besides its public type. */
export interface SystemInternals {
  readonly _clock: XStateClock;
  _register(sessionId: string, actor: AnyActorRef): string;
  _unregister(actor: AnyActorRef): void;
  _sendInspectionEvent(event: unknown): void;
  _relay(source: AnyActorRef | undefined, target: AnyActorRef, event: unknown): void;
  _snapshot: { _scheduledEvents: Record<string, unknown> };
  scheduler: XStateScheduler;
}

/** xstate asks no more of a clock than this; ours also has `now`. */
export interface XStateClock {
  setTimeout(fn: () => void, delayMs: number): unknown;
  clearTimeout(handle: unknown): void;
  now?(): number;
}

export interface XStateScheduler {
  schedule(source: AnyActorRef, target: AnyActorRef, event: unknown, delay: number, id?: string): void;
  cancel(source: AnyActorRef, id: string): void;
  cancelAll(actor: AnyActorRef): void;
}

/** `system` carries clock, registration and relay as undocumented fields; there is no public hook for an actor's end. */
export function systemInternals(system: AnyActorSystem): SystemInternals {
  return system as unknown as SystemInternals; // same object, wider view
}

function internals(ref: AnyActorRef): ActorInternals {
  return ref as unknown as ActorInternals; // same object, wider view
}

/** `src`, which is public, may be the name it was invoked under instead. */
export function logicOf(ref: AnyActorRef): AnyActorLogic {
  return internals(ref).logic;
}

/** Started and not ended. A snapshot cannot tell: reducers keep the status `active` after a stop. */
export function isRunning(ref: AnyActorRef): boolean {
  return internals(ref)._processingStatus === 1;
}

/** Ended: done, crashed or stopped. False before the start. */
export function isEnded(ref: AnyActorRef): boolean {
  return internals(ref)._processingStatus === 2;
}

/** Stops any actor, also one that is not a root; `stop()` refuses that and `stopChild` works for own children only. */
export function stopActor(ref: AnyActorRef): void {
  internals(ref)._stop();
}

/** Ends an actor whose mailbox no longer moves. Its own stop handling is skipped, as it could not run any more. */
export function forceStop(ref: AnyActorRef): void {
  internals(ref)._stopProcedure();
  internals(ref)._complete();
}

/**
 * Runs `fn` when the observers of an actor that is being stopped have been told. By then it takes no subscriptions any
 * more, and xstate tells its parent nothing, so the list of its observers is the only place left.
 */
export function afterObservers(ref: AnyActorRef, fn: () => void): void {
  internals(ref).observers.add({ complete: fn });
}

/** How many observers an actor has: the only one of a root decides whether its error counts as handled. */
export function observerCount(ref: AnyActorRef): number {
  return internals(ref).observers.size;
}

/** Does anybody listen to emitted events? Spares building reports that nobody reads. */
export function hasListeners(ref: AnyActorRef): boolean {
  for (const listeners of internals(ref).eventListeners.values()) if (listeners.size > 0) return true;
  return false;
}

/** With which reason an actor is being stopped by a supervisor or by `kill`; xstate knows only `stopped`. */
const planned = new WeakMap<AnyActorRef, ExitReason>();

export function planReason(ref: AnyActorRef, reason: ExitReason): void {
  planned.set(ref, reason);
}

export function plannedReason(ref: AnyActorRef): ExitReason | undefined {
  return planned.get(ref);
}
