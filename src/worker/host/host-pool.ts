// Runs jobs in a pool of host processes: a native crash costs one host, and a host is replaced before it wears out.
import type { ActorRefFrom, AnyActorRef } from 'xstate';
import type { Clock } from '../../clock.ts';
import { AgentError } from '../../errors.ts';
import type { Ids } from '../../ids.ts';
import { type HostDeath, hostMachine } from '../../machines/host.machine.ts';
import { dynamicSupervisor, monitor, shutdown, startChildNow, startRoot } from '../../supervisor/index.ts';
import type { Logger } from '../logger.ts';
import type { AssignedJob, HostStatus, JobRun, JobRunner, Presence, RunningSession, RunReport } from '../runner.ts';
import type { ForkHost, FromHost, HostLink } from './host-link.ts';

export interface HostPoolOptions {
  readonly fork: ForkHost;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  /** Jobs of the worker; with `sessionsPerHost` it limits the number of hosts. */
  readonly maxJobs: number;
  /** Jobs in one host at the same time, >= 1. Default 10. */
  readonly sessionsPerHost?: number;
  /** Hosts that wait prewarmed and empty, >= 1. Default 1. */
  readonly spares?: number;
  /** Jobs after which a host is replaced (native libraries leak), >= 1. Default 200. */
  readonly recycleAfterJobs?: number;
  /** Memory of a host in megabytes that is worth a line in the log. Default 1 000. */
  readonly memoryWarningMb?: number;
  /** Memory of a host in megabytes at which it takes no more jobs and is replaced. Default 2 000. */
  readonly memoryLimitMb?: number;
  /** Forked -> ready, in milliseconds. Default 40 000: the default of `prewarmTimeoutMs` and the start of a process. */
  readonly startTimeoutMs?: number;
}

interface HostedJob {
  readonly job: AssignedJob;
  readonly report: (report: RunReport) => void;
  presence: { readonly state: Presence; readonly sinceMs: number };
}

interface Host {
  readonly id: string;
  readonly jobs: Map<string, HostedJob>;
  actor: ActorRefFrom<typeof hostMachine> | null;
  link: HostLink | null;
  served: number;
  isReady: boolean;
  isRecycling: boolean;
  hasWarned: boolean;
  rssBytes: number;
  sessions: readonly RunningSession[];
  failure: string | null;
}

/** A host beats every 2.5 s; four missed beats are no accident of scheduling. */
const HEARTBEAT_MS = 10_000;
const STOP_MS = 5_000;
const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 30_000;

const hostsTree = dynamicSupervisor({ id: 'hosts', intensity: 1_000, periodMs: 5_000 });

export class HostPool implements JobRunner {
  readonly #options: Required<HostPoolOptions>;
  readonly #maxHosts: number;
  readonly #hosts = new Map<string, Host>();
  readonly #root: AnyActorRef;
  #failedStarts = 0;
  #backoff: unknown;
  #isClosing = false;
  #firstReady: { resolve(): void; reject(error: AgentError): void } | null = null;
  #whenEmpty: (() => void) | null = null;

