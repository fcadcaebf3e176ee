// What all supervisors of one actor system share: clock, guards, the index of live actors, and who reaps orphans.
import type { AnyActorRef, Observer, Subscription } from 'xstate';
import { realClock } from '../clock.ts';
import { guarded, type ProblemHandler, reportProblem } from '../observer.ts';
import type { ExitReason } from './exit-reason.ts';
import type { Registry } from './registry.ts';
import type { ReportHandler } from './report.ts';
import { installIndexedScheduler } from './scheduler.ts';
import {
  type AnyActorSystem,
  isEnded,
  plannedReason,
  planReason,
  stopActor,
  systemInternals,
  type XStateClock,
} from './xstate-internals.ts';

/** A supervisor, as seen by the system: it answers for its children itself. */
export interface ChildOwner {
  /** Called synchronously when a child ended, however it ended, before its parent or observers hear of it. */
  childEnded(ref: AnyActorRef): void;
  /** Called synchronously when the supervisor's own actor ended; nothing of it may stay alive. */
  ownerEnded(): void;
}

export interface SystemServices {
  readonly clock: XStateClock & { now(): number };
  onProblem: ProblemHandler;
  onReport: ReportHandler | undefined;
  registry: Registry | undefined;
  /** Random numbers in [0, 1) for jitter. */
  random: () => number;
  /** True when the whole system is ours (`startRoot`): every actor is guarded, not only supervised ones. */
  ownsSystem: boolean;
  readonly owners: WeakMap<AnyActorRef, ChildOwner>;
  /**
   * Live children by parent, in start order; a set is made for the second one. Supervisors are not in it, they keep their
   * own list.
   */
  readonly live: Map<AnyActorRef, AnyActorRef | Set<AnyActorRef>>;
}

const servicesBySystem = new WeakMap<AnyActorSystem, SystemServices>();

/** The services of a system, installed at first use. */
export function servicesOf(system: AnyActorSystem): SystemServices {
  const known = servicesBySystem.get(system);
  if (known !== undefined) return known;
  const clock = systemInternals(system)._clock;
  const services: SystemServices = {
    clock: {
      now: () => (clock.now === undefined ? realClock.now() : clock.now()),
      setTimeout: (fn, delayMs) => clock.setTimeout(fn, delayMs),
      clearTimeout: (handle) => clock.clearTimeout(handle),
    },
    // Nobody to tell yet: `startRoot({ onProblem })` replaces it. Problems come from courtesy calls and change nothing.
    onProblem: () => {},
    onReport: undefined,
    registry: undefined,
    random: Math.random,
    ownsSystem: false,
    owners: new WeakMap(),
    live: new Map(),
  };
  servicesBySystem.set(system, services);
  install(system, services);
  return services;
}

function install(system: AnyActorSystem, services: SystemServices): void {
  const inner = systemInternals(system);
  installIndexedScheduler(inner);

  const sendInspectionEvent = inner._sendInspectionEvent;
  inner._sendInspectionEvent = (event) => {
    // An inspector that throws would leave the mailbox of the inspected actor blocked for ever.
    try {
      sendInspectionEvent(event);
    } catch (error) {
      reportProblem(services.onProblem, { where: 'inspect', error });
    }
  };

  const inspect = system.inspect;
  system.inspect = (observer: Parameters<typeof inspect>[0]) => {
    const next = typeof observer === 'function' ? observer : (event: unknown) => observer.next?.(event as never); // xstate calls it with its own events only
    return inspect(guarded('inspect', next, (problem) => services.onProblem(problem)));
  };

  const register = inner._register;
  inner._register = (sessionId, actor) => {
    const parent = actor._parent;
    if (parent !== undefined && !services.owners.has(parent)) {
      const siblings = services.live.get(parent);
      if (siblings === undefined) services.live.set(parent, actor);
      else if (siblings instanceof Set) siblings.add(actor);
      else services.live.set(parent, new Set([siblings, actor]));
    }
    if (services.ownsSystem) guardActor(actor);
    return register(sessionId, actor);
  };

  const unregister = inner._unregister;
  inner._unregister = (actor) => {
    unregister(actor);
    afterEnd(actor, services);
  };
}

