// One session's view of a room that several sessions share: it looks like a room of its own.

import type { SentRecordings } from '../pre-connect/sent-recordings.ts';
import type {
  RtcByteReader,
  RtcConnectOptions,
  RtcLocalParticipant,
  RtcParticipant,
  RtcPublication,
  RtcRoom,
  RtcRoomEvents,
  RtcTextReader,
} from '../rtc.ts';

/** A room as a session sees it: one of its own, or its part of one that several sessions share. */
export interface SessionRoom extends RtcRoom {
  /** Whoever joined it sees to it that it is still there. */
  readonly isWatched?: boolean;
  /** Of all sessions of the room. */
  readonly sentRecordings?: SentRecordings;
  /** Told whom the session talks to, or waits for; null: whoever comes. */
  linkTo?(identity: string | null): void;
  /** Told whether control messages are answered here. */
  answerControl?(isAnswering: boolean): void;
  /** Does another session of the room that answers control messages talk to this participant? It answers them. */
  isElsewhere?(identity: string): boolean;
}

/** What a seat needs of the room it is in. */
export interface SeatHost {
  /** Joins, or finds the room joined or being joined. */
  attach(seat: RoomSeat, url: string, token: string, options: RtcConnectOptions): JoiningRoom;
  /** The seat sees the room, and is for whom it says. */
  seated(seat: RoomSeat): void;
  isElsewhere(seat: RoomSeat, identity: string): boolean;
  /** Leaves the room with the last seat. */
  detach(seat: RoomSeat): Promise<void>;
  listenTo(kind: StreamKind, topic: string): void;
  publish(seat: RoomSeat, publish: () => Promise<RtcPublication>): Promise<RtcPublication>;
  unpublish(seat: RoomSeat, trackSid: string): Promise<void>;
  /** The attributes of the agent are one set for all seats. */
  showAttributes(seat: RoomSeat, attributes: Readonly<Record<string, string>>): Promise<void>;
  readonly sentRecordings: SentRecordings;
  problem(where: string, error: unknown): void;
}

export interface JoiningRoom {
  readonly room: RtcRoom;
  readonly joined: Promise<unknown>;
}

export type StreamKind = 'text' | 'bytes';
export type StreamReader = { readonly text: RtcTextReader; readonly bytes: RtcByteReader };
type StreamHandler = (reader: never, from: { readonly identity: string }) => void;
type Listener = (...args: never[]) => void;

/** How near a seat is to a participant: it may be linked to another one, or still to nobody. */
export const NEARNESS = { none: 0, open: 1, linked: 2, guest: 3 } as const;

export class RoomSeat implements SessionRoom {
  /** The only participant that this seat sees, hears, and speaks to; null: the whole room. */
  readonly guest: string | null;
  readonly isWatched = true;
  readonly #host: SeatHost;
  readonly #listeners = new Map<keyof RtcRoomEvents, Listener[]>();
  readonly #handlers = new Map<string, StreamHandler>();
  #real: RtcRoom | null = null;
  #linked: string | null = null;
  #self: RtcLocalParticipant | undefined;
  #answersControl = false;

  constructor(host: SeatHost, guest: string | null) {
    this.#host = host;
    this.guest = guest;
  }

  get sentRecordings(): SentRecordings {
    return this.#host.sentRecordings;
  }

  get isConnected(): boolean {
    return this.#real?.isConnected === true;
  }

  get token(): string | undefined {
    return this.#real?.token;
  }

  get remoteParticipants(): ReadonlyMap<string, RtcParticipant> {
    const all = this.#real?.remoteParticipants ?? new Map<string, RtcParticipant>();
    return this.guest === null ? all : new Map([...all].filter(([identity]) => identity === this.guest));
  }

  get localParticipant(): RtcLocalParticipant | undefined {
    return this.#self;
  }

  async connect(url: string, token: string, options: RtcConnectOptions): Promise<void> {
    const { room, joined } = this.#host.attach(this, url, token, options);
    // Before it is joined, as a room of one's own would show who is there.
    this.#real = room;
    this.#host.seated(this);
    await joined;
    this.#self = this.#localIn(room);
  }

