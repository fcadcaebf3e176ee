// Runs one worker: registers it, keeps it registered, gives its jobs to a runner, drains it.
import type { Actor, InspectionEvent } from 'xstate';
import { type Clock, realClock, sleep } from '../clock.ts';
import { AgentError } from '../errors.ts';
import { type Ids, randomIds } from '../ids.ts';
import type { ConnectionFailure } from '../machines/connection.machine.ts';
import type { ProblemHandler } from '../observer.ts';
import {
  describeReason,
  type ExitReason,
  monitor,
  type Report,
  type SupervisorLogic,
  shutdown,
  startChildNow,
  startRoot,
} from '../supervisor/index.ts';
import type { WorkerDefinition } from './define-worker.ts';
import { InProcessRunner } from './in-process-runner.ts';
import type { JobKind } from './job/job-info.ts';
import { problemLog, reportLog } from './job/runtime-log.ts';
import { type CpuMeter, machineCpu } from './load.ts';
import { type Logger, silentLogger } from './logger.ts';
import { hasReconciler } from './reconciler/has-reconciler.ts';
import { Reconciler, type ReconcilerStatus } from './reconciler/reconciler.ts';
import type { HostStatus, JobRunner, RunningSession } from './runner.ts';
import type { OpenSocket } from './server/agent-socket.ts';
import { type ConnectionOptions, resolveConnection } from './server/connection-options.ts';
import { serverApi } from './server/http-server-api.ts';
import type { ServerApi } from './server/server-api.ts';
import { openWebSocket } from './server/ws-socket.ts';
import { type JobReport, WorkerScope } from './worker-scope.ts';
import { type WorkerTree, workerTree } from './worker-tree.ts';

export interface WorkerManagerOptions extends ConnectionOptions {
  /** Default: says nothing. `pinoLogger()` writes JSON lines. */
  readonly logger?: Logger;
  /** Attempts to connect before the first registration; null means for ever. Default null. After it a worker never gives up. */
  readonly initialAttempts?: number | null;
  /** Default: jobs run in this process. */
  readonly runner?: JobRunner;
  /** Told what came of each offer. May throw. */
  readonly onJobReport?: (report: JobReport) => void;
  /** Restarts and ends of supervised children. Default: what went wrong is logged. */
  readonly onReport?: (report: Report) => void;
  /** Told what callbacks and inspectors threw. Default: logged. */
  readonly onProblem?: ProblemHandler;
  /** An XState inspection observer for every actor of the tree. May throw. */
  readonly inspect?: (event: InspectionEvent) => void;
  /** Default: the processor load of the machine. */
  readonly cpu?: CpuMeter;
  /** Default: the clock of the process. */
  readonly clock?: Clock;
  /** Default: random ids. */
  readonly ids?: Ids;
  /** Default: a WebSocket. */
  readonly openSocket?: OpenSocket;
  /** Where rooms that lost their agent are looked for. Default: that of the server; none under a virtual clock. */
  readonly api?: ServerApi;
  /** Default: `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** `starting`: it is registered, but none of its hosts is ready. */
export type WorkerState =
  | 'idle'
  | 'starting'
  | 'connecting'
  | 'registering'
  | 'available'
  | 'full'
  | 'draining'
  | 'stopped';

export interface RegistrationStatus {
  readonly kind: JobKind;
  readonly state: WorkerState;
  /** Given by the server, new with every registration; null while not registered. */
  readonly workerId: string | null;
  /** How often it was registered since the start. */
  readonly registrations: number;
}

export interface JobStatus {
  readonly jobId: string;
  readonly roomName: string;
  readonly identity: string;
  /** Whom the job is for; null for jobs of a room. */
  readonly participant: string | null;
  readonly state: string;
  readonly ageMs: number;
}

export interface WorkerStatus {
  readonly agentName: string;
  /** The state of the registration that is worst off. */
  readonly state: WorkerState;
  readonly registrations: readonly RegistrationStatus[];
  readonly jobs: readonly JobStatus[];
  readonly hosts: readonly HostStatus[];
  readonly maxJobs: number;
  /** Share of the capacity in use, 0 to 1. */
  readonly load: number;
  readonly totals: Readonly<Record<JobReport['outcome'], number>>;
  readonly reconciler: ReconcilerStatus;
}

/** Of `available`: the state has many parts, in charts and in the runner, and nobody waits for it but at a start. */
const LOOK_EVERY_MS = 50;

/** Worst first: what a health check has to see. */
const BY_SEVERITY: readonly WorkerState[] = [
  'stopped',
  'connecting',
  'registering',
  'draining',
  'full',
  'available',
  'idle',
];

/**
 * One worker: registers at the server, stays registered, hands the jobs it is given to its runner, and drains. The whole of
 * `livekitex-agent start` but for health server, host processes and signals.
 */
export class WorkerManager {
  readonly clock: Clock;
  readonly runner: JobRunner;
  readonly #scope: WorkerScope;
  readonly #reconciler: Reconciler | null;
  readonly #options: WorkerManagerOptions;
  readonly #tree: WorkerTree;
  #root: Actor<SupervisorLogic<unknown>> | null = null;
  #failure: ConnectionFailure | null = null;
  #opening: Promise<void> | null = null;
  #stopping: Promise<void> | null = null;
  /** Resolves when the worker is told to end: what it still opens is not waited for. */
  readonly #asked = Promise.withResolvers<void>();
  #resolveStopped: () => void = () => {};
  readonly #stopped: Promise<void>;

