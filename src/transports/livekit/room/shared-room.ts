// One stay in a room for all sessions of a job: joined with the first, left with the last, each in a seat of its own.
import { type Clock, withinMs } from '../../../clock.ts';
import { WaitingStreams } from '../channels/waiting-streams.ts';
import { SentRecordings } from '../pre-connect/sent-recordings.ts';
import type { Rtc, RtcConnectOptions, RtcPublication, RtcRoom, RtcRoomEvents } from '../rtc.ts';
import { LEAVE_STEP_MS } from './room-connection.ts';
import { RoomNetwork } from './room-network.ts';
import {
  type JoiningRoom,
  NEARNESS,
  RoomSeat,
  type SeatHost,
  type StreamKind,
  type StreamReader,
} from './room-seat.ts';
import { STATE_ATTRIBUTE } from './shown-state.ts';
import { audienceOf, type LimitTracks, limitTracks, type PublishedTrack } from './track-audience.ts';

export interface SharedRoomOptions {
  readonly clock: Clock;
  /** Topics of text and byte streams that are listened to from before the room is joined, seat or no seat. */
  readonly topics?: readonly (readonly [StreamKind, string])[];
  /** Default: by the native library. */
  readonly limit?: LimitTracks;
  /** Told of what failed beside the call. */
  onProblem(where: string, error: unknown): void;
  onJoining?(): void;
  /** The room itself, before its listeners hear anything. */
  onRoom?(room: RtcRoom): void;
  onJoined?(room: RtcRoom): void;
  /** `seats`: sessions that were in it, and join again by themselves when that helps. */
  onLeft?(reason: number, seats: number): void;
}

interface Stay extends JoiningRoom {
  readonly network: RoomNetwork;
  readonly clientInitiated: number;
  isOver: boolean;
  isFreed: boolean;
}

/** Where the arguments of an event name its participant; null: it concerns every seat. */
const PARTICIPANT_AT = {
  participantConnected: 0,
  participantDisconnected: 0,
  participantAttributesChanged: 1,
  dataReceived: 1,
  dtmfReceived: 2,
  trackPublished: 1,
  trackUnpublished: 1,
  trackMuted: 1,
  trackSubscribed: 2,
  trackUnsubscribed: 2,
  tokenRefreshed: null,
  reconnecting: null,
} satisfies Record<Exclude<keyof RtcRoomEvents, 'disconnected' | 'reconnected'>, number | null>;

/** The reason of a stay that the network ended; joining again helps. */
const LOST = 0;

/** What the busiest session does is what the room sees of the agent. */
const BUSIEST = ['speaking', 'thinking', 'listening', 'idle', 'initializing'];

export class SharedRoom implements SeatHost {
  readonly sentRecordings = new SentRecordings();
  readonly #options: SharedRoomOptions;
  readonly #seats = new Set<RoomSeat>();
  readonly #topics = new Map<string, readonly [StreamKind, string]>();
  readonly #tracks = new Map<RtcPublication, RoomSeat>();
  /** Tracks that are being published: whoever comes in meanwhile must not hear them either. */
  readonly #unnamed = new Set<PublishedTrack>();
  readonly #states = new Map<RoomSeat, string>();
  readonly #waiting: WaitingStreams;
  #rtc: Rtc | null = null;
  #stay: Stay | null = null;
  #holds = 0;
  #isLimited = false;
  /** Under one identity the next stay begins when the one before has ended. */
  #left: Promise<unknown> = Promise.resolve();

  constructor(options: SharedRoomOptions) {
    this.#options = options;
    this.#waiting = new WaitingStreams(options.clock);
    for (const [kind, topic] of options.topics ?? []) this.listenTo(kind, topic);
  }

  /** The room while it is joined. */
  get room(): RtcRoom | null {
    return this.#stay?.room.isConnected === true ? this.#stay.room : null;
  }

  /** For a transport: its room is a seat here. `guest`: nobody else is seen, heard or spoken to. */
  seatFor(rtc: Rtc, guest: string | null): RoomSeat {
    this.#rtc = rtc;
    return new RoomSeat(this, guest);
  }

  /** Joins without a session. Returns a function that lets go again; the last one who does leaves the room. */
  async hold(rtc: Rtc, url: string, token: string, options: RtcConnectOptions): Promise<() => Promise<void>> {
    this.#rtc = rtc;
    this.#holds++;
    let isHeld = true;
    const release = async () => {
      if (!isHeld) return;
      isHeld = false;
      this.#holds--;
      await this.#leaveWhenEmpty();
    };
    try {
      await this.#join(url, token, options).joined;
    } catch (error) {
      await release();
      throw error;
    }
    return release;
  }

