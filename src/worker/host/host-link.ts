// Contract: one host process as the pool sees it, and what goes back and forth.
import type { AssignedJob, LagReading, RunningSession, RunReport } from '../runner.ts';

export type ToHost =
  | { readonly type: 'start'; readonly job: AssignedJob }
  | { readonly type: 'stop'; readonly jobId: string; readonly reason: string }
  | { readonly type: 'kill'; readonly jobId: string }
  /** End when no job is left, which is now as a rule. */
  | { readonly type: 'leave' };

export type FromHost =
  | { readonly type: 'ready' }
  /** It cannot serve: its module does not load, or prewarming failed. It ends by itself. */
  | { readonly type: 'failed'; readonly error: string }
  | {
      readonly type: 'beat';
      readonly rssBytes: number;
      readonly loopLag: LagReading;
      readonly sessions: readonly RunningSession[];
    }
  | { readonly type: 'report'; readonly jobId: string; readonly report: RunReport };

export interface HostLink {
  readonly pid: number | undefined;
  /** Never throws; to a process that is gone it says nothing. */
  send(message: ToHost): void;
  /** Ends the process at once. Idempotent. */
  kill(): void;
}

export interface HostListener {
  onMessage(message: FromHost): void;
  /** Once. */
  onExit(how: string): void;
}

export type ForkHost = (listener: HostListener) => HostLink;

/** How often a host shows that it is alive. */
export const BEAT_EVERY_MS = 2_500;
