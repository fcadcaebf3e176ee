// One registration of a worker for one kind of job: its socket while there is one, and what comes in over it.
import type { ActorRefFrom } from 'xstate';
import { AgentError, toAgentError } from '../../errors.ts';
import type { ConnectionEvent } from '../../machines/connection.machine.ts';
import type { WorkerEvent, workerMachine } from '../../machines/worker.machine.ts';
import type { JobInfo, JobKind } from '../job/job-info.ts';
import { toldLoad } from '../load.ts';
import type { Logger } from '../logger.ts';
import type { WorkerScope } from '../worker-scope.ts';
import { type AgentSocket, agentUrl, UNREACHED } from './agent-socket.ts';
import { agentToken } from './agent-token.ts';
import { Heartbeat } from './heartbeat.ts';
import {
  type Answer,
  answerBytes,
  jobStatusBytes,
  migrateBytes,
  pingBytes,
  type ReportedStatus,
  readServer,
  registerBytes,
  type ServerSaid,
  workerStatusBytes,
} from './messages.ts';
import { openInTime } from './open-in-time.ts';
import { isDoubtful } from './termination.ts';

export type ShownStatus = 'available' | 'full' | 'draining';

/** Frames that are no messages of the protocol, on one socket, before it is dropped. */
const MAX_BAD_FRAMES = 10;

/** Starts the actor of an offered job; false when that was not possible. */
export type StartJob = (registration: Registration, job: JobInfo) => boolean;

/** The version of the protocol's features that a worker shows to the server. */
const WORKER_VERSION = '0.1.0';

interface OpenedSocket {
  readonly socket: AgentSocket;
  closedWhy: string | null;
  badFrames: number;
  onClosed: ((why: string) => void) | null;
  onMessage: ((data: Uint8Array | string) => void) | null;
  /** What came before somebody listened. */
  readonly early: (Uint8Array | string)[];
}

export class Registration {
  readonly id: string;
  readonly kind: JobKind;
  readonly log: Logger;
  actor: ActorRefFrom<typeof workerMachine> | null = null;
  /** Given by the server, new with every registration; null while not registered. */
  workerId: string | null = null;
  registrations = 0;
  readonly #scope: WorkerScope;
  readonly #startJob: StartJob;
  #opened: OpenedSocket | null = null;
  #shown: ShownStatus = 'available';
  #attempts = 0;

  constructor(scope: WorkerScope, kind: JobKind, startJob: StartJob) {
    this.id = kind;
    this.kind = kind;
    this.#scope = scope;
    this.#startJob = startJob;
    this.log = scope.logger.child({ agentName: scope.definition.agentName, kind });
  }

  get isRegistered(): boolean {
    return this.workerId !== null;
  }

  /** To the chart of this registration; nobody hears it while there is none. */
  tell(event: WorkerEvent): void {
    if (this.actor?.getSnapshot().status === 'active') this.actor.send(event);
  }

