// What the entry function of a job gets: whom the job is for, and a say in how long it lives and how it ends.
import type { Clock } from '../../clock.ts';
import { AgentError, textOf } from '../../errors.ts';
import type { AgentSession } from '../../runtime/agent-session.ts';
import type { Runtime } from '../../runtime/create-runtime.ts';
import type { Rtc } from '../../transports/livekit/index.ts';
import type { LimitTracks } from '../../transports/livekit/room/track-audience.ts';
import type { Logger } from '../logger.ts';
import type { AssignedJob, Presence } from '../runner.ts';
import type { CallOptions, NewSipParticipant, NewTransfer, ServerApi, SipCall } from '../server/server-api.ts';
import type { JobInfo, JobParticipant } from './job-info.ts';
import { JobParticipants, type RoomParticipant } from './job-participants.ts';
import { JobRoom } from './job-room.ts';
import { type JobSession, type JobSessionOptions, JobSessions } from './job-sessions.ts';
import { ParticipantSessions, type ParticipantSessionsOptions } from './participant-sessions.ts';
import type { SipCallStatus } from './sip-details.ts';
import {
  type CollectDtmfOptions,
  type CollectedDtmf,
  type DtmfListener,
  type SendDtmfOptions,
  Telephone,
  type WaitForSipOptions,
} from './telephone.ts';

/** Gets the reason why the job ends. */
export type ShutdownCallback = (reason: string) => unknown;
export type ParticipantEntry = (job: JobContext, participant: RoomParticipant) => unknown;
/** What the session of a participant is like; null: this participant gets none. */
export type SessionForParticipant = (
  participant: RoomParticipant,
) => JobSessionOptions | null | Promise<JobSessionOptions | null>;

export interface TransferOptions extends CallOptions, Omit<NewTransfer, 'roomName' | 'identity' | 'to'> {}
export interface DialOptions extends CallOptions, Omit<NewSipParticipant, 'roomName'> {}

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
  /** Made when it is asked for. */
  readonly api: () => ServerApi;
  /** For tests. */
  readonly loadRtc?: () => Promise<Rtc>;
  /** For tests. */
  readonly limitTracks?: LimitTracks;
  onPresence(state: Presence): void;
  /** The job asks to end. */
  onShutdown(reason: string): void;
  /** Something that keeps the job alive; a rejection fails it. */
  onHold(held: Promise<unknown>): void;
  /** Why the job is over, should nothing keep it alive any more. */
  onReason(reason: string): void;
}

