// The room of a job: one stay for all of its sessions, from which the job hears where the agent is and who else is there.
import { type Clock, sleep, withinMs } from '../../clock.ts';
import { AgentError, textOf } from '../../errors.ts';
import { type LivekitTransport, livekitTransport, type Rtc } from '../../transports/livekit/index.ts';
import { joinError, joinOptions } from '../../transports/livekit/livekit-transport.ts';
import { PRE_CONNECT_TOPIC } from '../../transports/livekit/pre-connect/audio.ts';
import { endOfAgent, endOfUser, kindOf } from '../../transports/livekit/room/link-policy.ts';
import { SharedRoom } from '../../transports/livekit/room/shared-room.ts';
import type { LimitTracks } from '../../transports/livekit/room/track-audience.ts';
import { loadRtc, type RtcParticipant, type RtcRoom } from '../../transports/livekit/rtc.ts';
import type { Logger } from '../logger.ts';
import type { Presence } from '../runner.ts';
import type { JobParticipant } from './job-info.ts';
import type { JobParticipants } from './job-participants.ts';
import { UnsaidLeaves } from './unsaid-leaves.ts';

export interface JobRoomOptions {
  readonly url: string;
  /** Of the assignment; it is valid for an hour, the server renews it in the room. */
  readonly token: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly participants: JobParticipants;
  /** For tests. */
  readonly load?: () => Promise<Rtc>;
  /** For tests. */
  readonly limit?: LimitTracks;
  onPresence(state: Presence): void;
  onDtmf(code: number, identity: string): void;
  /** The stay is over and no session joins again. `why` is null when the network failed. */
  onOver(why: string | null): void;
}

/** The library may hang; one attempt to join takes 8 s at most when it does not. */
const JOIN_LIMIT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 4_500;
const JOIN_TRIES = 3;
const BETWEEN_TRIES_MS = 1_000;

export class JobRoom {
  readonly #options: JobRoomOptions;
  readonly #shared: SharedRoom;
  readonly #unsaid: UnsaidLeaves;
  #rtc: Rtc | null = null;
  /** The newest room, whose token the server keeps fresh. */
  #newest: RtcRoom | null = null;
  #held: Promise<() => Promise<void>> | null = null;
  #isLeaving = false;

