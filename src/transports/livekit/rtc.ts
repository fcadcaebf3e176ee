// The part of @livekit/rtc-node that this adapter uses, as types of our own, and its lazy loading.
import { AgentError } from '../../errors.ts';
import type { TrackStream } from './room/read-track.ts';

export interface RtcFrame {
  readonly data: Int16Array;
  readonly sampleRate: number;
  readonly channels: number;
}

export interface RtcSource {
  /** One call at a time: a second one beside it is refused by the native side. */
  captureFrame(frame: RtcFrame): Promise<void>;
  clearQueue(): void;
  /** Frees the native part. Idempotent. */
  close(): Promise<void>;
}

export interface RtcTrack {
  readonly sid: string | undefined;
  close(closeSource?: boolean): Promise<void>;
}

export interface RtcPublication {
  readonly sid: string | undefined;
  readonly source: number | undefined;
  readonly muted?: boolean | undefined;
  readonly track?: RtcTrack | undefined;
  /** Of remote publications only. */
  setSubscribed?(subscribed: boolean): void;
  /** What else the server says about it; not in the documented part of the library, so it may be absent. */
  readonly info?: { readonly audioFeatures?: readonly number[] } | undefined;
}

export interface RtcParticipant {
  readonly identity: string;
  readonly kind: number;
  readonly attributes: Readonly<Record<string, string>>;
  readonly disconnectReason: number | undefined;
  readonly trackPublications: ReadonlyMap<string, RtcPublication>;
}

export interface RtcTextOptions {
  readonly topic: string;
  readonly attributes?: Record<string, string>;
  /** In whose name; the server allows it to agents only. */
  readonly senderIdentity?: string;
  /** Who gets it. Default: everybody in the room. */
  readonly destinationIdentities?: string[];
}

export interface RtcTextWriter {
  write(text: string): Promise<void>;
  close(): Promise<void>;
}

export interface RtcTextReader {
  readAll(): Promise<string>;
  close(): Promise<void>;
}

export interface RtcByteOptions {
  readonly topic: string;
  readonly attributes?: Record<string, string>;
  /** Who gets it. Default: everybody in the room. */
  readonly destinationIdentities?: string[];
}

