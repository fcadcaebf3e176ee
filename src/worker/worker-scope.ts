// What all parts of one worker share and what must outlive the crash of any of them.
import type { Clock } from '../clock.ts';
import type { Ids } from '../ids.ts';
import { guarded, type ProblemHandler } from '../observer.ts';
import type { WorkerDefinition } from './define-worker.ts';
import { type JobRecord, JobTable } from './job-table.ts';
import { type CpuMeter, loadOf } from './load.ts';
import type { Logger } from './logger.ts';
import type { CallbackResult, JobRunner } from './runner.ts';
import type { OpenSocket } from './server/agent-socket.ts';
import type { Connection } from './server/connection-options.ts';
import { STATUS_EVERY_MS } from './server/heartbeat.ts';
import type { ReportedStatus } from './server/messages.ts';
import type { Registration } from './server/registration.ts';
import type { ServerApi } from './server/server-api.ts';

/** What came of one offer; told once for each, when nothing of the job is left. */
export interface JobReport {
  readonly jobId: string;
  readonly roomName: string;
  readonly outcome: 'succeeded' | 'failed' | 'refused' | 'expired';
  readonly reason: string;
  readonly error: string | null;
  /** Since the offer. */
  readonly durationMs: number;
  readonly callbacks: readonly CallbackResult[];
}

export interface WorkerScopeOptions {
  readonly definition: WorkerDefinition;
  readonly connection: Connection;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  readonly cpu: CpuMeter;
  readonly runner: JobRunner;
  readonly openSocket: OpenSocket;
  /** Null: the server cannot be asked anything. */
  readonly api: ServerApi | null;
  /** Attempts to connect before the first registration; null means for ever. */
  readonly initialAttempts: number | null;
  readonly onProblem: ProblemHandler;
  readonly onJobReport: (report: JobReport) => void;
}

/** Outcomes kept for a server that is away; a worker ends far fewer jobs within one outage. */
const MAX_UNTOLD = 1_000;

export class WorkerScope {
  readonly definition: WorkerDefinition;
  readonly connection: Connection;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  readonly runner: JobRunner;
  readonly openSocket: OpenSocket;
  readonly api: ServerApi | null;
  readonly initialAttempts: number | null;
  readonly jobs: JobTable;
  readonly registrations = new Map<string, Registration>();
  /** Jobs by outcome since the start. */
  readonly totals = { succeeded: 0, failed: 0, refused: 0, expired: 0 };
  isDraining = false;
  readonly onProblem: ProblemHandler;
  readonly #cpuMeter: CpuMeter;
  readonly #report: (report: JobReport) => void;
  readonly #untold = new Map<string, { readonly status: ReportedStatus; readonly error: string | null }>();
  #cpu = 0;
  #cpuAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: WorkerScopeOptions) {
    this.definition = options.definition;
    this.connection = options.connection;
    this.clock = options.clock;
    this.ids = options.ids;
    this.logger = options.logger;
    this.runner = options.runner;
    this.openSocket = options.openSocket;
    this.api = options.api;
    this.initialAttempts = options.initialAttempts;
    this.onProblem = options.onProblem;
    this.#cpuMeter = options.cpu;
    this.#report = guarded('onJobReport', options.onJobReport, options.onProblem);
    this.jobs = new JobTable(options.definition.maxJobs, () => this.#jobsChanged());
  }

  /** The server knows this worker: from then on it never gives up. */
  get hasRegistered(): boolean {
    return [...this.registrations.values()].some(({ registrations }) => registrations > 0);
  }

  get isFull(): boolean {
    return this.jobs.isFull;
  }

  /** Share of the capacity in use, 0 to 1. The processor counts as the average of the last 2.5 s or more. */
  load(): number {
    const now = this.clock.now();
    if (now - this.#cpuAtMs >= STATUS_EVERY_MS) {
      this.#cpuAtMs = now;
      this.#cpu = this.#cpuMeter();
    }
    const { jobs } = this;
    return loadOf({
      cpu: this.#cpu,
      running: jobs.count('running'),
      reserved: jobs.count('reserved'),
      maxJobs: jobs.maxJobs,
    });
  }

  /** Tells the server what became of a job, now or at the next registration. The last word counts. */
  tellStatus(
    job: { readonly jobId: string; readonly registrationId: string },
    status: ReportedStatus,
    error: string | null,
  ) {
    const registration = this.registrations.get(job.registrationId);
    if (registration?.tellStatus(job.jobId, status, error) === true) return;
    if (this.#untold.size >= MAX_UNTOLD) this.#untold.delete(this.#untold.keys().next().value ?? '');
    this.#untold.set(job.jobId, { status, error });
  }

  /** After a registration: what the server missed. */
  tellMissed(registration: Registration): void {
    const running = this.jobs
      .list()
      .filter((job) => job.registrationId === registration.id && job.phase === 'running')
      .map((job) => job.info.id);
    if (running.length > 0) registration.announce(running);
    for (const [jobId, { status, error }] of [...this.#untold]) {
      if (registration.tellStatus(jobId, status, error)) this.#untold.delete(jobId);
    }
  }

  /** The one place where a job ends. */
  finish(record: JobRecord, end: Pick<JobReport, 'outcome' | 'reason' | 'error'>): void {
    if (this.jobs.get(record.info.id) !== record) return;
    record.run?.kill();
    const { info, registrationId, phase, callbacks } = record;
    if (phase === 'running') {
      const isSuccess = end.outcome === 'succeeded';
      this.tellStatus({ jobId: info.id, registrationId }, isSuccess ? 'success' : 'failed', end.error);
    }
    this.totals[end.outcome]++;
    const durationMs = this.clock.now() - record.offeredAtMs;
    this.#report({ jobId: info.id, roomName: info.roomName, ...end, durationMs, callbacks });
    const fields = { ...idsOf(record), ...end, durationMs: Math.round(durationMs) };
    if (end.outcome === 'failed') this.logger.error(fields, 'job failed');
    else this.logger.info(fields, `job ${end.outcome}`);
    this.jobs.release(record);
  }

  /** Takes no more jobs; each registration ends when no job is left. */
  drain(): void {
    this.isDraining = true;
    for (const registration of this.registrations.values()) {
      registration.tell({ type: 'worker.drain', jobs: this.jobs.size });
    }
  }

  /** Ends the running jobs as well. */
  force(): void {
    this.isDraining = true;
    for (const registration of this.registrations.values()) registration.tell({ type: 'worker.force' });
  }

  /** Asks every job to end; with none left the registrations are told so. */
  endJobs(reason: string): void {
    for (const { actor } of this.jobs.list()) actor?.send({ type: 'job.stop', reason });
    this.#tellEmptied();
  }

  #jobsChanged(): void {
    for (const registration of this.registrations.values()) registration.jobsChanged();
    // A job's last notice reaches its supervisor in this tick; nothing above it may end before that.
    if (this.jobs.size === 0) queueMicrotask(() => this.#tellEmptied());
  }

  #tellEmptied(): void {
    if (this.jobs.size > 0) return;
    for (const registration of this.registrations.values()) registration.tell({ type: 'worker.emptied' });
  }
}

/** The ids that every line about a job carries. */
export function idsOf({ info, identity }: Pick<JobRecord, 'info' | 'identity'>): Readonly<Record<string, string>> {
  return {
    jobId: info.id,
    room: info.roomName,
    identity,
    ...(info.participant !== null && { participant: info.participant.identity }),
  };
}