  constructor(options: HostPoolOptions) {
    this.#options = {
      sessionsPerHost: 10,
      spares: 1,
      recycleAfterJobs: 200,
      memoryWarningMb: 1_000,
      memoryLimitMb: 2_000,
      startTimeoutMs: 40_000,
      ...options,
    };
    const { maxJobs, sessionsPerHost, spares, clock, ids } = this.#options;
    this.#maxHosts = Math.max(1, Math.ceil(maxJobs / sessionsPerHost)) + spares;
    this.#root = startRoot(hostsTree, { id: 'hosts', clock, random: () => ids.random() });
  }

  /** Forks the spares; resolves with the first that is ready. @throws AgentError `ERR_WORKER` when it cannot serve */
  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#firstReady = { resolve, reject };
      this.#fill();
    });
  }

  freeSlots(): number {
    const { sessionsPerHost } = this.#options;
    return this.#open().reduce((sum, host) => sum + sessionsPerHost - host.jobs.size, 0);
  }

  start(job: AssignedJob, report: (report: RunReport) => void): JobRun {
    const { clock } = this.#options;
    const hosted: HostedJob = { job, report, presence: { state: 'none', sinceMs: clock.now() } };
    const jobId = job.info.id;
    // The fullest host first: spares stay empty, and hosts that are to be recycled run dry.
    const [host] = this.#open().sort((a, b) => b.jobs.size - a.jobs.size);
    if (host === undefined) {
      report({ type: 'job.died', error: 'no host is free' });
      return { stop: () => {}, kill: () => {}, presence: () => hosted.presence };
    }
    host.jobs.set(jobId, hosted);
    host.served++;
    host.link?.send({ type: 'start', job });
    // From a later tick: this is called in an action of the job's chart, and other charts are no part of that.
    queueMicrotask(() => {
      if (host.jobs.size >= this.#options.sessionsPerHost) tell(host, { type: 'host.filled' });
      if (host.served >= this.#options.recycleAfterJobs) this.#recycle(host, 'it has served its jobs');
      this.#fill();
    });
    return {
      stop: (reason) => host.link?.send({ type: 'stop', jobId, reason }),
      kill: () => {
        if (host.jobs.get(jobId) !== hosted) return;
        host.link?.send({ type: 'kill', jobId });
        this.#release(host, jobId);
      },
      presence: () => hosted.presence,
    };
  }

  sessions(): readonly RunningSession[] {
    return [...this.#hosts.values()].flatMap((host) => host.sessions);
  }

  /** For monitoring. */
  get hosts(): readonly HostStatus[] {
    return [...this.#hosts.values()].map((host) => ({
      hostId: host.id,
      pid: host.link?.pid,
      state: stateOf(host),
      jobs: host.jobs.size,
      rssBytes: host.rssBytes,
    }));
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    this.#options.clock.clearTimeout(this.#backoff);
    const empty = new Promise<void>((resolve) => {
      this.#whenEmpty = resolve;
    });
    for (const host of [...this.#hosts.values()]) {
      if (host.isReady) this.#recycle(host, 'the worker closes');
      else host.actor?.send({ type: 'host.stop' });
    }
    if (this.#hosts.size > 0) await empty;
    await shutdown(this.#root);
  }

  #open(): Host[] {
    const { sessionsPerHost } = this.#options;
    return [...this.#hosts.values()].filter(
      (host) => host.isReady && !host.isRecycling && host.jobs.size < sessionsPerHost,
    );
  }

  /** Forks until there are enough empty hosts. */
  #fill(): void {
    if (this.#isClosing || this.#backoff !== undefined) return;
    const { spares } = this.#options;
    const empty = () => [...this.#hosts.values()].filter((host) => !host.isRecycling && host.jobs.size === 0).length;
    const serving = () => [...this.#hosts.values()].filter((host) => !host.isRecycling).length;
    while (empty() < spares && serving() < this.#maxHosts) this.#fork();
  }

  #fork(): void {
    const { ids, startTimeoutMs } = this.#options;
    const host: Host = {
      id: ids.next('host'),
      jobs: new Map(),
      actor: null,
      link: null,
      served: 0,
      isReady: false,
      isRecycling: false,
      hasWarned: false,
      rssBytes: 0,
      sessions: [],
      failure: null,
    };
    this.#hosts.set(host.id, host);
    startChildNow(this.#root, {
      id: `host:${host.id}`,
      restart: 'temporary', // a new host is a new process with a new id; the pool decides how many there are
      shutdown: 'brutal_kill',
      start: () => ({
        logic: hostMachine,
        input: {
          hostId: host.id,
          settings: { startMs: startTimeoutMs, heartbeatMs: HEARTBEAT_MS, stopMs: STOP_MS },
        },
        onSpawn: (ref) => {
          host.actor = ref as ActorRefFrom<typeof hostMachine>; // made from the logic above
          monitor(ref, ({ output }) => this.#died(host, deathOf(output)));
        },
      }),
    });
    host.link = this.#options.fork({
      onMessage: (message) => this.#hear(host, message),
      onExit: (how) => {
        host.failure ??= how;
        tell(host, { type: 'host.exited' });
      },
    });
  }

  #hear(host: Host, message: FromHost): void {
    switch (message.type) {
      case 'ready':
        host.isReady = true;
        this.#failedStarts = 0;
        tell(host, { type: 'host.ready' });
        this.#options.logger.info({ hostId: host.id, pid: host.link?.pid }, 'host ready');
        this.#firstReady?.resolve();
        this.#firstReady = null;
        return;
      case 'failed':
        host.failure = message.error;
        return;
      case 'beat':
        host.rssBytes = message.rssBytes;
        host.sessions = message.sessions;
        tell(host, { type: 'host.beat' });
        this.#checkMemory(host);
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
    if (host.isRecycling && host.jobs.size === 0) this.#leave(host);
    else if (wasFull) tell(host, { type: 'host.freed' });
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

  #recycle(host: Host, why: string): void {
    if (host.isRecycling) return;
    host.isRecycling = true;
    this.#options.logger.info({ hostId: host.id, jobs: host.jobs.size, why }, 'host is recycled');
    tell(host, { type: 'host.recycle', jobs: host.jobs.size });
    if (host.jobs.size === 0) this.#leave(host);
    this.#fill();
  }

  #leave(host: Host): void {
    tell(host, { type: 'host.emptied' });
    host.link?.send({ type: 'leave' });
  }

  /** The one place where a host ends: its process is gone or killed, its jobs are told, a new one is forked. */
  #died(host: Host, death: HostDeath): void {
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
    if (this.#hosts.size === 0) this.#whenEmpty?.();
    if (this.#isClosing) return;
    if (host.isReady) return void queueMicrotask(() => this.#fill());
    this.#firstReady?.reject(new AgentError('ERR_WORKER', `a host process could not start: ${host.failure ?? death}`));
    this.#firstReady = null;
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

function deathOf(output: unknown): HostDeath {
  return typeof output === 'object' && output !== null && 'death' in output ? (output.death as HostDeath) : 'exited'; // output of hostMachine
}