  /** @throws AgentError `ERR_OPTION` when address, key or secret are missing or malformed */
  constructor(definition: WorkerDefinition, options: WorkerManagerOptions = {}) {
    const { clock = realClock, ids = randomIds, logger = silentLogger, initialAttempts = null } = options;
    if (initialAttempts !== null && !(Number.isInteger(initialAttempts) && initialAttempts >= 1)) {
      throw new AgentError('ERR_OPTION', 'worker is not valid', {
        field: 'initialAttempts',
        rule: 'must be null or a whole number >= 1',
        fix: 'Give null to try for ever, or a number of attempts',
      });
    }
    this.#options = options;
    this.clock = clock;
    this.runner = options.runner ?? new InProcessRunner({ definition, clock, ids, logger });
    const connection = resolveConnection(options, options.env ?? process.env);
    this.#scope = new WorkerScope({
      definition,
      connection,
      clock,
      ids,
      logger,
      cpu: options.cpu ?? machineCpu(),
      runner: this.runner,
      openSocket: options.openSocket ?? realSocket(clock),
      api: options.api ?? (clock.isVirtual ? null : serverApi({ connection, clock })),
      initialAttempts,
      onProblem: options.onProblem ?? problemLog(logger),
      onJobReport: options.onJobReport ?? (() => {}),
    });
    this.#reconciler = reconcilerFor(this.#scope);
    this.#tree = workerTree(this.#scope, this.#reconciler, (failure) => {
      this.#failure ??= failure;
      this.#resolveStopped();
    });
    this.#stopped = new Promise((resolve) => {
      this.#resolveStopped = resolve;
    });
  }

  /**
   * Prewarms and starts to connect; does not wait for the registration. Idempotent.
   * @throws AgentError `ERR_WORKER`, `ERR_TIMEOUT` when prewarming fails; `ERR_CLOSED` after `stop`
   */
  start(): Promise<void> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  /**
   * Resolves when the server knows the worker and a host of it is ready, so that it takes calls or is full with them; at once
   * when that is so already.
   * @throws AgentError as `stopped`, or `ERR_CLOSED`, when it ends before
   */
  async available(): Promise<void> {
    const over = new AbortController();
    void this.#stopped.then(() => over.abort());
    while (!over.signal.aborted) {
      const { state } = this.status;
      if (state === 'available' || state === 'full') return;
      await sleep(this.clock, LOOK_EVERY_MS, over.signal);
    }
    await this.stopped();
    throw new AgentError('ERR_CLOSED', 'the worker was stopped');
  }

  /** Settles when the worker has stopped: after a drain, or rejects with why it gave up. */
  async stopped(): Promise<void> {
    await this.#stopped;
    if (this.#failure === null) return;
    const { code, message } = this.#failure;
    const known =
      code === 'ERR_WORKER_AUTH' || code === 'ERR_TRANSPORT' || code === 'ERR_TIMEOUT' ? code : 'ERR_WORKER';
    throw new AgentError(known, message, { retryable: false });
  }

  /** Takes no more jobs, waits for the running ones, then leaves the server. Idempotent; resolves when all is closed. */
  drain(): Promise<void> {
    this.#scope.logger.info({ jobs: this.#scope.jobs.size }, 'draining');
    return this.#stop(() => this.#scope.drain());
  }

  /** Ends the running jobs, with their shutdown callbacks, then leaves the server. Idempotent. */
  stop(): Promise<void> {
    return this.#stop(() => this.#scope.force());
  }

  /**
   * Takes no more jobs and ends the running ones, with their shutdown callbacks; their rooms are dispatched again, so
   * that another worker goes on with them. As `drain` for a worker that does not reconcile.
   */
  handOver(): Promise<void> {
    this.#scope.logger.info({ jobs: this.#scope.jobs.size }, 'handing over');
    return this.#stop(() => {
      this.#scope.drain();
      this.#reconciler?.handOver();
    });
  }

  get status(): WorkerStatus {
    const { definition, jobs, registrations, clock, totals } = this.#scope;
    const listed = [...registrations.values()].map(({ kind, workerId, registrations: times, actor }) => ({
      kind,
      state: stateOf(actor?.getSnapshot()),
      workerId,
      registrations: times,
    }));
    return {
      agentName: definition.agentName,
      state: this.#state(listed),
      registrations: listed,
      jobs: jobs.list().map((job) => ({
        jobId: job.info.id,
        roomName: job.info.roomName,
        identity: job.identity,
        participant: job.info.participant?.identity ?? null,
        state: stateName(job.actor?.getSnapshot().value),
        ageMs: Math.round(clock.now() - job.offeredAtMs),
      })),
      hosts: this.runner.hosts,
      maxJobs: jobs.maxJobs,
      load: this.#scope.load(),
      totals: { ...totals },
      reconciler: this.#reconciler?.status ?? { state: 'off', redispatched: 0, givenUp: 0 },
    };
  }

  get sessions(): readonly RunningSession[] {
    return this.runner.sessions();
  }

  #state(registrations: readonly RegistrationStatus[]): WorkerState {
    const { isReady = true } = this.runner;
    const worst = BY_SEVERITY.find((state) => registrations.some((each) => each.state === state)) ?? 'idle';
    return worst === 'available' && !isReady ? 'starting' : worst;
  }

  async #open(): Promise<void> {
    if (this.#stopping !== null) throw new AgentError('ERR_CLOSED', 'the worker was stopped');
    const { clock, ids, logger, onProblem } = this.#scope;
    const { onReport = reportLog(logger), inspect } = this.#options;
    const root = startRoot(this.#tree.logic, {
      id: 'worker',
      clock,
      onProblem,
      random: () => ids.random(),
      onReport,
      ...(inspect !== undefined && { inspect }),
    });
    this.#root = root;
    monitor(root, ({ reason }) => {
      // A supervisor that gives up ends with `shutdown`, as one that was told to.
      if (this.#stopping === null) this.#failure ??= gaveUp(reason);
      this.#resolveStopped();
    });
    await Promise.race([this.runner.open(), this.stopped(), this.#asked.promise]);
    if (this.#stopping !== null) return;
    for (const spec of this.#tree.entrance) startChildNow(root, spec);
  }

  #stop(begin: () => void): Promise<void> {
    begin();
    this.#asked.resolve();
    this.#stopping ??= (async () => {
      await this.#opening?.catch(() => {}); // told to whoever started the worker
      if (this.#root !== null) await shutdown(this.#root);
      await this.#reconciler?.close();
      await this.runner.close();
      this.#resolveStopped();
    })();
    return this.#stopping;
  }
}

function reconcilerFor(scope: WorkerScope): Reconciler | null {
  return scope.api === null || !hasReconciler(scope.definition) ? null : new Reconciler(scope, scope.api);
}

function gaveUp(reason: ExitReason): ConnectionFailure {
  const why = reason === 'shutdown' ? 'its parts crash again and again' : describeReason(reason);
  return { code: 'ERR_WORKER', message: `the worker gave up: ${why}` };
}

function stateOf(snapshot: { readonly value: unknown } | undefined): WorkerState {
  const name = stateName(snapshot?.value);
  return BY_SEVERITY.find((state) => state === name) ?? 'idle';
}

/** The outermost name of a state: `{ running: 'steady' }` is `running`. */
function stateName(value: unknown): string {
  if (typeof value === 'string') return value;
  return typeof value === 'object' && value !== null ? (Object.keys(value)[0] ?? 'idle') : 'idle';
}

function realSocket(clock: Clock): OpenSocket {
  if (!clock.isVirtual) return openWebSocket;
  return () =>
    Promise.reject(
      new AgentError('ERR_REAL_IO', 'a worker needs the network', {
        field: 'openSocket',
        fix: 'Give a scripted `openSocket` under a virtual clock',
      }),
    );
}