/** xstate calls `_unregister` on every end, after the actor's own handling: what still lives below it is an orphan. */
function afterEnd(actor: AnyActorRef, services: SystemServices): void {
  const parent = actor._parent;
  if (parent !== undefined) {
    const siblings = services.live.get(parent);
    if (siblings instanceof Set && siblings.size > 1) siblings.delete(actor);
    else if (siblings === actor || (siblings instanceof Set && siblings.has(actor))) services.live.delete(parent);
  }
  services.owners.get(actor)?.ownerEnded();
  if (services.live.has(actor) && (services.ownsSystem || isSupervised(actor, services))) {
    killChildren(actor, services);
  }
  if (parent !== undefined) services.owners.get(parent)?.childEnded(actor);
}

function isSupervised(actor: AnyActorRef, services: SystemServices): boolean {
  for (let at = actor._parent; at !== undefined; at = at._parent) if (services.owners.has(at)) return true;
  return false;
}

function killChildren(ref: AnyActorRef, services: SystemServices): void {
  const children = services.live.get(ref);
  if (children === undefined) return;
  if (!(children instanceof Set)) killTree(children);
  else for (const child of [...children].reverse()) killTree(child);
}

/**
 * Stops `ref` and everything below it now, children before parents and in reverse order of their start. An actor that
 * is in the middle of handling an event stops as soon as it has handled it. `reason` is what its supervisor is told.
 */
export function killTree(ref: AnyActorRef, reason: ExitReason = 'killed'): void {
  if (isEnded(ref)) return;
  const services = servicesOf(ref.system);
  if (plannedReason(ref) !== 'killed') planReason(ref, reason);
  // A supervisor stops its own children when it stops, also when it has to wait for its turn.
  if (!services.owners.has(ref)) killChildren(ref, services);
  stopActor(ref);
}

/**
 * Makes listeners of one actor harmless: what they throw goes to `onProblem`. xstate rethrows it as an uncaught
 * exception, and also an actor's own error when a single one of its observers has no `error` callback.
 * Shared functions, so that an actor costs two fields and no closures.
 */
export function guardActor(ref: AnyActorRef): void {
  if (Object.hasOwn(ref, 'subscribe')) return;
  ref.subscribe = guardedSubscribe as AnyActorRef['subscribe']; // one function for both overloads
  ref.on = guardedOn;
}

type Listener = Observer<unknown> | ((value: unknown) => void) | undefined;

function guardedSubscribe(
  this: AnyActorRef,
  listener?: Listener,
  onError?: (error: unknown) => void,
  onComplete?: () => void,
): Subscription {
  // Calls keep an observer object as their receiver, as xstate does.
  const observer: Observer<unknown> =
    typeof listener === 'object'
      ? listener
      : {
          ...(listener && { next: listener }),
          ...(onError && { error: onError }),
          ...(onComplete && { complete: onComplete }),
        };
  const where = `observer of ${this.id}`;
  const tell: ProblemHandler = (problem) => servicesOf(this.system).onProblem(problem);
  return stockMethods(this).subscribe.call(this, {
    ...(observer.next && { next: guarded(where, (value: unknown) => observer.next?.(value), tell) }),
    // Always: a single observer without it makes xstate throw the error of the actor.
    error: guarded(where, (thrown: unknown) => observer.error?.(thrown), tell),
    ...(observer.complete && { complete: guarded(where, () => observer.complete?.(), tell) }),
  });
}

function guardedOn(this: AnyActorRef, type: string, handler: (event: unknown) => void): Subscription {
  const tell: ProblemHandler = (problem) => servicesOf(this.system).onProblem(problem);
  return stockMethods(this).on.call(this, type, guarded(`listener of ${this.id}`, handler, tell));
}

interface StockMethods {
  subscribe(this: AnyActorRef, observer: Observer<unknown>): Subscription;
  on(this: AnyActorRef, type: string, handler: (event: unknown) => void): Subscription;
}

/** The methods of xstate's actor class, under the guarded ones. */
function stockMethods(ref: AnyActorRef): StockMethods {
  return Object.getPrototypeOf(ref);
}