/** A telephone number or a SIP address. */
const TRANSFER_TARGET = /^(tel:\+?[\d*#().-]+|sips?:\S+)$/;

/** One job, as its entry function has it: whom it is for, its room, its sessions, its telephone, and its end. */
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
  readonly #callbacks = new Set<NamedCallback>();
  readonly #participants: JobParticipants;
  readonly #room: JobRoom;
  readonly #telephone: Telephone;
  readonly #sessions: JobSessions;
  #hasJoined = false;
  #presence: { readonly state: Presence; readonly sinceMs: number };

  /** @internal */
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
    const { clock, log, signal } = this;
    this.#participants = new JobParticipants(signal, ({ identity }, error) =>
      log.error({ participant: identity, error: textOf(error) }, 'a listener for participants failed'),
    );
    const participants = this.#participants;
    this.#telephone = new Telephone({ clock, log, signal, participants, room: () => this.#room.room });
    this.#room = new JobRoom({
      url: this.url,
      token: options.job.token,
      clock,
      log,
      signal,
      participants,
      ...(options.loadRtc !== undefined && { load: options.loadRtc }),
      ...(options.limitTracks !== undefined && { limit: options.limitTracks }),
      onPresence: (state) => this.reportPresence(state),
      onDtmf: (code, identity) => this.#telephone.heard(code, identity),
      onOver: (why) => {
        if (why !== null) this.shutdown(why);
        else this.hold(Promise.reject(new AgentError('ERR_TRANSPORT', 'the room was lost')));
      },
    });
    this.#sessions = new JobSessions({
      runtime: this.runtime,
      room: this.#room,
      participants,
      clock,
      log,
      participant: this.info.participant?.identity,
      onEnd: (run, name) => this.#onEnd(run, name),
      hold: (held) => this.hold(held),
      onReason: (reason) => options.onReason(reason),
    });
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
    name = run.name === '' ? `callback ${this.#callbacks.size + 1}` : run.name,
  ): void {
    this.#onEnd(run, name);
  }

  /** @internal */
  get shutdownCallbacks(): readonly NamedCallback[] {
    return [...this.#callbacks];
  }

  /** Keeps the job alive until `held` settles, although the entry function is over; a rejection fails the job. */
  hold(held: PromiseLike<unknown>): void {
    this.#options.onHold(Promise.resolve(held));
  }

  /**
   * Starts a session in this process, in the room of the job unless a transport is given. The job lives at least as
   * long, and the session is closed when the job ends. All sessions of a job share one stay in its room.
   * @throws AgentError as a session's `start` does; `ERR_CLOSED` when the job is ending
   */
  async startSession(options: JobSessionOptions): Promise<AgentSession> {
    this.#mustGoOn('startSession');
    return this.#sessions.start(options);
  }

  /** The sessions that run, each with the identity of whom it talks to in the room. */
  get sessions(): readonly JobSession[] {
    return this.#sessions.list;
  }

  /**
   * Joins the room without a session, so that participants and tones are known before there is one. Stays until the job or
   * the room ends. Idempotent.
   * @throws AgentError `ERR_TRANSPORT`; `ERR_CLOSED` when the job is ending
   */
  async joinRoom(): Promise<void> {
    this.#mustGoOn('joinRoom');
    const isFirst = !this.#hasJoined;
    this.#hasJoined = true;
    if (isFirst) this.addShutdownCallback(() => this.#room.leave(), 'room');
    await this.#room.join();
  }

  /**
   * Gives each participant that is or comes in a private session of its own, as `sessionFor` says: it hears that participant
   * only, and nobody else hears it. It ends when that one leaves; the job ends when all are over. One that throws leaves its
   * participant without a session.
   */
  async startSessionPerParticipant(
    sessionFor: SessionForParticipant,
    options: ParticipantSessionsOptions = {},
  ): Promise<ParticipantSessions> {
    await this.joinRoom();
    const { clock, log, signal, identity: self } = this;
    const start = async (participant: RoomParticipant) => {
      const session = await sessionFor(participant);
      if (session === null || !participant.isPresent || signal.aborted) return null;
      return this.#sessions.start({ isPrivate: true, ...session, participant: participant.identity }, false);
    };
    const participants = this.#participants;
    const sessions = new ParticipantSessions({ clock, log, signal, participants, self, start }, options);
    this.hold(sessions.over);
    return sessions;
  }

  /** Lets a session of this job talk to another participant from now on; null: to whoever is linked, or else comes first. */
  linkTo(session: AgentSession, identity: string | null): void {
    this.#sessions.linkTo(session, identity);
  }

  /** Participants in the room as the room's connection told them, the agent itself left out. */
  get participants(): readonly RoomParticipant[] {
    return this.#participants.list;
  }

  /** Called once for each participant, those already there included. What it returns keeps nothing alive; a throw is logged. */
  addParticipantEntrypoint(entry: ParticipantEntry): void {
    this.#participants.listen({
      joined: (participant) => {
        void (async () => entry(this, participant))().catch((error: unknown) => {
          this.log.error({ participant: participant.identity, error: textOf(error) }, 'participant entrypoint failed');
        });
      },
    });
  }

  /** The participant with this identity, or the first one. Rejects with ERR_CLOSED when the job ends before. */
  waitForParticipant(identity?: string): Promise<RoomParticipant> {
    const fits = (participant: RoomParticipant) =>
      identity === undefined || participant.identity === identity ? participant : undefined;
    return this.#participants.until('waitForParticipant', fits).found;
  }

  /**
   * Presses keys: 0-9, *, #, A-D, one after the other. The whole room hears of it; a telephone bridge plays it into the call.
   * @throws AgentError `ERR_OPTION`, `ERR_TRANSPORT` when the agent is not in the room, `ERR_CLOSED` when the job ends meanwhile
   */
  sendDtmf(tones: string, options?: SendDtmfOptions): Promise<void> {
    return this.#telephone.send(tones, options);
  }

  /** Told of each key that a participant presses. Returns a function that stops it. */
  onDtmf(listener: DtmfListener): () => void {
    return this.#telephone.onDtmf(listener);
  }

  /** The keys that are pressed from now on, until there are enough, the terminator, or a pause. @throws AgentError `ERR_OPTION`, `ERR_CLOSED` */
  collectDtmf(options?: CollectDtmfOptions): Promise<CollectedDtmf> {
    return this.#telephone.collect(options);
  }

  /**
   * Resolves when the call of this participant is in that state.
   * @throws AgentError `ERR_SIP_CALL` when they left before (declined, not reached, line failed), `ERR_TIMEOUT`, `ERR_CLOSED`
   */
  waitForSipStatus(identity: string, status: SipCallStatus, options?: WaitForSipOptions): Promise<RoomParticipant> {
    return this.#telephone.waitForStatus(identity, status, options);
  }

  /** Resolves when a participant that was called has answered: before that, what the agent says is heard by nobody. */
  waitForAnswer(identity: string, options?: WaitForSipOptions): Promise<RoomParticipant> {
    return this.waitForSipStatus(identity, 'active', options);
  }

  /** The server's API with the key of the worker. */
  get api(): ServerApi {
    return this.#options.api();
  }

  /** Calls a telephone into the room. @throws AgentError as {@link ServerApi} says */
  createSipParticipant({ timeoutMs, signal = this.signal, ...call }: DialOptions): Promise<SipCall> {
    return this.api.createSipParticipant(
      { roomName: this.roomName, ...call },
      { signal, ...(timeoutMs !== undefined && { timeoutMs }) },
    );
  }

  /**
   * Hands a telephone call over to another number or address; the participant leaves the room when it is taken.
   * @throws AgentError `ERR_OPTION`, and as {@link ServerApi} says
   */
  async transferSipParticipant(
    participant: string | Pick<JobParticipant, 'identity'>,
    to: string,
    { timeoutMs, signal = this.signal, ...transfer }: TransferOptions = {},
  ): Promise<void> {
    const identity = typeof participant === 'string' ? participant : participant.identity;
    const refuse = (field: string, rule: string, fix: string) =>
      new AgentError('ERR_OPTION', 'transferSipParticipant is not valid', { field, rule, fix });
    if (!TRANSFER_TARGET.test(to))
      throw refuse('to', 'must be tel:<number> or sip:<address>', 'Write `tel:+4930123456` or `sip:desk@example.com`');
    const kind = this.#participants.get(identity)?.kind;
    if (kind !== undefined && kind !== 'sip')
      throw refuse('participant', 'must be of kind sip', 'Name a participant who is on the telephone');
    await this.api.transferSipParticipant(
      { roomName: this.roomName, identity, to, ...transfer },
      { signal, ...(timeoutMs !== undefined && { timeoutMs }) },
    );
  }

  /** Sends a participant away; a telephone hangs up. @throws AgentError as {@link ServerApi} says */
  removeParticipant(participant: string | Pick<JobParticipant, 'identity'>, options?: CallOptions): Promise<void> {
    const identity = typeof participant === 'string' ? participant : participant.identity;
    return this.api.removeParticipant(this.roomName, identity, options);
  }

  /**
   * Ends the sessions, leaves, and then deletes the room, which sends everybody else away. In this order: a room that is
   * deleted under an agent costs its process memory. The job goes on; a room that is already gone is no error.
   * @throws AgentError as {@link ServerApi} says
   */
  deleteRoom(reason = 'the agent ended the call'): Promise<void> {
    const deleted = this.#deleteRoom(reason);
    // Leaving ends the sessions, and with them a job that nothing else keeps alive.
    this.hold(deleted.catch(() => {})); // the caller is told
    return deleted;
  }

  /** Ends the call for everybody: {@link deleteRoom}, and the job with it. */
  async hangUp(reason = 'the agent hung up'): Promise<void> {
    try {
      await this.deleteRoom(reason);
    } finally {
      this.shutdown(reason);
    }
  }

  async #deleteRoom(reason: string): Promise<void> {
    const { api } = this;
    await this.release(reason);
    try {
      await api.deleteRoom(this.roomName);
    } catch (error) {
      if (!(error instanceof AgentError && error.code === 'ERR_NOT_FOUND')) throw error;
    }
  }

  /** @internal Closes its sessions and leaves the room; no code of the job runs. */
  async release(reason: string): Promise<void> {
    await Promise.all([this.#room.leave(), this.#sessions.close(reason)]);
  }

  /** @internal For the connection to the room: where the agent is. Terminations are judged by it. */
  reportPresence(state: Presence): void {
    if (state === this.#presence.state) return;
    this.#presence = { state, sinceMs: this.clock.now() };
    this.#options.onPresence(state);
  }

  /** Where the agent is, and since when. */
  get presence(): { readonly state: Presence; readonly sinceMs: number } {
    return this.#presence;
  }

  #onEnd(run: ShutdownCallback, name: string): () => void {
    this.#mustGoOn('addShutdownCallback');
    const callback = { name, run };
    this.#callbacks.add(callback);
    return () => this.#callbacks.delete(callback);
  }

  #mustGoOn(field: string): void {
    if (this.signal.aborted)
      throw new AgentError('ERR_CLOSED', 'the job is ending', { field, fix: 'Look at the signal of the job first' });
  }
}
