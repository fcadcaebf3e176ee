// Contract: voice activity detection. An adapter turns frames into edges of speech.
import type { AudioFrame } from '../audio/frame.ts';
import type { VadEdge } from '../audio/segmenter.ts';
import type { Clock } from '../clock.ts';

/** When speech counts as speech. All durations are of audio, never of timers. */
export interface VadOptions {
  /** 0..1, what it measures is up to the adapter (probability, normalised level). Default 0.5; SimpleEnergyVad 0.3. */
  readonly threshold?: number;
  /** Voiced milliseconds before `started`. Default 50 for neural detectors; SimpleEnergyVad 300. */
  readonly minSpeechDurationMs?: number;
  /** Silent milliseconds before `ended`. Default 500; SimpleEnergyVad 800. */
  readonly maxSilenceDurationMs?: number;
}

export type { VadEdge };

export interface VadOpenOptions {
  /** Clock time of the first sample that will be written. */
  readonly originMs: number;
  /** True when an utterance is already open (the detector before this one died): start as speaking and report its end. */
  readonly speaking: boolean;
  /** Voiced milliseconds after which `sustained` is reported. */
  readonly sustainedAfterMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  report(edge: VadEdge): void;
  /** The stream is broken and will report nothing more. */
  fail(error: unknown): void;
}

export interface VadStream {
  /** Samples written and not judged yet; what comes faster than that waits. Absent: judged within `write`. */
  readonly pendingSamples?: number;
  /** 16 kHz mono. Must not block and must not throw. */
  write(frame: AudioFrame): void;
  /** Idempotent. Nothing is reported afterwards. */
  close(): void;
}

export interface Vad {
  readonly label: string;
  open(options: VadOpenOptions): VadStream;
}
