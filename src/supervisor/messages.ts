// What travels through a supervisor's mailbox, and the answers of its API.
import type { AnyActorRef } from 'xstate';
import type { AgentError } from '../errors.ts';
import type { ChildSpec } from './child-spec.ts';
import type { ChildRecord } from './child-table.ts';
import type { ExitReason } from './exit-reason.ts';

/**
 * Asks an actor to end. Supervisors send it to children that handle it and wait for their end until the deadline of
 * `shutdown`; all others are stopped at once. See `handlesExit` for how a child takes part.
 */
export const EXIT_EVENT = 'supervisor.exit';

export interface ExitEvent {
  readonly type: typeof EXIT_EVENT;
  readonly reason: ExitReason;
}

/** An API call on its way. `answer` may be called at any time but counts once. */
export interface Request {
  readonly call: Call;
  answer(reply: unknown): void;
}

export type Call =
  | { readonly op: 'startChild'; readonly spec: ChildSpec }
  | { readonly op: 'terminateChild'; readonly target: string | AnyActorRef }
  | { readonly op: 'restartChild'; readonly id: string }
  | { readonly op: 'deleteChild'; readonly id: string }
  | { readonly op: 'updateSpecs'; readonly update: SpecUpdate };

export interface SpecUpdate {
  readonly strategy?: unknown;
  readonly intensity?: unknown;
  readonly periodMs?: unknown;
  readonly autoShutdown?: unknown;
  readonly children?: readonly ChildSpec[];
}

export type SupervisorEvent =
  | ExitEvent
  | { readonly type: 'supervisor.request'; readonly request: Request }
  | { readonly type: 'supervisor.down'; readonly ref: AnyActorRef }
  | { readonly type: 'supervisor.ready'; readonly ref: AnyActorRef }
  | { readonly type: 'supervisor.retry'; readonly record: ChildRecord; readonly token: object }
  | { readonly type: 'supervisor.timer'; readonly token: object }
  | { readonly type: `xstate.${string}`; readonly actorId?: string };

export type StartChildResult =
  | { readonly ok: true; readonly ref: AnyActorRef | undefined; readonly info?: unknown }
  | { readonly ok: false; readonly reason: 'already_started'; readonly ref: AnyActorRef }
  | { readonly ok: false; readonly reason: 'already_present' | 'max_children' | 'noproc' }
  | { readonly ok: false; readonly reason: 'start_failed'; readonly exit: ExitReason }
  | { readonly ok: false; readonly reason: 'invalid_spec'; readonly error: AgentError };

export type RestartChildResult =
  | { readonly ok: true; readonly ref: AnyActorRef | undefined; readonly info?: unknown }
  | { readonly ok: false; readonly reason: 'running' | 'restarting' | 'not_found' | 'simple_one_for_one' | 'noproc' }
  | { readonly ok: false; readonly reason: 'start_failed'; readonly exit: ExitReason };

export type TerminateChildResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: 'not_found' | 'simple_one_for_one' | 'noproc' };

export type DeleteChildResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: 'running' | 'restarting' | 'not_found' | 'simple_one_for_one' | 'noproc' };

export type UpdateSpecsResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: 'invalid_spec'; readonly error: AgentError }
  | { readonly ok: false; readonly reason: 'noproc' };
