// Runs jobs in a pool of host processes: a native crash costs one host, and a host is replaced before it wears out.
import type { ActorRefFrom, AnyActorRef } from 'xstate';
import type { Clock } from '../../clock.ts';
import { AgentError } from '../../errors.ts';
import type { Ids } from '../../ids.ts';
import { type HostDeath, hostMachine } from '../../machines/host.machine.ts';
import { parseOptions } from '../../options.ts';
import { type ChildSpec, dynamicSupervisor, monitor, startChildNow } from '../../supervisor/index.ts';
import type { Logger } from '../logger.ts';
import type { AssignedJob, HostStatus, JobRun, JobRunner, RunningSession, RunReport } from '../runner.ts';
import { BEAT_EVERY_MS, type ForkHost, type FromHost } from './host-link.ts';
import { type HostOptions, hostOptions } from './host-options.ts';
import { HostSupply } from './host-supply.ts';
import { deathOf, type HostedJob, type HostLimits, PooledHost } from './pooled-host.ts';

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

/** A host beats every 2.5 s; four missed beats are no accident of scheduling. */
const HEARTBEAT_MS = 10_000;
const STOP_MS = 5_000;
/** Calls come in waves of minutes; a fork costs a second of a core. */
const MAX_IDLE_MS = 300_000;

const hostsTree = dynamicSupervisor({ id: 'hosts', intensity: 1_000, periodMs: 5_000 });

export class HostPool implements JobRunner {
  readonly #options: Required<Omit<HostPoolOptions, keyof HostOptions>>;
  readonly #limits: HostLimits;
  readonly #supply: HostSupply;
  readonly #hosts = new Map<string, PooledHost>();
  /** Jobs that came when no host was ready for them, in order. */
  readonly #waiting: HostedJob[] = [];
  /** Shared by all hosts. */
  readonly #logic;
  /** Supervises the hosts; null before it starts and after it has ended. */
  #tree: AnyActorRef | null = null;
  #isOpen = false;
  #firstReady: { resolve(): void; reject(error: AgentError): void } | null = null;

  /** @throws AgentError `ERR_OPTION` */
  constructor({ fork, clock, ids, logger, maxJobs, startTimeoutMs = 40_000, ...hosts }: HostPoolOptions) {
    this.#limits = parseOptions(hostOptions, hosts, 'hosts');
    this.#options = { fork, clock, ids, logger, maxJobs, startTimeoutMs };
    this.#supply = new HostSupply({
      clock,
      limits: this.#limits,
      maxJobs,
      hosts: () => this.#serving(),
      waiting: () => this.#waiting.length,
      fork: () => this.#fork(),
    });
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

  freeSlots(): number {
    return this.#isUp ? this.#supply.freeSlots() : 0;
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
    return [...this.#hosts.values()].map(({ status }) => status);
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
    this.#supply.stop();
    for (const { report } of this.#waiting.splice(0)) report({ type: 'job.died', error: 'no host is left' });
  }

  /** Gives waiting jobs to hosts that have room, the fullest first: spares stay empty, and worn hosts run dry. */
  #place(): void {
    while (this.#waiting.length > 0) {
      const [host] = this.#serving()
        .filter(({ isReady }) => isReady)
        .filter(({ room }) => room > 0)
        .sort((a, b) => b.jobs.size - a.jobs.size);
      if (host === undefined) break;
      for (const hosted of this.#waiting.splice(0, host.room)) this.#give(host, hosted);
    }
    // From a later tick: a job is started in an action of its chart, and other charts are no part of that.
    queueMicrotask(() => this.#fill());
  }

  #give(host: PooledHost, hosted: HostedJob): void {
    host.give(hosted);
    this.#supply.gave();
    queueMicrotask(() => {
      if (host.isWorn) this.#recycle(host, 'it has served its jobs');
      else if (host.isFull) host.tell({ type: 'host.filled' });
    });
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

  #serving(): PooledHost[] {
    return [...this.#hosts.values()].filter(({ isServing }) => isServing);
  }

  #fill(): void {
    if (this.#isUp) this.#supply.fill();
  }

  #fork(): boolean {
    if (this.#tree === null || !this.#isUp) return false;
    const { ids, clock, startTimeoutMs } = this.#options;
    const host = new PooledHost(ids.next('host'), this.#limits, clock.now());
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
              host.tell({ type: 'host.exited' });
            },
          });
        },
      }),
    });
    const isStarted = answer === 'queued' || answer.ok;
    if (!isStarted) this.#hosts.delete(host.id);
    return isStarted;
  }

  #hear(host: PooledHost, message: FromHost): void {
    switch (message.type) {
      case 'ready':
        host.isReady = true;
        this.#supply.started(this.#options.clock.now() - host.forkedAtMs);
        host.tell({ type: 'host.ready' });
        this.#options.logger.info({ hostId: host.id, pid: host.link?.pid }, 'host ready');
        this.#firstReady?.resolve();
        this.#firstReady = null;
        this.#place();
        return;
      case 'failed':
        host.failure = message.error;
        return;
      case 'beat':
        host.beat(message);
        this.#checkMemory(host);
        this.#checkUse(host);
        return;
      case 'report':
        this.#report(host, message.jobId, message.report);
        return;
    }
  }

  #report(host: PooledHost, jobId: string, report: RunReport): void {
    const hosted = host.jobs.get(jobId);
    if (hosted === undefined) return;
    if (report.type === 'job.presence') hosted.presence = { state: report.state, sinceMs: this.#options.clock.now() };
    hosted.report(report);
    if (report.type === 'job.ended') this.#release(host, jobId);
  }

  #release(host: PooledHost, jobId: string): void {
    host.release(jobId, this.#options.clock.now());
    this.#place();
  }

  #checkMemory(host: PooledHost): void {
    const { rssMb } = host;
    const verdict = host.memoryVerdict();
    if (verdict === 'recycle') this.#recycle(host, `it uses ${rssMb} MB`);
    if (verdict === 'warn') this.#options.logger.warn({ hostId: host.id, rssMb }, 'host uses much memory');
  }

  /** A used host that is empty beside the spares goes after a while: not at once, or each call of a quiet hour would fork. */
  #checkUse(host: PooledHost): void {
    const { idleSinceMs } = host;
    if (idleSinceMs === null || this.#options.clock.now() - idleSinceMs < MAX_IDLE_MS) return;
    const empty = this.#serving().filter(({ jobs, isReady }) => isReady && jobs.size === 0);
    if (empty.length > this.#limits.spares) this.#recycle(host, 'it is not needed');
  }

  #recycle(host: PooledHost, why: string): void {
    if (host.isRecycling || !this.#hosts.has(host.id)) return;
    this.#options.logger.info({ hostId: host.id, jobs: host.jobs.size, why }, 'host is recycled');
    host.recycle();
    this.#fill();
  }

  #askToLeave(hostId: string): void {
    const host = this.#hosts.get(hostId);
    if (host === undefined) return;
    host.isRecycling = true;
    host.link?.send({ type: 'leave' });
  }

  /** The one place where a host ends: its process is gone or killed, its jobs are told, a new one is forked. */
  #died(host: PooledHost, death: HostDeath | 'killed'): void {
    this.#hosts.delete(host.id);
    host.link?.kill();
    const { logger } = this.#options;
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
    this.#supply.failed();
  }
}
