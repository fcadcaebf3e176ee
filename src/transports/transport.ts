// Contract: where the user is. A transport brings microphone frames and text in and takes audio out.
import type { AudioFrame } from '../audio/frame.ts';
import type { Clock } from '../clock.ts';
import type { Ids } from '../ids.ts';
import type { ChatImage, ImageSource } from '../providers/llm.ts';

/** The loudspeaker side of a connection. No call may block or throw. */
export interface AudioSink {
  /**
   * True: takes audio as fast as it comes, plays it in real time by itself and knows the position.
   * False: what is written is sent at once, so the runtime paces it in 20 ms frames.
   */
  readonly pacesItself: boolean;
  /** A hint for `speaking.paused`: pausing is worth it. Every sink can be paused (flush and keep the rest). */
  readonly canPause: boolean;
  /** Rate the sink wants; frames come mono at this rate. */
  readonly sampleRateHz: number;
  write(frame: AudioFrame): void;
  /** No more audio for now: a rest shorter than what the sink sends at a time may go out. */
  end?(): void;
  /**
   * True while nothing can be heard although the connection lives, because its network is being restored: a reply waits
   * instead of failing. It must end by itself. Absent: never. Only asked of sinks that pace themselves.
   */
  readonly isSuspended?: boolean;
  /** Samples that reached the ear since the sink was made; never falls. Only asked of sinks that pace themselves. */
  playedSamples(): number;
  /** Synchronous: drops everything not yet played. At most one frame may still be heard. */
  flush(): void;
}

export type TransportEvent =
  | { readonly type: 'opened' }
  /** The user hung up, or the room ended. A normal end. */
  | { readonly type: 'closed'; readonly reason: string }
  /** The connection broke and the call may go on: `isOpen` is false, and `open` is called again. */
  | { readonly type: 'lost'; readonly reason: string }
  | { readonly type: 'text'; readonly text: string }
  /** A key of the user's telephone: 0-9, *, # or A-D. */
  | { readonly type: 'dtmf'; readonly digit: string };

/** What a session wants to see of the user's video. Frames it does not want are not converted or encoded. */
export interface VideoRequest {
  readonly sources: readonly ImageSource[];
  /** Larger images are made smaller, keeping their shape. */
  readonly longestSidePx: number;
  /** Of lossy images, 1 to 100. */
  readonly quality: number;
  /** Time between two images of a source, in milliseconds, at this moment; `Infinity`: none are wanted. */
  intervalMs(): number;
  onImage(image: ChatImage): void;
  /** The source shows nothing any more: what was seen of it last is not what is. */
  onGone(source: ImageSource): void;
}

export interface TransportOpenOptions {
  readonly sessionId: string;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Aborted when the session ends. A connection outlives the crash of the actor that holds it. */
  readonly signal: AbortSignal;
  /** What of the call is sound. Without input no microphone is asked for, without output nothing is published. */
  readonly audio?: { readonly input: boolean; readonly output: boolean };
  /** Absent: no video is taken. */
  readonly video?: VideoRequest;
  /** Microphone frames, any rate, mono or stereo; a bad frame is refused with ERR_AUDIO_FRAME and counted. */
  onFrame(frame: AudioFrame): void;
  onEvent(event: TransportEvent): void;
}

/** One living connection. */
export interface TransportConnection {
  /** Null where nothing is to be heard: only in a session without audio output. */
  readonly sink: AudioSink | null;
  /** Still usable? A restarted transport actor re-attaches to a living connection and joins again only when it is dead. */
  readonly isOpen: boolean;
  /** Idempotent. */
  close(): void | Promise<void>;
}

export interface Transport {
  readonly label: string;
  /** Resolves when audio can flow. Rejects with `ERR_TRANSPORT`. */
  open(options: TransportOpenOptions): Promise<TransportConnection>;
}
