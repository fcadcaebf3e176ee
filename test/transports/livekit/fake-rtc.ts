// rtc-node without the native side: rooms, participants and sources that keep its rules and do what a test says.
import type {
  Rtc,
  RtcByteOptions,
  RtcByteReader,
  RtcConnectOptions,
  RtcDataOptions,
  RtcFrame,
  RtcLocalParticipant,
  RtcParticipant,
  RtcPublication,
  RtcRight,
  RtcRoom,
  RtcRoomEvents,
  RtcSource,
  RtcStat,
  RtcTextOptions,
  RtcTextReader,
  RtcTrack,
  RtcTranscription,
  RtcVideoEvent,
} from '../../../src/transports/livekit/rtc.ts';

export const CAMERA = 1;
export const MICROPHONE = 2;
export const SCREEN = 3;
/** Of frames of a video. */
export const I420 = 5;
export const KIND = { STANDARD: 0, INGRESS: 1, EGRESS: 2, SIP: 3, AGENT: 4, CONNECTOR: 5 } as const;
export const WHY = {
  UNKNOWN: 0,
  CLIENT_INITIATED: 1,
  DUPLICATE_IDENTITY: 2,
  SERVER_SHUTDOWN: 3,
  PARTICIPANT_REMOVED: 4,
  ROOM_DELETED: 5,
  SIGNAL_CLOSE: 9,
  ROOM_CLOSED: 10,
  USER_UNAVAILABLE: 11,
  USER_REJECTED: 12,
  SIP_TRUNK_FAILURE: 13,
  CONNECTION_TIMEOUT: 14,
} as const;

/** Takes one frame at a time, as the native one; `release` lets the frame in flight end. */
export class FakeSource implements RtcSource {
  readonly queueSizeMs: number;
  readonly frames: RtcFrame[] = [];
  readonly calls: string[] = [];
  /** Every capture waits for `release`. */
  isBlocking = false;
  refuses = 0;
  #inFlight: (() => void) | null = null;

  constructor(_rate = 24_000, _channels = 1, queueSizeMs = 200) {
    if (queueSizeMs % 10 !== 0) throw new Error('the process would abort here');
    this.queueSizeMs = queueSizeMs;
  }

  async captureFrame(frame: RtcFrame): Promise<void> {
    this.calls.push('capture');
    if (this.#inFlight !== null) throw new Error('InvalidState - failed to capture frame');
    if (this.refuses-- > 0) throw new Error('InvalidState - failed to capture frame');
    this.frames.push(frame);
    if (this.isBlocking)
      await new Promise<void>((resolve) => {
        this.#inFlight = resolve;
      });
  }

  release(): void {
    const done = this.#inFlight;
    this.#inFlight = null;
    done?.();
  }

  clearQueue(): void {
    this.calls.push('clear');
    if (this.calls.includes('close')) throw new Error('handle not found');
  }

  async close(): Promise<void> {
    if (!this.calls.includes('close')) this.calls.push('close');
  }

  /** All samples so far. */
  get samples(): number[] {
    return this.frames.flatMap(({ data }) => [...data]);
  }
}

export class FakeStream<Frame = RtcFrame> {
  #push: (frame: Frame | null) => void = () => {};
  readonly #frames: (Frame | null)[] = [];
  isCancelled = false;
  #breaksWith: Error | null = null;

  /** The native side fails. */
  break(error: Error): void {
    this.#breaksWith = error;
    this.push(null);
  }

  /** Null ends the stream. */
  push(frame: Frame | null): void {
    this.#frames.push(frame);
    this.#push(frame);
  }

