// Runs jobs in a pool of host processes: a native crash costs one host, and a host is replaced before it wears out.
import type { ActorRefFrom, AnyActorRef } from 'xstate';
import type { Clock } from '../../clock.ts';
import { AgentError } from '../../errors.ts';
import type { Ids } from '../../ids.ts';
import { type HostDeath, hostMachine } from '../../machines/host.machine.ts';
import { parseOptions } from '../../options.ts';
import { type ChildSpec, dynamicSupervisor, monitor, startChildNow } from '../../supervisor/index.ts';
import type { Logger } from '../logger.ts';
import type {
  AssignedJob,
  HostStatus,
  JobRun,
  JobRunner,
  LagReading,
  Presence,
  RunningSession,
  RunReport,
} from '../runner.ts';
import { BEAT_EVERY_MS, type ForkHost, type FromHost, type HostLink } from './host-link.ts';
import { type HostOptions, hostOptions } from './host-options.ts';

export interface HostPoolOptions extends HostOptions {
  readonly fork: ForkHost;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  /** Jobs of the worker; with `sessionsPerHost` it limits the number of hosts. */
  readonly maxJobs: number;
  /** Forked -> ready, in milliseconds. Default 40 000: the default of `prewarmTimeoutMs` and the start of a process. */
  readonly startTimeoutMs?: number;
}

interface HostedJob {
  readonly job: AssignedJob;
  readonly report: (report: RunReport) => void;
  /** Null while it waits for a host that is still starting. */
  host: Host | null;
  presence: { readonly state: Presence; readonly sinceMs: number };
}

interface Host {
  readonly id: string;
  readonly jobs: Map<string, HostedJob>;
  actor: ActorRefFrom<typeof hostMachine> | null;
  link: HostLink | null;
  served: number;
  readonly forkedAtMs: number;
  /** Since when it has no jobs. */
  emptySinceMs: number;
  isReady: boolean;
  isRecycling: boolean;
  hasWarned: boolean;
  rssBytes: number;
  loopLag: LagReading | null;
  sessions: readonly RunningSession[];
  failure: string | null;
}

/** A host beats every 2.5 s; four missed beats are no accident of scheduling. */
const HEARTBEAT_MS = 10_000;
/** From a job to its agent in the room, on a machine that has other things to do. */
const BEGINNING_MS = 1_500;
const STOP_MS = 5_000;
/** A caller may wait this long for a host that is not prewarmed; where hosts take longer, another worker is the better choice. */
const MAX_WAIT_MS = 3_000;
/** Calls come in waves of minutes; a fork costs a second of a core. */
const MAX_IDLE_MS = 300_000;
const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 30_000;

const hostsTree = dynamicSupervisor({ id: 'hosts', intensity: 1_000, periodMs: 5_000 });

export class HostPool implements JobRunner {
  readonly #options: Required<HostPoolOptions>;
  readonly #maxHosts: number;
  readonly #hosts = new Map<string, Host>();
  /** Jobs that came when no host was ready for them, in order. */
  readonly #waiting: HostedJob[] = [];
  /** Shared by all hosts. */
  readonly #logic;
  /** Supervises the hosts; null before it starts and after it has ended. */
  #tree: AnyActorRef | null = null;
  #isOpen = false;
  #failedStarts = 0;
  /** What the last host took to get ready. */
  #startMs = 0;
  #backoff: unknown;
  #spareTimer: unknown;
  /** When a host was last given a job. */
  #gaveAtMs = Number.NEGATIVE_INFINITY;
  #firstReady: { resolve(): void; reject(error: AgentError): void } | null = null;