  /** Slot `openConnection`. After the worker's first registration every failure is worth another try: servers restart with wrong keys too. */
  async open(signal: AbortSignal): Promise<void> {
    const { connection, clock, openSocket } = this.#scope;
    this.#attempts++;
    const { apiKey, apiSecret } = connection;
    const token = agentToken({ apiKey, apiSecret, atEpochMs: clock.wallNow() });
    const opened: Omit<OpenedSocket, 'socket'> = {
      closedWhy: null,
      badFrames: 0,
      onClosed: null,
      onMessage: null,
      early: [],
    };
    const listener = {
      onMessage: (data: Uint8Array | string) => {
        if (opened.onMessage !== null) opened.onMessage(data);
        else if (opened.early.length < MAX_BAD_FRAMES) opened.early.push(data);
      },
      onClosed: (why: string) => {
        opened.closedWhy ??= why;
        opened.onClosed?.(why);
      },
    };
    const target = { url: agentUrl(connection.url), token };
    try {
      const socket = await openInTime((left) => openSocket({ ...target, signal: left }, listener), signal, clock);
      if (signal.aborted) socket.close();
      else this.#opened = Object.assign(opened, { socket });
    } catch (error) {
      const failure = toAgentError(error, 'ERR_TRANSPORT', 'the socket did not open');
      const retryable = this.#scope.hasRegistered || (failure.retryable && this.#hasTries);
      const { code, message } = failure;
      if (!signal.aborted) this.log.warn({ code, message, attempt: this.#attempts, retryable }, 'not connected');
      throw new AgentError(code, message, { cause: error, retryable });
    }
  }

  /** Slot `holdConnection`. Returns what releases the socket. */
  hold(report: (event: ConnectionEvent) => void): () => void {
    const opened = this.#opened;
    if (opened === null) throw new AgentError('ERR_TRANSPORT', 'there is no open socket');
    const lost = (why: string) => {
      if (this.#opened !== opened) return;
      const retryable = this.#scope.hasRegistered || this.#hasTries;
      this.log.warn({ why, attempt: this.#attempts, retryable }, 'socket lost');
      this.#release(opened);
      // A server that takes the socket and never registers anybody is no LiveKit server.
      const { code, message } = new AgentError('ERR_TRANSPORT', why, retryable ? {} : UNREACHED);
      report({ type: 'transport.lost', code, message, retryable });
      this.tell({ type: 'worker.lost' });
    };
    if (opened.closedWhy !== null) {
      // Reported from a later tick: nothing may be sent to the chart while it starts this slot.
      queueMicrotask(() => lost(opened.closedWhy ?? ''));
      return () => this.#release(opened);
    }
    const heartbeat = new Heartbeat({
      clock: this.#scope.clock,
      ping: () => opened.socket.send(pingBytes(this.#scope.clock.wallNow())),
      pushStatus: () => this.pushStatus(),
      onSilence: () => lost('the server does not answer pings'),
    });
    opened.onClosed = lost;
    const { agentName, deployment, permissions = null } = this.#scope.definition;
    // From a later tick: the chart hears of the socket before anything can come over it.
    queueMicrotask(() => {
      if (this.#opened !== opened) return;
      this.tell({ type: 'worker.opened' });
      opened.onMessage = (data) => {
        heartbeat.heard();
        const said = readServer(data);
        if (said.kind === 'bad') this.#badFrame(opened, said.why, lost);
        else this.#receive(said);
      };
      for (const data of opened.early.splice(0)) opened.onMessage(data);
      opened.socket.send(
        registerBytes({ kind: this.kind, agentName, version: WORKER_VERSION, deployment, permissions }),
      );
    });
    return () => {
      heartbeat.stop();
      this.#release(opened);
    };
  }

  /** Effect `dropSocket`: lets go of a socket whose peer is of no use. */
  drop(why: string): void {
    const opened = this.#opened;
    if (opened === null) return;
    opened.socket.close();
    opened.onClosed?.(why);
  }

  /** Effect `showStatus`. */
  show(status: ShownStatus): void {
    this.#shown = status;
    this.pushStatus();
  }

  pushStatus(): void {
    if (!this.isRegistered) return;
    const isOpen = this.#shown === 'available';
    const { jobs } = this.#scope;
    this.#send(workerStatusBytes(isOpen, toldLoad(this.#scope.load(), isOpen), jobs.size));
  }

  /** A slot was taken or given back: the chart hears of a change of state, the server of every change. */
  jobsChanged(): void {
    if (!this.isRegistered) return;
    const { isFull } = this.#scope;
    if (isFull && this.#shown === 'available') this.tell({ type: 'worker.filled' });
    else if (!isFull && this.#shown === 'full') this.tell({ type: 'worker.freed' });
    else this.pushStatus();
  }

  answer(answer: Answer): void {
    this.#send(answerBytes(answer));
  }

  /** False when there is nobody to tell. */
  tellStatus(jobId: string, status: ReportedStatus, error: string | null): boolean {
    if (!this.isRegistered) return false;
    this.#send(jobStatusBytes(jobId, status, error));
    return true;
  }

  announce(jobIds: readonly string[]): void {
    this.#send(migrateBytes(jobIds));
    for (const jobId of jobIds) this.tellStatus(jobId, 'running', null);
  }

  get #hasTries(): boolean {
    const { initialAttempts } = this.#scope;
    return initialAttempts === null || this.#attempts < initialAttempts;
  }

  #send(bytes: Uint8Array): void {
    this.#opened?.socket.send(bytes);
  }

  #release(opened: OpenedSocket): void {
    opened.onClosed = null;
    opened.onMessage = () => {};
    opened.socket.close();
    if (this.#opened !== opened) return;
    this.#opened = null;
    this.workerId = null;
    // An assignment comes over the socket that made the offer, or not at all.
    for (const job of this.#scope.jobs.list()) {
      if (job.registrationId === this.id && job.phase === 'reserved') job.actor?.send({ type: 'job.withdraw' });
    }
  }

  #badFrame(opened: OpenedSocket, why: string, lost: (why: string) => void): void {
    opened.badFrames++;
    if (opened.badFrames === 1) this.log.warn({ why }, 'the server sent something that is no agent message');
    if (opened.badFrames >= MAX_BAD_FRAMES) lost(`${opened.badFrames} frames that are no agent messages`);
  }

  #receive(said: Exclude<ServerSaid, { kind: 'bad' }>): void {
    if (said.kind === 'registered') this.#registered(said.workerId, said.serverVersion);
    else if (said.kind === 'pong') return;
    else if (!this.isRegistered) this.log.warn({ said: said.kind }, 'ignored: it came before the registration');
    else if (said.kind === 'offer') this.#offered(said.job);
    else if (said.kind === 'assignment') this.#assigned(said.job, said.url, said.token);
    else this.#terminated(said.jobId);
  }

  #registered(workerId: string, serverVersion: string): void {
    if (this.isRegistered) return;
    this.workerId = workerId;
    this.registrations++;
    this.#attempts = 0;
    this.log.info({ workerId, serverVersion, registrations: this.registrations }, 'registered');
    if (this.#scope.isDraining) this.pushStatus();
    this.tell({ type: 'worker.registered', isFull: this.#scope.isFull });
    this.#scope.tellMissed(this);
  }

  #offered(job: JobInfo): void {
    const known = this.#scope.jobs.get(job.id);
    const { isDraining, runner, jobs } = this.#scope;
    const isFree = this.#shown === 'available' && !isDraining && runner.freeSlots() > jobs.count('reserved');
    if (known === undefined && isFree && this.#startJob(this, job)) return;
    this.log.info({ jobId: job.id, room: job.roomName, jobs: this.#scope.jobs.size }, 'offer refused');
    // The answer to a job that is already decided about was given, or will be by its own chart.
    if (known === undefined || known.phase === 'running') this.answer({ jobId: job.id, isAvailable: false });
  }

  #assigned(job: JobInfo, url: string, token: string): void {
    const record = this.#scope.jobs.get(job.id);
    if (record === undefined) {
      // Without this the job would stay running on the server for ever.
      this.log.warn({ jobId: job.id, room: job.roomName }, 'assignment came too late');
      this.tellStatus(job.id, 'failed', 'the assignment came too late');
      return;
    }
    if (record.phase === 'running' || record.actor?.getSnapshot().hasTag('reserved') !== true) return;
    if (record.actor.getSnapshot().matches('offered')) return; // assigned before we said yes: the answer is still to come
    record.toldBy = this.workerId;
    this.#scope.jobs.assign(record, url === '' ? this.#scope.connection.url : url, token);
    record.actor.send({ type: 'job.assigned' });
  }

  #terminated(jobId: string): void {
    const record = this.#scope.jobs.get(jobId);
    if (record === undefined) {
      this.log.debug({ jobId }, 'termination of a job that is not here');
      return;
    }
    record.toldBy = null;
    record.actor?.send({ type: 'job.terminate', isDoubtful: isDoubtful(record.run?.presence()) });
  }
}