  getReader() {
    return {
      read: async () => {
        if (this.#frames.length === 0)
          await new Promise<void>((resolve) => {
            this.#push = () => resolve();
          });
        const frame = this.#frames.shift() ?? null;
        if (frame === null && this.#breaksWith !== null) throw this.#breaksWith;
        return frame === null ? { done: true } : { done: false, value: frame };
      },
      cancel: async () => {
        this.isCancelled = true;
        this.push(null);
      },
    };
  }
}

export class FakeParticipant implements RtcParticipant {
  readonly trackPublications = new Map<
    string,
    RtcPublication & { subscribed: boolean; ends: number; muted: boolean; track: RtcTrack | undefined }
  >();
  readonly identity: string;
  readonly kind: number;
  readonly attributes: Record<string, string>;
  disconnectReason: number | undefined;

  constructor(identity: string, kind: number = KIND.STANDARD, attributes: Record<string, string> = {}) {
    this.identity = identity;
    this.kind = kind;
    this.attributes = attributes;
  }

  publish(sid: string, source = MICROPHONE) {
    const publication = {
      sid,
      source,
      subscribed: false,
      /** How often the subscription was ended. */
      ends: 0,
      muted: false,
      track: undefined as RtcTrack | undefined,
      setSubscribed(subscribed: boolean) {
        publication.subscribed = subscribed;
        if (!subscribed) publication.ends++;
      },
    };
    this.trackPublications.set(sid, publication);
    return publication;
  }
}

type Listener = (...args: never[]) => void;

export class FakeRoom implements RtcRoom {
  isConnected = false;
  token: string | undefined;
  readonly remoteParticipants = new Map<string, FakeParticipant>();
  localParticipant: (RtcLocalParticipant & { readonly identity: string }) | undefined;
  readonly connects: { readonly url: string; readonly token: string; readonly options: RtcConnectOptions }[] = [];
  /** What was sent: attributes, text streams, transcriptions. */
  readonly attributes: Record<string, string>[] = [];
  readonly texts: (RtcTextOptions & { text: string; isClosed: boolean })[] = [];
  readonly transcriptions: RtcTranscription[] = [];
  readonly byteStreams: (RtcByteOptions & { bytes: number[]; isClosed: boolean })[] = [];
  readonly data: (RtcDataOptions & { readonly bytes: Uint8Array })[] = [];
  readonly dtmf: { readonly code: number; readonly digit: string }[] = [];
  published = 0;
  readonly #world: FakeRtcWorld;
  readonly #listeners = new Map<string, Listener[]>();
  readonly #topics = new Map<string, (reader: RtcTextReader, from: { readonly identity: string }) => void>();

  readonly #byteTopics = new Map<string, (reader: RtcByteReader, from: { readonly identity: string }) => void>();

  constructor(world: FakeRtcWorld) {
    this.#world = world;
    for (const participant of world.present) this.remoteParticipants.set(participant.identity, participant);
  }

  async connect(url: string, token: string, options: RtcConnectOptions): Promise<void> {
    this.#world.log.push('connect');
    this.connects.push({ url, token, options });
    await this.#world.onConnect(this);
    this.isConnected = true;
    this.token = token;
    const world = this.#world;
    const { log } = world;
    this.localParticipant = {
      identity: 'agent',
      get info() {
        return world.permission === null ? undefined : { permission: world.permission };
      },
      publishTrack: async (_track, options) => {
        log.push(`publish ${JSON.stringify(options)}`);
        await world.onPublish(this);
        // The first one of a stay is `TR_agent`, the next ones have a number.
        this.published++;
        return { sid: this.published === 1 ? 'TR_agent' : `TR_agent${this.published}`, source: MICROPHONE };
      },
      unpublishTrack: async (sid) => {
        log.push(`unpublish ${sid}`);
      },
      setAttributes: async (attributes) => {
        if (Object.keys(attributes).length === 0) return this.#world.onAsk();
        await this.#world.onSend();
        this.attributes.push(attributes);
      },
      streamText: async (options) => {
        await this.#world.onSend();
        const entry = { ...options, text: '', isClosed: false };
        this.texts.push(entry);
        return {
          write: async (piece) => {
            entry.text += piece;
          },
          close: async () => {
            entry.isClosed = true;
            log.push('text closed');
          },
        };
      },
      streamBytes: async (options) => {
        await this.#world.onSend();
        const entry = { ...options, bytes: [] as number[], isClosed: false };
        this.byteStreams.push(entry);
        return {
          write: async (bytes) => {
            for (const byte of bytes) entry.bytes.push(byte);
          },
          close: async () => {
            entry.isClosed = true;
          },
        };
      },
      publishData: async (bytes, options) => {
        await this.#world.onSend();
        this.data.push({ ...options, bytes });
      },
      publishDtmf: async (code, digit) => {
        await this.#world.onSend();
        this.dtmf.push({ code, digit });
      },
      publishTranscription: async (transcription) => {
        this.transcriptions.push(transcription);
      },
    };
  }

  async getRtcStats() {
    return this.#world.onStats();
  }

  async disconnect(): Promise<void> {
    this.#world.log.push('disconnect');
    const wasConnected = this.isConnected;
    this.isConnected = false;
    if (wasConnected) this.emit('disconnected', WHY.CLIENT_INITIATED);
    await this.#world.onDisconnect();
  }

  on<E extends keyof RtcRoomEvents>(event: E, listener: (...args: RtcRoomEvents[E]) => void): void {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener as Listener]);
  }