  constructor(options: JobRoomOptions) {
    this.#options = options;
    const { clock, log, limit, participants } = options;
    this.#unsaid = new UnsaidLeaves(clock, (identity) => participants.left(identity, null));
    this.#shared = new SharedRoom({
      clock,
      // Pages send it as soon as they see the agent, which may be before their session has a seat.
      topics: [['bytes', PRE_CONNECT_TOPIC]],
      ...(limit !== undefined && { limit }),
      onProblem: (where, error) => log.warn({ where, error: String(error) }, 'the room did not take something'),
      // Every attempt counts as joining: the server may take the end of the attempt before for the end of the job.
      onJoining: () => options.onPresence('joining'),
      onRoom: (room) => this.#listen(room),
      onJoined: (room) => this.#joined(room),
      onLeft: (reason, seats) => this.#over(reason, seats),
    });
  }

  /** Null while it is not joined. */
  get room(): RtcRoom | null {
    return this.#shared.room;
  }

  /**
   * The transport of one session. `isPrivate`: the session sees, hears and speaks to `participant` only, and nobody else
   * hears it.
   */
  transport({
    participant,
    isPrivate,
    preConnectAudio = true,
  }: {
    readonly participant: string | undefined;
    readonly isPrivate: boolean;
    /** Hear what the client recorded before the agent came. */
    readonly preConnectAudio?: boolean | undefined;
  }): LivekitTransport {
    const { url, log } = this.#options;
    const guest = isPrivate && participant !== undefined ? participant : null;
    return livekitTransport({
      url,
      getToken: () => ({ token: this.#token() }),
      onProblem: ({ where, error }) =>
        log.warn({ where, error: textOf(error) }, 'something between agent and room failed'),
      preConnectAudio,
      load: () => this.#load(),
      room: (rtc) => this.#shared.seatFor(rtc, guest),
      ...(participant !== undefined && { identity: participant }),
    });
  }

  /** Joins without a session; stays until `leave`, or the end of the room. Idempotent. @throws AgentError `ERR_TRANSPORT` */
  async join(): Promise<void> {
    this.#isLeaving = false;
    this.#held ??= this.#hold();
    try {
      await this.#held;
    } catch (error) {
      this.#held = null;
      throw error;
    }
  }

  /** The sessions have ended or will: the last one out closes the door. Idempotent. */
  async leave(): Promise<void> {
    this.#isLeaving = true;
    const held = this.#held;
    this.#held = null;
    const release = await held?.catch(() => undefined); // told to whoever asked for the room
    await release?.();
  }

  async #hold(): Promise<() => Promise<void>> {
    const { url, clock, signal } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const holding = this.#load().then((rtc) =>
        this.#shared.hold(rtc, url, this.#token(), joinOptions(CONNECT_TIMEOUT_MS)),
      );
      try {
        const release = await withinMs(holding, JOIN_LIMIT_MS, clock);
        if (release !== undefined) return release;
        holding.then((late) => late()).catch(() => {}); // a join that is late and fails has nothing to release
        throw new AgentError('ERR_TRANSPORT', `the room was not joined within ${JOIN_LIMIT_MS} ms`);
      } catch (thrown) {
        const error = joinError(thrown);
        if (attempt === JOIN_TRIES || !error.retryable || signal.aborted || this.#isLeaving) throw error;
        await sleep(clock, BETWEEN_TRIES_MS, signal);
      }
    }
  }

  async #load(): Promise<Rtc> {
    const { clock, load } = this.#options;
    if (clock.isVirtual && load === undefined)
      throw new AgentError('ERR_REAL_IO', 'a LiveKit room cannot be joined under a virtual clock');
    this.#rtc = await (load ?? loadRtc)();
    return this.#rtc;
  }

  #token(): string {
    return this.#newest?.token ?? this.#options.token;
  }

  #listen(room: RtcRoom): void {
    const { participants, onDtmf } = this.#options;
    const unsaid = this.#unsaid;
    room.on('participantConnected', (participant) => {
      unsaid.settle(participant.identity);
      participants.joined(this.#describe(participant));
    });
    room.on('participantDisconnected', ({ identity, disconnectReason }) => {
      if (disconnectReason === undefined) return unsaid.add(identity);
      unsaid.settle(identity);
      participants.left(identity, this.#rtc === null ? null : endOfUser(this.#rtc, disconnectReason));
    });
    room.on('reconnecting', () => unsaid.reconnecting(true));
    room.on('reconnected', () => unsaid.reconnecting(false));
    room.on('participantAttributesChanged', (_changed, { identity, attributes }) =>
      participants.changed(identity, { ...attributes }),
    );
    room.on('dtmfReceived', (code, _digit, { identity }) => onDtmf(code, identity));
  }

  #joined(room: RtcRoom): void {
    const { participants, onPresence } = this.#options;
    this.#newest = room;
    onPresence('joined');
    // Who left while the agent was out is gone.
    for (const { identity } of participants.list) {
      if (!room.remoteParticipants.has(identity)) participants.left(identity, null);
    }
    for (const participant of room.remoteParticipants.values()) participants.joined(this.#describe(participant));
  }

  #describe(participant: FullParticipant): JobParticipant {
    const { identity, attributes, sid = '', name = '', metadata = '' } = participant;
    const kind = this.#rtc === null ? 'other' : kindOf(this.#rtc, participant.kind);
    return { sid, identity, name, metadata, attributes: { ...attributes }, kind };
  }

  #over(reason: number, seats: number): void {
    const { onPresence, onOver } = this.#options;
    this.#unsaid.clear();
    const wasHeld = this.#held !== null;
    const why = this.#rtc === null ? null : endOfAgent(this.#rtc, reason);
    const isOwnWill = reason === this.#rtc?.DisconnectReason.CLIENT_INITIATED;
    onPresence(why === null ? 'lost' : isOwnWill ? 'left' : 'removed');
    if (!wasHeld || this.#isLeaving || (seats > 0 && why === null)) return;
    onOver(why);
  }
}

/** Fields that the room library has and the transport itself has no use for. */
type FullParticipant = RtcParticipant & { readonly sid?: string; readonly name?: string; readonly metadata?: string };
