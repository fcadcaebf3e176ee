// Contract: where the entry function of a job runs - in this process, or in a host process of a pool.
import type { ChildSpec } from '../supervisor/index.ts';
import type { JobInfo } from './job/job-info.ts';
import type { Connection } from './server/connection-options.ts';

/** A job that the server gave to this worker. */
export interface AssignedJob {
  readonly info: JobInfo;
  /** Server to join. */
  readonly url: string;
  /** Token of the agent for the room. */
  readonly token: string;
  /** Identity of the agent in the room. */
  readonly identity: string;
  /** Where and with which key the job asks the server's API. It goes with the job: its host may outlive the worker. */
  readonly server: Connection;
}

/** How one shutdown callback ended. */
export interface CallbackResult {
  readonly name: string;
  readonly outcome: 'done' | 'failed' | 'timedOut';
  readonly error: string | null;
}

export type RunReport =
  | { readonly type: 'job.started' }
  /** The entry function and everything it held are over, or the job asked to end. */
  | { readonly type: 'job.finished'; readonly reason: string; readonly error: string | null }
  | { readonly type: 'job.ended'; readonly error: string | null; readonly callbacks: readonly CallbackResult[] }
  | { readonly type: 'job.died'; readonly error: string }
  /** `presence()` has changed; no event of the job's chart. */
  | { readonly type: 'job.presence'; readonly state: Presence };

/**
 * Where the agent is: it has never joined a room, joins, is in it, or is out of it. `left`: by itself. `lost`: the network
 * failed, and it may join again. `removed`: it was sent away, its identity was taken, or the room is gone.
 */
export type Presence = 'none' | 'joining' | 'joined' | 'left' | 'lost' | 'removed';

export interface JobRun {
  /** Aborts the job's signal and has its shutdown callbacks run; `job.ended` follows. Idempotent. */
  stop(reason: string): void;
  /** Lets go of the job without callbacks. Nothing is reported afterwards. Idempotent. */
  kill(): void;
  presence(): { readonly state: Presence; readonly sinceMs: number };
}

/** A session as monitoring sees it: no words of it. */
export interface RunningSession {
  readonly sessionId: string;
  /** Null when no job started it. */
  readonly jobId: string | null;
  readonly roomName: string | null;
  /** Identity of whom it talks to in the room; null while there is nobody. */
  readonly participant: string | null;
  readonly agentId: string;
  readonly state: string;
  readonly modelCalls: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** How late the event loop of a process was, in milliseconds. */
export interface LagReading {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** A host process as monitoring sees it. */
export interface HostStatus {
  readonly hostId: string;
  readonly pid: number | undefined;
  readonly state: string;
  readonly jobs: number;
  readonly rssBytes: number;
  /** Of the 2.5 s before its last beat; null before the first. */
  readonly loopLag: LagReading | null;
}

export interface JobRunner {
  /**
   * What of the runner is supervised: first in the worker's tree, started before `open`, and asked to end when the jobs
   * have ended. Default: nothing.
   */
  childSpec?(): ChildSpec<unknown>;
  /** False while there is nothing that could run a job, and health is red. Default: always true. */
  readonly isReady?: boolean;
  /** Makes the runner ready for its first job, prewarming included. */
  open(): Promise<void>;
  /** Free slots at this moment; the worker takes no job without one. */
  freeSlots(): number;
  /** Never throws; what goes wrong is reported. Reports may come before this returns. */
  start(job: AssignedJob, report: (report: RunReport) => void): JobRun;
  /** Its host processes; none when jobs run in this one. */
  readonly hosts: readonly HostStatus[];
  /** The sessions of its jobs. */
  sessions(): readonly RunningSession[];
  /** Idempotent. Jobs have ended before. */
  close(): Promise<void>;
}