export interface RtcByteWriter {
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

export interface RtcByteReader {
  readonly info: { readonly mimeType: string; readonly attributes?: Readonly<Record<string, string>> };
  readAll(): Promise<Uint8Array[]>;
  /** As they arrive; leaving the loop closes the reader. */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array>;
  close(): Promise<void>;
}

export interface RtcDataOptions {
  readonly topic: string;
  readonly reliable: boolean;
  readonly destination_identities?: string[];
}

export interface RtcTranscription {
  readonly participantIdentity: string;
  readonly trackSid: string;
  readonly segments: {
    readonly id: string;
    readonly text: string;
    readonly final: boolean;
    readonly startTime: bigint;
    readonly endTime: bigint;
    readonly language: string;
  }[];
}

export interface RtcLocalParticipant {
  readonly identity: string;
  /** What the server says about it; not in the documented part of the library, so it may be absent. */
  readonly info?:
    | { readonly permission?: { readonly [Right in RtcRight]?: boolean | undefined } | undefined }
    | undefined;
  publishTrack(track: RtcTrack, options: object): Promise<RtcPublication>;
  unpublishTrack(trackSid: string): Promise<void>;
  setAttributes(attributes: Record<string, string>): Promise<void>;
  streamText(options: RtcTextOptions): Promise<RtcTextWriter>;
  streamBytes(options: RtcByteOptions): Promise<RtcByteWriter>;
  publishData(bytes: Uint8Array, options: RtcDataOptions): Promise<void>;
  publishDtmf(code: number, digit: string): Promise<void>;
  publishTranscription(transcription: RtcTranscription): Promise<void>;
}

/** Statistics of WebRTC, one kind in each; JSON with the kind as its key. */
export interface RtcStat {
  toJson(): unknown;
}

export type RtcRight = 'canPublish' | 'canSubscribe' | 'canPublishData' | 'canUpdateMetadata';

export interface RtcRoomEvents {
  participantConnected: [participant: RtcParticipant];
  participantDisconnected: [participant: RtcParticipant];
  participantAttributesChanged: [changed: Record<string, string>, participant: RtcParticipant];
  /** Participant: absent when a server sent it. */
  dataReceived: [payload: Uint8Array, participant?: RtcParticipant, kind?: number, topic?: string];
  dtmfReceived: [code: number, digit: string, participant: RtcParticipant];
  trackPublished: [publication: RtcPublication, participant: RtcParticipant];
  trackUnpublished: [publication: RtcPublication, participant: RtcParticipant];
  trackMuted: [publication: RtcPublication, participant: RtcParticipant];
  trackSubscribed: [track: RtcTrack, publication: RtcPublication, participant: RtcParticipant];
  trackUnsubscribed: [track: RtcTrack, publication: RtcPublication, participant: RtcParticipant];
  disconnected: [reason: number];
  /** After joining, from time to time, and whenever what the token allows has changed. */
  tokenRefreshed: [];
  reconnecting: [];
  reconnected: [];
}

export interface RtcRoom {
  readonly isConnected: boolean;
  readonly remoteParticipants: ReadonlyMap<string, RtcParticipant>;
  readonly localParticipant?: RtcLocalParticipant | undefined;
  /** The newest token: the server sends fresh ones while the room lasts. */
  readonly token: string | undefined;
  connect(url: string, token: string, options: RtcConnectOptions): Promise<void>;
  disconnect(): Promise<void>;
  getRtcStats(): Promise<{ readonly publisherStats: readonly RtcStat[]; readonly subscriberStats: readonly RtcStat[] }>;
  on<E extends keyof RtcRoomEvents>(event: E, listener: (...args: RtcRoomEvents[E]) => void): unknown;
  removeAllListeners(): unknown;
  registerTextStreamHandler(
    topic: string,
    handler: (reader: RtcTextReader, from: { readonly identity: string }) => void,
  ): void;
  registerByteStreamHandler(
    topic: string,
    handler: (reader: RtcByteReader, from: { readonly identity: string }) => void,
  ): void;
}

export interface RtcConnectOptions {
  readonly autoSubscribe: boolean;
  readonly dynacast: boolean;
  readonly dataStream: { readonly maxPayloadByteLength: number };
  /** Not in the typings of the library, and passed through by it. */
  readonly joinRetries: number;
  readonly connectTimeoutMs: number;
}

export type RtcStream = TrackStream<RtcFrame>;

export interface RtcVideoFrame {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly type: number;
  convert(type: number): RtcVideoFrame;
}

export interface RtcVideoEvent {
  readonly frame: RtcVideoFrame;
  /** Quarter turns. */
  readonly rotation: number;
}

export type RtcVideoStream = TrackStream<RtcVideoEvent>;

/** Kinds and reasons are numbers that differ between LiveKit's packages; only the library's own names are compared. */
export interface Rtc {
  readonly Room: new () => RtcRoom;
  readonly AudioSource: new (sampleRate: number, channels: number, queueSizeMs: number) => RtcSource;
  readonly AudioFrame: new (data: Int16Array, sampleRate: number, channels: number, samples: number) => RtcFrame;
  readonly AudioStream: new (
    track: RtcTrack,
    options: { readonly sampleRate: number; readonly numChannels: number; readonly frameSizeMs: number },
  ) => RtcStream;
  readonly LocalAudioTrack: { createAudioTrack(name: string, source: RtcSource): RtcTrack };
  readonly TrackPublishOptions: new (options: { readonly source: number }) => object;
  readonly TrackSource: Readonly<Record<'SOURCE_MICROPHONE' | 'SOURCE_CAMERA' | 'SOURCE_SCREENSHARE', number>>;
  readonly VideoStream: new (track: RtcTrack) => RtcVideoStream;
  readonly VideoBufferType: { readonly I420: number };
  readonly ParticipantKind: Readonly<Record<'STANDARD' | 'INGRESS' | 'EGRESS' | 'SIP' | 'AGENT' | 'CONNECTOR', number>>;
  readonly DisconnectReason: Readonly<
    Record<
      | 'CLIENT_INITIATED'
      | 'DUPLICATE_IDENTITY'
      | 'PARTICIPANT_REMOVED'
      | 'ROOM_DELETED'
      | 'ROOM_CLOSED'
      | 'USER_UNAVAILABLE'
      | 'USER_REJECTED'
      | 'SIP_TRUNK_FAILURE',
      number
    >
  >;
  dispose(): Promise<void>;
}

let loaded: Promise<Rtc> | null = null;

/**
 * Loads the native library on first use: 100 ms, 20 MB. It serves one thread of a process only; in a second thread it
 * would steal the answers of the first, so it is refused there.
 * @throws AgentError `ERR_TRANSPORT`
 */
export function loadRtc(): Promise<Rtc> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<Rtc> {
  const { isMainThread } = await import('node:worker_threads');
  if (!isMainThread)
    throw new AgentError('ERR_TRANSPORT', 'LiveKit rooms cannot be joined from a worker thread', {
      fix: 'Use the main thread, or a child process',
      retryable: false,
    });
  try {
    const rtc: unknown = await import('@livekit/rtc-node');
    await silence();
    return rtc as Rtc; // narrower types of the same module; test/transports/livekit compares them
  } catch (cause) {
    throw new AgentError('ERR_TRANSPORT', 'LiveKit rooms need the package @livekit/rtc-node', {
      fix: 'Install it with `npm install @livekit/rtc-node@1.1.0`; it exists for Linux (glibc), macOS and Windows',
      retryable: false,
      cause,
    });
  }
}

/**
 * The library has a logger of its own that nothing leads to: it writes JSON to the standard output of the process, down to
 * `debug` unless NODE_ENV says `production`. What matters comes as events and rejections.
 */
async function silence(): Promise<void> {
  try {
    const { log }: { readonly log: { level: string } } = (await requireOfRtc())('./log.cjs');
    log.level = 'silent';
  } catch {
    // Another version keeps it elsewhere; a line too many is no reason to stay away from a call.
  }
}

/** Requires as the library itself does: a second copy of a module of its own would not know its rooms. */
export async function requireOfRtc(): Promise<NodeJS.Require> {
  const { createRequire } = await import('node:module');
  return createRequire(createRequire(import.meta.url).resolve('@livekit/rtc-node'));
}

/**
 * Frees the native library, which otherwise keeps the process alive. Call once, last, when every session has ended: rooms
 * cannot be joined after it. Nothing happens when no room was ever joined. Never rejects.
 */
export async function disposeLivekit(): Promise<void> {
  if (loaded === null) return;
  try {
    await (await loaded).dispose();
  } catch {
    // What could not be loaded, or is broken, holds nothing that the end of the process will not free.
  }
}
