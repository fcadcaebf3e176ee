// What a supervisor tells about itself: the five reports of OTP, as emitted events and through a callback.
import type { AnyActorRef } from 'xstate';
import type { ChildType, RestartType, Shutdown } from './child-spec.ts';
import type { ExitReason } from './exit-reason.ts';

/**
 * `progress`: a child runs. `child_terminated`: a child ended by itself, abnormally or though it is permanent.
 * `start_error`: a start failed. `shutdown_error`: a child did not end as it was told to.
 * `shutdown`: the supervisor gives up, because of `child`.
 */
export type ReportKind = 'progress' | 'child_terminated' | 'start_error' | 'shutdown_error' | 'shutdown';

/** Emitted by supervisors; listen with `ref.on('report', (report) => ...)`. */
export interface Report {
  readonly type: 'report';
  readonly kind: ReportKind;
  /** Ids from the root to the supervisor, joined by `/`. */
  readonly supervisor: string;
  readonly child: ReportedChild;
  /** Why: the exit of the child, the failure of the start, or `reached_max_restart_intensity`. None for progress. */
  readonly reason?: ExitReason | 'reached_max_restart_intensity';
  /** How often a group of dynamic children failed in the same way at shutdown. Default 1. */
  readonly count?: number;
}

export interface ReportedChild {
  readonly id: string;
  readonly type: ChildType;
  readonly restart: RestartType;
  readonly shutdown: Shutdown;
  readonly significant: boolean;
  readonly ref: AnyActorRef | undefined;
}

export type ReportHandler = (report: Report) => void;

/** The path of an actor in its tree, for people: `runtime/sessions/session:1`. */
export function pathOf(ref: AnyActorRef): string {
  const ids: string[] = [];
  for (let at: AnyActorRef | undefined = ref; at !== undefined; at = at._parent) ids.unshift(at.id);
  return ids.join('/');
}
