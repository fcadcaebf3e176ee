// Starts the root of an actor system with everything a supervised tree needs: clock, guards, scheduler, reaping.
import { type Actor, type AnyActorLogic, createActor, type InputFrom, type InspectionEvent } from 'xstate';
import { type Clock, realClock } from '../clock.ts';
import { guarded, type ProblemHandler } from '../observer.ts';
import type { Registry } from './registry.ts';
import type { ReportHandler } from './report.ts';
import { guardActor, servicesOf } from './system-services.ts';

export interface RootOptions<L extends AnyActorLogic> {
  /** Drives every timer of the system. Default: the clock of the process. */
  readonly clock?: Clock;
  readonly input?: InputFrom<L>;
  /** Id of the root actor, first part of the paths in reports. Default: made by xstate. */
  readonly id?: string;
  /** Sees every actor, event and snapshot of the system. May throw. */
  readonly inspect?: (event: InspectionEvent) => void;
  /** Told what listeners, inspectors and report handlers threw. Default: nobody. */
  readonly onProblem?: ProblemHandler;
  /** Told the reports of every supervisor in the system that has no handler of its own or above it. */
  readonly onReport?: ReportHandler;
  /** Default registry of every supervisor in the system. */
  readonly registry?: Registry;
  /** Random numbers in [0, 1) for the jitter of backoffs. Default `Math.random`. */
  readonly random?: () => number;
  /** Called between creation and start: the place to subscribe. */
  readonly onSpawn?: (root: Actor<L>) => void;
}

/**
 * Creates and starts a root actor. Its system has an indexed scheduler; whatever an actor leaves behind when it ends
 * is stopped; listeners and inspectors that throw are told to `onProblem` and change nothing; an error of the root
 * itself stays in its snapshot and never becomes an uncaught exception.
 */
export function startRoot<L extends AnyActorLogic>(logic: L, options: RootOptions<L> = {}): Actor<L> {
  const { clock = realClock, input, id, inspect, onProblem = () => {}, onReport, registry, random, onSpawn } = options;
  const settings = {
    clock: xstateClock(clock),
    ...(input !== undefined && { input }),
    ...(id !== undefined && { id }),
    ...(inspect !== undefined && { inspect: guarded('inspect', inspect, onProblem) }),
  };
  // `createActor` wants `input` required or absent depending on L, which is open here; the option above has its type.
  const root = createActor(logic as AnyActorLogic, settings) as Actor<L>;
  const services = servicesOf(root.system);
  services.onProblem = onProblem;
  services.onReport = onReport;
  services.registry = registry;
  services.random = random ?? Math.random;
  services.ownsSystem = true;
  guardActor(root);
  root.subscribe({ error: () => {} });
  onSpawn?.(root);
  return root.start();
}

/** The clock as xstate calls it: with methods torn off nothing, and `now` for whoever knows about it. */
function xstateClock(clock: Clock) {
  return {
    now: () => clock.now(),
    setTimeout: (fn: (...args: unknown[]) => void, delayMs: number) => clock.setTimeout(fn, delayMs),
    clearTimeout: (handle: unknown) => clock.clearTimeout(handle),
  };
}
