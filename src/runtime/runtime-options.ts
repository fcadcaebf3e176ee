// What a runtime and a session are made with, and the rules that it is checked by.
import type { InspectionEvent } from 'xstate';
import type { Clock } from '../clock.ts';
import type { Ids } from '../ids.ts';
import type { ProblemHandler } from '../observer.ts';
import { fieldsOf, hasMethod, having, isFunction, isObject, listOf, wholeNumberFrom } from '../options.ts';
import type { ChildSpec, Report } from '../supervisor/index.ts';
import type { ToolLogEntry } from '../tools/index.ts';
import type { Transport } from '../transports/transport.ts';
import { Agent } from './agent.ts';
import type { ProviderChoice } from './resolve-providers.ts';
import type { SessionOptionsInput } from './session-options.ts';

/** What XState takes as `inspect`: a function, or an observer as stock inspectors have it. */
export type InspectionObserver =
  | ((event: InspectionEvent) => void)
  | { readonly next?: ((event: InspectionEvent) => void) | undefined };

export interface RuntimeOptions {
  /** Providers of agents that bring none of their own. Default: the embedded ones, fetched at first use. */
  readonly providers?: ProviderChoice;
  /** Session options where `startSession` gives none, key by key in groups too. */
  readonly session?: SessionOptionsInput;
  /** Sessions at the same time; one more is refused with ERR_MAX_SESSIONS. Default 100; 0 refuses all. */
  readonly maxSessions?: number;
  /** An XState inspection observer for every actor of the tree, such as the `inspect` of a stock inspector. May throw. */
  readonly inspect?: InspectionObserver;
  /** Told what listeners, inspectors and hooks threw. Default: written to stderr, once for each place. */
  readonly onProblem?: ProblemHandler;
  /** Log lines of tools. Default: nobody. */
  readonly onLog?: (entry: ToolLogEntry) => void;
  /** Restarts and ends of supervised children. Default: nobody. */
  readonly onReport?: (report: Report) => void;
  /** Supervised children beside the sessions (health server, worker, telemetry), started in this order, stopped in reverse. */
  readonly children?: readonly ChildSpec<unknown>[];
  /** Default: the clock of the process. */
  readonly clock?: Clock;
  /** Default: random ids. */
  readonly ids?: Ids;
}

export interface SessionStartOptions {
  readonly agent: Agent;
  readonly transport: Transport;
  readonly options?: SessionOptionsInput;
  /** Data for the tools of this session. */
  readonly userData?: Readonly<Record<string, unknown>>;
}

const callback = <F>() => having<F>(isFunction, 'must be a function').optional();

/** Rules of {@link RuntimeOptions}. */
export const runtimeRules = fieldsOf<RuntimeOptions>()({
  providers: having<ProviderChoice>(isObject, 'must be an object').default({}),
  session: having<SessionOptionsInput>(isObject, 'must be an object').default({}),
  maxSessions: wholeNumberFrom(0, Number.MAX_SAFE_INTEGER, 'must be a whole number >= 0').default(100),
  inspect: having<InspectionObserver>(
    (value) => isFunction(value) || hasMethod('next')(value),
    'must be a function or an observer with a method `next`',
  ).optional(),
  onProblem: callback<ProblemHandler>(),
  onLog: callback<NonNullable<RuntimeOptions['onLog']>>(),
  onReport: callback<NonNullable<RuntimeOptions['onReport']>>(),
  children: listOf(having<ChildSpec<unknown>>(isObject, 'must be a child spec')).default([]),
  clock: having<Clock>(isObject, 'must be a Clock').optional(),
  ids: having<Ids>(isObject, 'must be an Ids').optional(),
});

/** Rules of {@link SessionStartOptions}. */
export const startRules = fieldsOf<SessionStartOptions>()({
  agent: having<Agent>((value) => value instanceof Agent, 'must be an Agent'),
  transport: having<Transport>(hasMethod('open'), 'must be an object with a method `open`'),
  options: having<SessionOptionsInput>(isObject, 'must be an object').optional(),
  userData: having<Readonly<Record<string, unknown>>>(
    (value) => isObject(value) && !Array.isArray(value),
    'must be an object',
  ).default({}),
});