  /** @throws AgentError `ERR_OPTION` */
  constructor({ fork, clock, ids, logger, maxJobs, startTimeoutMs = 40_000, ...hosts }: HostPoolOptions) {
    const limits = parseOptions(hostOptions, hosts, 'hosts');
    this.#options = { fork, clock, ids, logger, maxJobs, startTimeoutMs, ...limits };
    const { sessionsPerHost, spares } = limits;
    this.#maxHosts = Math.max(1, Math.ceil(maxJobs / sessionsPerHost)) + spares;
    this.#logic = hostMachine.provide({
      actions: { askToLeave: (_, { hostId }) => this.#askToLeave(hostId) },
    });
  }

  /** The supervisor of the hosts. When it was killed its successor forks new ones; the jobs of the old ones have died. */
  childSpec(): ChildSpec<unknown> {
    return {
      id: 'hosts',
      type: 'supervisor',
      restart: 'permanent',
      shutdown: 'infinity',
      start: () => ({
        logic: hostsTree,
        onSpawn: (ref) => {
          this.#tree = ref;
          monitor(ref, () => this.#treeEnded(ref));
          // It runs from the next tick on.
          if (this.#isOpen) queueMicrotask(() => this.#fill());
        },
      }),
    };
  }

  /** Forks the spares; resolves with the first that is ready. @throws AgentError `ERR_WORKER` when it cannot serve */
  open(): Promise<void> {
    if (!this.#isUp) {
      const fix = 'Start its `childSpec()` first, as a `WorkerManager` does';
      return Promise.reject(new AgentError('ERR_WORKER', 'the pool has no supervisor', { fix }));
    }
    this.#isOpen = true;
    return new Promise((resolve, reject) => {
      this.#firstReady = { resolve, reject };
      this.#fill();
    });
  }

  /** Hosts that are still starting count, and those that may be forked, as long as hosts start soon enough to be waited for. */
  freeSlots(): number {
    if (!this.#isUp) return 0;
    const { sessionsPerHost, recycleAfterJobs } = this.#options;
    const serving = this.#serving();
    const free = (hosts: readonly Host[]) => hosts.reduce((sum, host) => sum + this.#room(host), 0);
    if (this.#failedStarts > 0 || this.#startMs > MAX_WAIT_MS) return free(serving.filter(({ isReady }) => isReady));
    const unforked = Math.max(0, this.#maxHosts - serving.length) * Math.min(sessionsPerHost, recycleAfterJobs);
    return Math.max(0, free(serving) + unforked - this.#waiting.length);
  }

  start(job: AssignedJob, report: (report: RunReport) => void): JobRun {
    const sinceMs = this.#options.clock.now();
    const hosted: HostedJob = { job, report, host: null, presence: { state: 'none', sinceMs } };
    if (this.freeSlots() === 0) report({ type: 'job.died', error: 'no host is free' });
    else this.#waiting.push(hosted);
    this.#place();
    return {
      stop: (reason) => this.#stop(hosted, reason),
      kill: () => this.#kill(hosted),
      presence: () => hosted.presence,
    };
  }

  sessions(): readonly RunningSession[] {
    return [...this.#hosts.values()].flatMap((host) => host.sessions);
  }

  /** One of its hosts is ready, with room for a job or not. */
  get isReady(): boolean {
    return [...this.#hosts.values()].some(({ isReady }) => isReady);
  }

  /** For monitoring. */
  get hosts(): readonly HostStatus[] {
    return [...this.#hosts.values()].map((host) => ({
      hostId: host.id,
      pid: host.link?.pid,
      state: stateOf(host),
      jobs: host.jobs.size,
      rssBytes: host.rssBytes,
      loopLag: host.loopLag,
    }));
  }

  /** The hosts end with their supervisor. */
  async close(): Promise<void> {
    this.#isOpen = false;
  }

  /** Hosts can be started, and those that run are not being stopped. */
  get #isUp(): boolean {
    return this.#tree?.getSnapshot().context.phase === 'running';
  }

  /** Its hosts have ended with it. What waited for one is not for those of the next supervisor: all jobs are ended. */
  #treeEnded(tree: AnyActorRef): void {
    if (this.#tree !== tree) return;
    this.#tree = null;
    this.#options.clock.clearTimeout(this.#backoff);
    this.#options.clock.clearTimeout(this.#spareTimer);
    this.#backoff = undefined;
    this.#spareTimer = undefined;
    for (const { report } of this.#waiting.splice(0)) report({ type: 'job.died', error: 'no host is left' });
  }

  /** Gives waiting jobs to hosts that have room, the fullest first: spares stay empty, and worn hosts run dry. */
  #place(): void {
    while (this.#waiting.length > 0) {
      const [host] = this.#serving()
        .filter(({ isReady }) => isReady)
        .filter((each) => this.#room(each) > 0)
        .sort((a, b) => b.jobs.size - a.jobs.size);
      if (host === undefined) break;
      for (const hosted of this.#waiting.splice(0, this.#room(host))) this.#give(host, hosted);
    }
    // From a later tick: a job is started in an action of its chart, and other charts are no part of that.
    queueMicrotask(() => this.#fill());
  }

  #give(host: Host, hosted: HostedJob): void {
    const { sessionsPerHost, recycleAfterJobs } = this.#options;
    hosted.host = host;
    host.jobs.set(hosted.job.info.id, hosted);
    host.served++;
    this.#gaveAtMs = this.#options.clock.now();
    host.link?.send({ type: 'start', job: hosted.job });
    queueMicrotask(() => {
      if (host.served >= recycleAfterJobs) this.#recycle(host, 'it has served its jobs');
      else if (host.jobs.size >= sessionsPerHost) tell(host, { type: 'host.filled' });
    });
  }

  /** Jobs this host may still be given. */
  #room({ jobs, served }: Host): number {
    const { sessionsPerHost, recycleAfterJobs } = this.#options;
    return Math.min(sessionsPerHost - jobs.size, recycleAfterJobs - served);
  }

  #stop(hosted: HostedJob, reason: string): void {
    if (hosted.host !== null) hosted.host.link?.send({ type: 'stop', jobId: hosted.job.info.id, reason });
    else if (this.#unqueue(hosted)) hosted.report({ type: 'job.ended', error: null, callbacks: [] });
  }

  #kill(hosted: HostedJob): void {
    const { host, job } = hosted;
    this.#unqueue(hosted);
    if (host?.jobs.get(job.info.id) !== hosted) return;
    host.link?.send({ type: 'kill', jobId: job.info.id });
    this.#release(host, job.info.id);
  }

  #unqueue(hosted: HostedJob): boolean {
    const index = this.#waiting.indexOf(hosted);
    if (index >= 0) this.#waiting.splice(index, 1);
    return index >= 0;
  }

  /** Hosts that take jobs, or will when they are ready. */
  #serving(): Host[] {
    const { recycleAfterJobs } = this.#options;
    return [...this.#hosts.values()].filter((host) => !host.isRecycling && host.served < recycleAfterJobs);
  }

  /** Forks until there are enough empty hosts, those not counted that the waiting jobs will fill. */
  #fill(): void {
    if (!this.#isUp || this.#backoff !== undefined || this.#isBeginning()) return;
    const { spares, sessionsPerHost, recycleAfterJobs } = this.#options;
    const wanted = spares + Math.ceil(this.#waiting.length / Math.min(sessionsPerHost, recycleAfterJobs));
    const isShort = () => this.#serving().filter(({ jobs }) => jobs.size === 0).length < wanted;
    while (isShort() && this.#serving().length < this.#maxHosts && this.#fork());
  }

  /** A call that begins has the processor before the next spare does, as long as there is room for more calls. */
  #isBeginning(): boolean {
    const { clock, sessionsPerHost } = this.#options;
    const room = this.#serving().reduce((sum, host) => sum + (host.isReady ? this.#room(host) : 0), 0);
    const restMs = this.#gaveAtMs + BEGINNING_MS - clock.now();
    if (this.#waiting.length > 0 || room <= sessionsPerHost / 2 || restMs <= 0) return false;
    this.#spareTimer ??= clock.setTimeout(() => {
      this.#spareTimer = undefined;
      this.#fill();
    }, restMs);
    return true;
  }

  #fork(): boolean {
    if (this.#tree === null) return false;
    const { ids, clock, startTimeoutMs } = this.#options;
    const host: Host = {
      id: ids.next('host'),
      jobs: new Map(),
      actor: null,
      link: null,
      served: 0,
      forkedAtMs: clock.now(),
      emptySinceMs: clock.now(),
      isReady: false,
      isRecycling: false,
      hasWarned: false,
      rssBytes: 0,
      loopLag: null,
      sessions: [],
      failure: null,
    };
    this.#hosts.set(host.id, host);
    const answer = startChildNow(this.#tree, {
      id: `host:${host.id}`,
      restart: 'temporary', // a new host is a new process with a new id; the pool decides how many there are
      shutdown: 'infinity', // its chart has the deadline
      start: () => ({
        logic: this.#logic,
        input: {
          hostId: host.id,
          settings: { startMs: startTimeoutMs, heartbeatMs: HEARTBEAT_MS, beatMs: BEAT_EVERY_MS, stopMs: STOP_MS },
        },
        onSpawn: (ref) => {
          host.actor = ref as ActorRefFrom<typeof hostMachine>; // made from the logic above
          monitor(ref, ({ output }) => this.#died(host, deathOf(output)));
          host.link = this.#options.fork({
            onMessage: (message) => this.#hear(host, message),
            onExit: (how) => {
              host.failure ??= how;
              tell(host, { type: 'host.exited' });
            },
          });
        },
      }),
    });
    const isStarted = answer === 'queued' || answer.ok;
    if (!isStarted) this.#hosts.delete(host.id);
    return isStarted;
  }

  #hear(host: Host, message: FromHost): void {
    switch (message.type) {
      case 'ready':
        host.isReady = true;
        this.#failedStarts = 0;
        this.#startMs = this.#options.clock.now() - host.forkedAtMs;
        tell(host, { type: 'host.ready' });
        this.#options.logger.info({ hostId: host.id, pid: host.link?.pid }, 'host ready');
        this.#firstReady?.resolve();
        this.#firstReady = null;
        this.#place();
        return;
      case 'failed':
        host.failure = message.error;
        return;
      case 'beat':
        host.rssBytes = message.rssBytes;
        host.loopLag = message.loopLag;
        host.sessions = message.sessions;
        tell(host, { type: 'host.beat' });
        this.#checkMemory(host);
        this.#checkUse(host);
        return;
      case 'report':
        this.#report(host, message.jobId, message.report);
        return;
    }
  }

  #report(host: Host, jobId: string, report: RunReport): void {
    const hosted = host.jobs.get(jobId);
    if (hosted === undefined) return;
    if (report.type === 'job.presence') {
      hosted.presence = { state: report.state, sinceMs: this.#options.clock.now() };
      return;
    }
    hosted.report(report);
    if (report.type === 'job.ended') this.#release(host, jobId);
  }

  #release(host: Host, jobId: string): void {
    const wasFull = host.jobs.size >= this.#options.sessionsPerHost;
    host.jobs.delete(jobId);
    host.emptySinceMs = this.#options.clock.now();
    if (host.isRecycling && host.jobs.size === 0) tell(host, { type: 'host.emptied' });
    else if (wasFull) tell(host, { type: 'host.freed' });
    this.#place();
  }

  #checkMemory(host: Host): void {
    const { memoryWarningMb, memoryLimitMb, logger } = this.#options;
    const rssMb = Math.round(host.rssBytes / 1_048_576);
    if (rssMb >= memoryLimitMb) this.#recycle(host, `it uses ${rssMb} MB`);
    else if (rssMb >= memoryWarningMb && !host.hasWarned) {
      host.hasWarned = true;
      logger.warn({ hostId: host.id, rssMb }, 'host uses much memory');
    }
  }

  /** A used host that is empty beside the spares goes after a while: not at once, or each call of a quiet hour would fork. */
  #checkUse(host: Host): void {
    const { spares, clock } = this.#options;
    if (host.jobs.size > 0 || host.served === 0 || clock.now() - host.emptySinceMs < MAX_IDLE_MS) return;
    const empty = this.#serving().filter(({ jobs, isReady }) => isReady && jobs.size === 0);
    if (empty.length > spares) this.#recycle(host, 'it is not needed');
  }

  #recycle(host: Host, why: string): void {
    if (host.isRecycling || !this.#hosts.has(host.id)) return;
    host.isRecycling = true;
    this.#options.logger.info({ hostId: host.id, jobs: host.jobs.size, why }, 'host is recycled');
    tell(host, { type: 'host.recycle' });
    if (host.jobs.size === 0) tell(host, { type: 'host.emptied' });
    this.#fill();
  }

  #askToLeave(hostId: string): void {
    const host = this.#hosts.get(hostId);
    if (host === undefined) return;
    host.isRecycling = true;
    host.link?.send({ type: 'leave' });
  }

  /** The one place where a host ends: its process is gone or killed, its jobs are told, a new one is forked. */
  #died(host: Host, death: HostDeath | 'killed'): void {
    this.#hosts.delete(host.id);
    host.link?.kill();
    const { logger, clock } = this.#options;
    const fields = { hostId: host.id, pid: host.link?.pid, death, how: host.failure, jobs: host.jobs.size };
    if (death === 'recycled' || death === 'stopped') logger.info(fields, 'host ended');
    else logger.error(fields, 'host died');
    for (const { report } of host.jobs.values()) {
      report({ type: 'job.died', error: `the host process ended (${host.failure ?? death})` });
    }
    host.jobs.clear();
    if (death === 'stopped') return;
    if (host.isReady || death === 'killed') return void queueMicrotask(() => this.#fill());
    const error = `a host process could not start: ${host.failure ?? death}`;
    this.#firstReady?.reject(new AgentError('ERR_WORKER', error));
    this.#firstReady = null;
    for (const { report } of this.#waiting.splice(0)) report({ type: 'job.died', error });
    const delayMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** this.#failedStarts++);
    clock.clearTimeout(this.#backoff);
    this.#backoff = clock.setTimeout(() => {
      this.#backoff = undefined;
      this.#fill();
    }, delayMs);
  }
}

function tell(host: Host, event: Parameters<NonNullable<Host['actor']>['send']>[0]): void {
  if (host.actor?.getSnapshot().status === 'active') host.actor.send(event);
}

function stateOf({ actor }: Host): string {
  const value = actor?.getSnapshot().value;
  return typeof value === 'string' ? value : 'recycling';
}

/** An actor that was killed, with its supervisor as a rule, has no output. */
function deathOf(output: unknown): HostDeath | 'killed' {
  return typeof output === 'object' && output !== null && 'death' in output ? (output.death as HostDeath) : 'killed'; // output of hostMachine
}
