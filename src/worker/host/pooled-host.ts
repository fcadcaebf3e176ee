// One host process of the pool: its actor and its link, the jobs it has and may still be given, and how it is.
import type { ActorRefFrom } from 'xstate';
import type { HostDeath, HostEvent, hostMachine } from '../../machines/host.machine.ts';
import type { OptionsOf } from '../../options.ts';
import type { AssignedJob, HostStatus, Presence, RunningSession, RunReport } from '../runner.ts';
import type { FromHost, HostLink } from './host-link.ts';
import type { hostOptions } from './host-options.ts';

export type HostLimits = OptionsOf<typeof hostOptions>;

export interface HostedJob {
  readonly job: AssignedJob;
  readonly report: (report: RunReport) => void;
  /** Null while it waits for a host that is still starting. */
  host: PooledHost | null;
  presence: { readonly state: Presence; readonly sinceMs: number };
}

type Beat = Pick<Extract<FromHost, { type: 'beat' }>, 'rssBytes' | 'sessions'> & Pick<HostStatus, 'loopLag'>;

export class PooledHost {
  readonly id: string;
  readonly forkedAtMs: number;
  readonly jobs = new Map<string, HostedJob>();
  actor: ActorRefFrom<typeof hostMachine> | null = null;
  link: HostLink | null = null;
  isReady = false;
  isRecycling = false;
  /** What is known of its end; null while it runs well. */
  failure: string | null = null;
  readonly #limits: HostLimits;
  #served = 0;
  #emptySinceMs: number;
  #beat: Beat = { rssBytes: 0, loopLag: null, sessions: [] };
  #hasWarned = false;

  constructor(id: string, limits: HostLimits, nowMs: number) {
    this.id = id;
    this.#limits = limits;
    this.forkedAtMs = nowMs;
    this.#emptySinceMs = nowMs;
  }

  /** To its chart; nobody hears it while there is none. */
  tell(event: HostEvent): void {
    if (this.actor?.getSnapshot().status === 'active') this.actor.send(event);
  }

  /** Jobs it may still be given. */
  get room(): number {
    const { sessionsPerHost, recycleAfterJobs } = this.#limits;
    return Math.min(sessionsPerHost - this.jobs.size, recycleAfterJobs - this.#served);
  }

  get isFull(): boolean {
    return this.jobs.size >= this.#limits.sessionsPerHost;
  }

  get isWorn(): boolean {
    return this.#served >= this.#limits.recycleAfterJobs;
  }

  /** It takes jobs, or will when it is ready. */
  get isServing(): boolean {
    return !this.isRecycling && !this.isWorn;
  }

  /** Since when it has been of no use, in milliseconds; null when it has a job, or has not had one yet. */
  get idleSinceMs(): number | null {
    return this.jobs.size > 0 || this.#served === 0 ? null : this.#emptySinceMs;
  }

  give(hosted: HostedJob): void {
    hosted.host = this;
    this.jobs.set(hosted.job.info.id, hosted);
    this.#served++;
    this.link?.send({ type: 'start', job: hosted.job });
  }

  /** The job is over. */
  release(jobId: string, nowMs: number): void {
    const wasFull = this.isFull;
    this.jobs.delete(jobId);
    this.#emptySinceMs = nowMs;
    if (this.isRecycling && this.jobs.size === 0) this.tell({ type: 'host.emptied' });
    else if (wasFull) this.tell({ type: 'host.freed' });
  }

  /** No more jobs; it ends when it has none. */
  recycle(): void {
    this.isRecycling = true;
    this.tell({ type: 'host.recycle' });
    if (this.jobs.size === 0) this.tell({ type: 'host.emptied' });
  }

  beat(beat: Beat): void {
    this.#beat = beat;
    this.tell({ type: 'host.beat' });
  }

  get rssMb(): number {
    return Math.round(this.#beat.rssBytes / 1_048_576);
  }

  /** What its memory calls for: a warning once, its end at the limit. */
  memoryVerdict(): 'fine' | 'warn' | 'recycle' {
    const { memoryWarningMb, memoryLimitMb } = this.#limits;
    if (this.rssMb >= memoryLimitMb) return 'recycle';
    if (this.#hasWarned || this.rssMb < memoryWarningMb) return 'fine';
    this.#hasWarned = true;
    return 'warn';
  }

  get sessions(): readonly RunningSession[] {
    return this.#beat.sessions;
  }

  /** For monitoring. */
  get status(): HostStatus {
    const { rssBytes, loopLag } = this.#beat;
    const value = this.actor?.getSnapshot().value;
    const state = typeof value === 'string' ? value : 'recycling';
    return { hostId: this.id, pid: this.link?.pid, state, jobs: this.jobs.size, rssBytes, loopLag };
  }
}

/** An actor that was killed, with its supervisor as a rule, has no output. */
export function deathOf(output: unknown): HostDeath | 'killed' {
  return typeof output === 'object' && output !== null && 'death' in output ? (output.death as HostDeath) : 'killed'; // output of hostMachine
}