  removeAllListeners(): void {
    this.#listeners.clear();
  }

  registerTextStreamHandler(
    topic: string,
    handler: (reader: RtcTextReader, from: { readonly identity: string }) => void,
  ): void {
    if (this.#topics.has(topic)) throw new Error('a handler for this topic is already registered');
    this.#topics.set(topic, handler);
  }

  registerByteStreamHandler(
    topic: string,
    handler: (reader: RtcByteReader, from: { readonly identity: string }) => void,
  ): void {
    if (this.#byteTopics.has(topic)) throw new Error('a handler for this topic is already registered');
    this.#byteTopics.set(topic, handler);
  }

  emit<E extends keyof RtcRoomEvents>(event: E, ...args: RtcRoomEvents[E]): void {
    for (const listener of this.#listeners.get(event) ?? []) listener(...(args as never[]));
  }

  /** A participant comes in. */
  enter(participant: FakeParticipant): void {
    this.remoteParticipants.set(participant.identity, participant);
    this.emit('participantConnected', participant);
  }

  leave(participant: FakeParticipant, reason: number): void {
    this.remoteParticipants.delete(participant.identity);
    // The library does not name the one that it does not know.
    participant.disconnectReason = reason === WHY.UNKNOWN ? undefined : reason;
    this.emit('participantDisconnected', participant);
  }

  /** The server or the network ends the stay. */
  drop(reason: number): void {
    this.isConnected = false;
    this.emit('disconnected', reason);
  }

  /** A participant sends text on a topic; returns the reader, to see what became of it. */
  receiveText(topic: string, identity: string, text: string | Error) {
    const reader = {
      wasRead: false,
      wasClosed: false,
      readAll: async () => {
        reader.wasRead = true;
        if (text instanceof Error) throw text;
        return text;
      },
      close: async () => {
        reader.wasClosed = true;
      },
    };
    this.#topics.get(topic)?.(reader, { identity });
    return reader;
  }

  /**
   * A participant sends bytes on a topic, whole or in chunks that may come later and may fail; returns the reader, to see
   * what became of it.
   */
  receiveBytes(
    topic: string,
    identity: string,
    bytes: Uint8Array | Error | AsyncIterable<Uint8Array>,
    { mimeType = 'application/octet-stream', attributes = {} }: Partial<RtcByteReader['info']> = {},
  ) {
    const reader = {
      info: { mimeType, attributes },
      wasRead: false,
      wasClosed: false,
      readAll: async () => {
        const chunks: Uint8Array[] = [];
        for await (const chunk of reader) chunks.push(chunk);
        return chunks;
      },
      async *[Symbol.asyncIterator]() {
        reader.wasRead = true;
        if (bytes instanceof Error) throw bytes;
        if (bytes instanceof Uint8Array) yield bytes;
        else yield* bytes;
      },
      close: async () => {
        reader.wasClosed = true;
      },
    };
    this.#byteTopics.get(topic)?.(reader, { identity });
    return reader;
  }
}

/** What the rooms and tracks made through one fake library did. */
export class FakeRtcWorld {
  readonly rooms: FakeRoom[] = [];
  readonly sources: FakeSource[] = [];
  readonly streams: { readonly track: RtcTrack; readonly options: object; readonly stream: FakeStream }[] = [];
  readonly videos: { readonly track: RtcTrack; readonly stream: FakeStream<RtcVideoEvent> }[] = [];
  /** Participants that are there before the agent comes. */
  readonly present: FakeParticipant[] = [];
  /** What the server lets the agent do; null: the library does not say. */
  permission: { readonly [Right in RtcRight]?: boolean } | null = null;
  /** In order: connect, publish, unpublish, disconnect, track closed. */
  readonly log: string[] = [];
  onConnect: (room: FakeRoom) => Promise<void> = async () => {};
  onDisconnect: () => Promise<void> = async () => {};
  /** While a track is being published. */
  onPublish: (room: FakeRoom) => Promise<void> = async () => {};
  onSend: () => Promise<void> = async () => {};
  /** Does the server answer requests? */
  onAsk: () => Promise<void> = async () => {};
  onStats: () => Promise<{ publisherStats: RtcStat[]; subscriberStats: RtcStat[] }> = async () => ({
    publisherStats: [],
    subscriberStats: [],
  });

  get room(): FakeRoom {
    const room = this.rooms.at(-1);
    if (room === undefined) throw new Error('no room was made');
    return room;
  }

  get source(): FakeSource {
    const source = this.sources.at(-1);
    if (source === undefined) throw new Error('no source was made');
    return source;
  }

  readonly rtc: Rtc = this.#library();

  #library(): Rtc {
    const world = this;
    return {
      Room: class extends FakeRoom {
        constructor() {
          super(world);
          world.rooms.push(this);
        }
      },
      AudioSource: class extends FakeSource {
        constructor(rate: number, channels: number, queueSizeMs: number) {
          super(rate, channels, queueSizeMs);
          world.sources.push(this);
        }
      },
      AudioFrame: FakeFrame,
      AudioStream: class extends FakeStream {
        constructor(track: RtcTrack, options: object) {
          super();
          world.streams.push({ track, options, stream: this });
        }
      },
      LocalAudioTrack: {
        createAudioTrack: (_name, source) => {
          if (!world.rooms.some((room) => room.isConnected)) throw new Error('the process would break later');
          return {
            sid: undefined,
            close: async (closeSource = true) => {
              world.log.push('track closed');
              if (closeSource) await source.close();
            },
          };
        },
      },
      TrackPublishOptions: class {
        readonly source: number;
        constructor({ source }: { readonly source: number }) {
          this.source = source;
        }
      },
      TrackSource: { SOURCE_MICROPHONE: MICROPHONE, SOURCE_CAMERA: CAMERA, SOURCE_SCREENSHARE: SCREEN },
      VideoStream: class extends FakeStream<RtcVideoEvent> {
        constructor(track: RtcTrack) {
          super();
          world.videos.push({ track, stream: this });
        }
      },
      VideoBufferType: { I420 },
      ParticipantKind: KIND,
      DisconnectReason: WHY,
      dispose: async () => {},
    };
  }
}

export class FakeFrame implements RtcFrame {
  readonly data: Int16Array;
  readonly sampleRate: number;
  readonly channels: number;
  readonly samplesPerChannel: number;

  constructor(data: Int16Array, sampleRate: number, channels: number, samplesPerChannel: number) {
    this.data = data;
    this.sampleRate = sampleRate;
    this.channels = channels;
    this.samplesPerChannel = samplesPerChannel;
  }
}

export function fakeTrack(sid: string): RtcTrack {
  return { sid, close: async () => {} };
}