  disconnect(): Promise<void> {
    this.#real = null;
    return this.#host.detach(this);
  }

  getRtcStats(): ReturnType<RtcRoom['getRtcStats']> {
    if (this.#real === null) return Promise.reject(new Error('the room was left'));
    return this.#real.getRtcStats();
  }

  on<E extends keyof RtcRoomEvents>(event: E, listener: (...args: RtcRoomEvents[E]) => void): void {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener as Listener]);
  }

  removeAllListeners(): void {
    this.#listeners.clear();
  }

  registerTextStreamHandler(topic: string, handler: (reader: RtcTextReader, from: { identity: string }) => void): void {
    this.#register('text', topic, handler);
  }

  registerByteStreamHandler(topic: string, handler: (reader: RtcByteReader, from: { identity: string }) => void): void {
    this.#register('bytes', topic, handler);
  }

  /** Whom it is for; null: whoever comes. */
  get identity(): string | null {
    return this.guest ?? this.#linked;
  }

  linkTo(identity: string | null): void {
    this.#linked = identity;
    if (this.#real !== null) this.#host.seated(this);
  }

  get answersControl(): boolean {
    return this.#answersControl;
  }

  answerControl(isAnswering: boolean): void {
    this.#answersControl = isAnswering;
  }

  isElsewhere(identity: string): boolean {
    return this.#host.isElsewhere(this, identity);
  }

  nearnessTo(identity: string): number {
    if (this.identity === identity) return this.guest === null ? NEARNESS.linked : NEARNESS.guest;
    return this.identity === null ? NEARNESS.open : NEARNESS.none;
  }

  sees(identity: string | undefined): boolean {
    return this.guest === null || identity === undefined || identity === this.guest;
  }

  /** A listener that throws keeps nothing from the others. */
  tell<E extends keyof RtcRoomEvents>(event: E, args: RtcRoomEvents[E]): void {
    for (const listener of this.#listeners.get(event) ?? []) {
      try {
        listener(...(args as never[])); // the listeners of an event take its arguments
      } catch (error) {
        this.#host.problem(event, error);
      }
    }
  }

  /** False when nobody here listens to that topic. */
  receive<K extends StreamKind>(kind: K, topic: string, reader: StreamReader[K], identity: string): boolean {
    const handler = this.#handlers.get(`${kind} ${topic}`);
    if (handler === undefined) return false;
    try {
      handler(reader as never, { identity }); // registered under its kind
    } catch (error) {
      this.#host.problem(topic, error);
    }
    return true;
  }

  #register(kind: StreamKind, topic: string, handler: StreamHandler): void {
    const key = `${kind} ${topic}`;
    if (this.#handlers.has(key)) throw new Error(`a handler for ${topic} is already there`);
    this.#handlers.set(key, handler);
    this.#host.listenTo(kind, topic);
  }

  /** What is sent from a seat with a guest goes to that guest only. */
  #localIn(real: RtcRoom): RtcLocalParticipant | undefined {
    const { localParticipant: self } = real;
    if (self === undefined) return undefined;
    const { guest } = this;
    const host = this.#host;
    const only = guest === null ? undefined : [guest];
    return {
      identity: self.identity,
      get info() {
        return real.localParticipant?.info;
      },
      publishTrack: (track, options) => host.publish(this, () => self.publishTrack(track, options)),
      unpublishTrack: (trackSid) => host.unpublish(this, trackSid),
      setAttributes: (attributes) => host.showAttributes(this, attributes),
      streamText: (options) => self.streamText({ ...(only && { destinationIdentities: only }), ...options }),
      streamBytes: (options) => self.streamBytes({ ...(only && { destinationIdentities: only }), ...options }),
      publishData: (bytes, options) =>
        self.publishData(bytes, { ...(only && { destination_identities: only }), ...options }),
      // Tones have no addressee: a telephone bridge takes them from whoever sends.
      publishDtmf: (code, digit) => self.publishDtmf(code, digit),
      // The older messages have no addressee either, and these are words that others must not read.
      publishTranscription: async (transcription) => {
        if (guest === null) await self.publishTranscription(transcription);
      },
    };
  }
}
