// What the entry function of a job gets: whom the job is for, and a say in how long it lives and how it ends.
import type { Clock } from '../clock.ts';
import { AgentError, textOf } from '../errors.ts';
import type { AgentSession } from '../runtime/agent-session.ts';
import type { Runtime, SessionStartOptions } from '../runtime/create-runtime.ts';
import { attachRoomIo, LivekitTransport } from '../transports/livekit/index.ts';
import type { JobInfo, JobParticipant } from './job-info.ts';
import { jobRoom } from './job-room.ts';
import type { Logger } from './logger.ts';
import type { AssignedJob, Presence } from './runner.ts';

/** Gets the reason why the job ends. */
export type ShutdownCallback = (reason: string) => unknown;
export type ParticipantEntry = (job: JobContext, participant: JobParticipant) => unknown;

export type JobSessionOptions = Omit<SessionStartOptions, 'transport'> & {
  /** Default: the room of the job. */
  readonly transport?: SessionStartOptions['transport'];
};

export interface NamedCallback {
  readonly name: string;
  readonly run: ShutdownCallback;
}

export interface JobContextOptions {
  readonly job: AssignedJob;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly runtime: Runtime;
  readonly processData: Map<string, unknown>;
  readonly signal: AbortSignal;
  onPresence(state: Presence): void;
  /** The job asks to end. */
  onShutdown(reason: string): void;
  /** Something that keeps the job alive; a rejection fails it. */
  onHold(held: Promise<unknown>): void;
}

export class JobContext {
  readonly info: JobInfo;
  /** Address of the server whose room the agent is to join. */
  readonly url: string;
  /** What the agent is called in the room. */
  readonly identity: string;
  /** Aborted when the job has to end; its shutdown callbacks run then. */
  readonly signal: AbortSignal;
  /** Lines carry the ids of the job. */
  readonly log: Logger;
  readonly clock: Clock;
  /** The runtime of this process; sessions started here are those of all its jobs. */
  readonly runtime: Runtime;
  /** What `prewarm` put there, shared by all jobs of this process. */
  readonly processData: ReadonlyMap<string, unknown>;
  /** Free for the job's own use. */
  readonly userData = new Map<string, unknown>();
  readonly #options: JobContextOptions;
  readonly #callbacks: NamedCallback[] = [];
  readonly #participants = new Map<string, JobParticipant>();
  readonly #entries: ParticipantEntry[] = [];
  readonly #waiting = new Set<(participant: JobParticipant) => void>();
  #presence: { readonly state: Presence; readonly sinceMs: number };

  constructor(options: JobContextOptions) {
    this.#options = options;
    this.info = options.job.info;
    this.url = options.job.url;
    this.identity = options.job.identity;
    this.signal = options.signal;
    this.log = options.logger;
    this.clock = options.clock;
    this.runtime = options.runtime;
    this.processData = options.processData;
    this.#presence = { state: 'none', sinceMs: options.clock.now() };
  }

  get id(): string {
    return this.info.id;
  }

  get roomName(): string {
    return this.info.roomName;
  }

  /** Text given with the dispatch. */
  get metadata(): string {
    return this.info.metadata;
  }

  /** Token to join the room with. A getter, so that a context that is logged or inspected does not show it. */
  get token(): string {
    return this.#options.job.token;
  }

  /** Ends the job: its signal is aborted, its shutdown callbacks run, success is reported. Idempotent. */
  shutdown(reason = 'the job asked to end'): void {
    this.#options.onShutdown(reason);
  }

  /** Runs when the job ends, for whatever reason, within `shutdownTimeoutMs`; all of them at once. A throw is reported and harmless. */
  addShutdownCallback(
    run: ShutdownCallback,
    name = run.name === '' ? `callback ${this.#callbacks.length + 1}` : run.name,
  ): void {
    if (this.signal.aborted) throw new AgentError('ERR_CLOSED', 'the job is ending', { field: 'addShutdownCallback' });
    this.#callbacks.push({ name, run });
  }

  get shutdownCallbacks(): readonly NamedCallback[] {
    return this.#callbacks;
  }

  /** Keeps the job alive until `held` settles, although the entry function is over; a rejection fails the job. */
  hold(held: PromiseLike<unknown>): void {
    this.#options.onHold(Promise.resolve(held));
  }

  /**
   * Starts a session in this process, in the room of the job unless a transport is given. The job lives at least as
   * long, and the session is closed when the job ends.
   */
  async startSession({ transport = jobRoom(this), ...options }: JobSessionOptions): Promise<AgentSession> {
    this.signal.throwIfAborted();
    const session = this.runtime.createSession({ ...options, transport });
    this.log.info({ sessionId: session.sessionId }, 'session starting');
    if (transport instanceof LivekitTransport) attachRoomIo(session, transport);
    const stopped = new Promise<void>((resolve) => {
      session.on('session_stopped', ({ reason }) => {
        this.log.info({ sessionId: session.sessionId, reason }, 'session stopped');
        resolve();
      });
    });
    this.addShutdownCallback((reason) => session.close(reason), `session ${session.sessionId}`);
    await session.start();
    this.hold(stopped);
    return session;
  }

  /** Participants in the room as the room's connection told them, the agent itself left out. */
  get participants(): readonly JobParticipant[] {
    return [...this.#participants.values()];
  }

  /** Called once for each participant, those already there included. What it returns keeps nothing alive; a throw is logged. */
  addParticipantEntrypoint(entry: ParticipantEntry): void {
    this.#entries.push(entry);
    for (const participant of this.participants) this.#enter(entry, participant);
  }

  /** The participant with this identity, or the first one. Rejects with ERR_CLOSED when the job ends before. */
  waitForParticipant(identity?: string): Promise<JobParticipant> {
    const fits = (participant: JobParticipant) => identity === undefined || participant.identity === identity;
    const present = this.participants.find(fits);
    if (present !== undefined) return Promise.resolve(present);
    return new Promise((resolve, reject) => {
      const end = () => {
        this.signal.removeEventListener('abort', abandon);
        this.#waiting.delete(seen);
      };
      const seen = (participant: JobParticipant) => {
        if (!fits(participant)) return;
        end();
        resolve(participant);
      };
      const abandon = () => {
        end();
        reject(
          new AgentError('ERR_CLOSED', 'the job ended before the participant came', { field: 'waitForParticipant' }),
        );
      };
      this.#waiting.add(seen);
      this.signal.addEventListener('abort', abandon, { once: true });
      if (this.signal.aborted) abandon();
    });
  }

  /** For the connection to the room: a participant is there. A second report of the same identity only updates it. */
  participantJoined(participant: JobParticipant): void {
    const isNew = !this.#participants.has(participant.identity);
    this.#participants.set(participant.identity, participant);
    if (!isNew) return;
    for (const seen of [...this.#waiting]) seen(participant);
    for (const entry of this.#entries) this.#enter(entry, participant);
  }

  /** For the connection to the room. */
  participantLeft(identity: string): void {
    this.#participants.delete(identity);
  }

  /** For the connection to the room: where the agent is. Terminations are judged by it. */
  reportPresence(state: Presence): void {
    if (state === this.#presence.state) return;
    this.#presence = { state, sinceMs: this.clock.now() };
    this.#options.onPresence(state);
  }

  get presence(): { readonly state: Presence; readonly sinceMs: number } {
    return this.#presence;
  }

  #enter(entry: ParticipantEntry, participant: JobParticipant): void {
    void (async () => entry(this, participant))().catch((error: unknown) => {
      this.log.error({ participant: participant.identity, error: textOf(error) }, 'participant entrypoint failed');
    });
  }
}