  attach(seat: RoomSeat, url: string, token: string, options: RtcConnectOptions): JoiningRoom {
    this.#seats.add(seat);
    return this.#join(url, token, options);
  }

  seated({ identity }: RoomSeat): void {
    if (identity !== null) this.#waiting.offerFrom(identity);
  }

  isElsewhere(seat: RoomSeat, identity: string): boolean {
    const nearest = this.#nearest(identity).find(({ answersControl }) => answersControl);
    return nearest !== undefined && nearest !== seat && nearest.nearnessTo(identity) >= NEARNESS.linked;
  }

  async detach(seat: RoomSeat): Promise<void> {
    if (!this.#seats.delete(seat)) return void (await this.#left);
    for (const [publication, owner] of this.#tracks) if (owner === seat) this.#tracks.delete(publication);
    if (this.#states.delete(seat) && this.room !== null) this.#inBackground('attributes', () => this.#showState());
    await this.#leaveWhenEmpty();
  }

  listenTo(kind: StreamKind, topic: string): void {
    const key = `${kind} ${topic}`;
    if (this.#topics.has(key)) return;
    this.#topics.set(key, [kind, topic]);
    if (this.#stay !== null) this.#register(this.#stay.room, kind, topic);
  }

  /** Nobody may hear a private track before it is known whose it is; when that cannot be said it is not published. */
  async publish(seat: RoomSeat, publish: () => Promise<RtcPublication>): Promise<RtcPublication> {
    const publication = await this.#publishUnnamed(seat, publish);
    try {
      await this.#limit();
    } catch (error) {
      await this.unpublish(seat, publication.sid ?? '');
      throw error;
    }
    return publication;
  }

  async unpublish(seat: RoomSeat, trackSid: string): Promise<void> {
    for (const [publication, owner] of this.#tracks) {
      if (owner === seat && publication.sid === trackSid) this.#tracks.delete(publication);
    }
    await this.room?.localParticipant?.unpublishTrack(trackSid);
  }

  async showAttributes(
    seat: RoomSeat,
    { [STATE_ATTRIBUTE]: state, ...others }: Readonly<Record<string, string>>,
  ): Promise<void> {
    if (Object.keys(others).length > 0) await this.room?.localParticipant?.setAttributes(others);
    if (state === undefined) return;
    this.#states.set(seat, state);
    await this.#showState();
  }

  problem(where: string, error: unknown): void {
    this.#options.onProblem(where, error);
  }

  async #showState(): Promise<void> {
    const states = new Set(this.#states.values());
    const shown = BUSIEST.find((state) => states.has(state)) ?? [...states][0];
    if (shown !== undefined) await this.room?.localParticipant?.setAttributes({ [STATE_ATTRIBUTE]: shown });
  }

  #join(url: string, token: string, options: RtcConnectOptions): Stay {
    const { onJoined } = this.#options;
    if (this.#stay !== null) return this.#stay;
    const rtc = this.#rtc;
    if (rtc === null) throw new Error('a seat without a library');
    const room = new rtc.Room();
    const onLost = (reason: string) => {
      this.problem('network', new Error(reason));
      this.#discard(stay, LOST);
    };
    const network = new RoomNetwork({ room, clock: this.#options.clock, onLost });
    const left = this.#left;
    const joined = (async () => {
      await left;
      this.#options.onJoining?.();
      await room.connect(url, token, options);
      network.begin();
      onJoined?.(room);
    })();
    const stay: Stay = {
      room,
      joined,
      network,
      clientInitiated: rtc.DisconnectReason.CLIENT_INITIATED,
      isOver: false,
      isFreed: false,
    };
    this.#stay = stay;
    this.#listen(stay);
    joined.catch(() => this.#discard(stay, null));
    return stay;
  }

  #listen(stay: Stay): void {
    const { room } = stay;
    this.#options.onRoom?.(room);
    for (const [kind, topic] of this.#topics.values()) this.#register(room, kind, topic);
    for (const [event, at] of Object.entries(PARTICIPANT_AT) as [keyof typeof PARTICIPANT_AT, number | null][])
      room.on(event, (...args) => this.#pass(event, at, args));
    // Who comes in may hear what everybody may hear.
    room.on('participantConnected', () => this.#inBackground('audience', () => this.#limit()));
    room.on('reconnected', () => this.#inBackground('audience', () => this.#reconnect(stay)));
    room.on('disconnected', (reason) => this.#discard(stay, reason));
  }

  /** A full reconnect gives every track a new name: nobody speaks before it is said again who may hear it. */
  async #reconnect(stay: Stay): Promise<void> {
    try {
      await this.#limit();
    } catch (error) {
      this.#discard(stay, LOST);
      throw error;
    }
    for (const seat of [...this.#seats]) seat.tell('reconnected', []);
  }

  #pass<E extends keyof typeof PARTICIPANT_AT>(event: E, at: number | null, args: RtcRoomEvents[E]): void {
    const named: unknown = at === null ? undefined : args[at];
    const identity = isNamed(named) ? named.identity : undefined;
    for (const seat of [...this.#seats]) if (seat.sees(identity)) seat.tell(event, args);
  }

  /** The stay is over, whoever ended it. Null: it never began. */
  #discard(stay: Stay, reason: number | null): void {
    if (stay.isOver) return;
    stay.isOver = true;
    const seats = this.#stay === stay ? [...this.#seats] : [];
    if (this.#stay === stay) this.#stay = null;
    this.#tracks.clear();
    this.#states.clear();
    this.#isLimited = false;
    this.#free(stay, Promise.resolve());
    if (reason === null) return;
    this.#options.onLeft?.(reason, seats.length);
    for (const seat of seats) seat.tell('disconnected', [reason]);
  }

  async #leaveWhenEmpty(): Promise<void> {
    if (this.#seats.size > 0 || this.#holds > 0) return;
    this.#waiting.clear();
    const stay = this.#stay;
    this.#stay = null;
    // A join cannot be aborted: one that nobody waits for any more is left when it has ended.
    if (stay !== null) this.#free(stay, stay.joined);
    await this.#left;
    if (stay !== null) this.#discard(stay, stay.clientInitiated);
  }

  /** Once. The next stay waits for it: two of one identity push each other out. */
  #free(stay: Stay, joined: Promise<unknown>): void {
    if (stay.isFreed) return;
    stay.isFreed = true;
    const { room, network } = stay;
    network.close();
    const left = joined
      .catch(() => {}) // told to the seats that waited for it
      // After an end of the server's making the library may reject; there is nothing left to leave then.
      .then(() => withinMs(room.disconnect(), LEAVE_STEP_MS, this.#options.clock))
      .catch((error: unknown) => this.problem('disconnect', error))
      .then(() => room.removeAllListeners());
    this.#left = Promise.all([this.#left, left]);
  }

  async #publishUnnamed(seat: RoomSeat, publish: () => Promise<RtcPublication>): Promise<RtcPublication> {
    const next = { sid: undefined, listener: seat.guest };
    this.#unnamed.add(next);
    try {
      if (seat.guest !== null) await this.#limit();
      const publication = await publish();
      this.#tracks.set(publication, seat);
      return publication;
    } finally {
      this.#unnamed.delete(next);
    }
  }

  async #limit(): Promise<void> {
    const { room } = this;
    if (room?.localParticipant === undefined) return;
    const tracks = [...this.#tracks].map(([{ sid }, { guest }]) => ({ sid, listener: guest }));
    const audience = audienceOf([...tracks, ...this.#unnamed], room.remoteParticipants.keys());
    if (audience === null && !this.#isLimited) return;
    this.#isLimited = audience !== null;
    await (this.#options.limit ?? limitTracks)(room.localParticipant, audience);
  }

  #register(room: RtcRoom, kind: StreamKind, topic: string): void {
    if (kind === 'text')
      room.registerTextStreamHandler(topic, (reader, { identity }) => this.#deliver('text', topic, reader, identity));
    else
      room.registerByteStreamHandler(topic, (reader, { identity }) => this.#deliver('bytes', topic, reader, identity));
  }

  #deliver<K extends StreamKind>(kind: K, topic: string, reader: StreamReader[K], identity: string): void {
    const offer = (least: number) =>
      this.#nearest(identity).some(
        (seat) => seat.nearnessTo(identity) >= least && seat.receive(kind, topic, reader, identity),
      );
    // Whoever talks to somebody else comes last: what they read of a stream the session that it is for cannot.
    const drop = () => {
      if (offer(NEARNESS.none)) return;
      if ('info' in reader) this.sentRecordings.arrived(reader);
      this.#inBackground('stream', () => reader.close());
    };
    if (offer(NEARNESS.open)) return;
    if (this.#holds > 0) this.#waiting.add(identity, () => offer(NEARNESS.open), drop);
    else drop();
  }

  /** Those who see the participant, their own first. */
  #nearest(identity: string): RoomSeat[] {
    const seats = [...this.#seats].filter((seat) => seat.sees(identity));
    return seats.sort((a, b) => b.nearnessTo(identity) - a.nearnessTo(identity));
  }

  #inBackground(where: string, run: () => Promise<unknown>): void {
    (async () => run())().catch((error: unknown) => this.problem(where, error));
  }
}

function isNamed(value: unknown): value is { readonly identity: string } {
  return typeof value === 'object' && value !== null && 'identity' in value && typeof value.identity === 'string';
}
