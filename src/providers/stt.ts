// Contract: speech to text. The input link says where utterances begin and end; the adapter answers with text.
import type { AudioFrame } from '../audio/frame.ts';
import type { Clock } from '../clock.ts';

export interface SttCapabilities {
  /** Reports `partial` results while the user speaks. */
  readonly partials: boolean;
  /** BCP 47 tags, or `['*']`. */
  readonly languages: readonly string[];
}

export type SttResult =
  /** The text of the open segment so far; replaces the partial before it. */
  | { readonly type: 'partial'; readonly utterance: number; readonly text: string }
  /**
   * A finished segment. Empty text means: nothing was said. After `end` exactly one final closes the utterance.
   * `coveredSamples`: written samples of the utterance that its finals so far account for; a stream that takes over
   * begins behind them. Default: all that were written.
   */
  | { readonly type: 'final'; readonly utterance: number; readonly text: string; readonly coveredSamples?: number };

export interface SttOpenOptions {
  /** BCP 47 tag, or undefined for the default of the adapter. */
  readonly language?: string | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  report(result: SttResult): void;
  /** The stream is broken and will report nothing more. Utterances without a final are given to the next stream. */
  fail(error: unknown): void;
}

/**
 * Calls come in the order `begin, write*, end` for each utterance, utterances one after the other; after a restart the
 * utterances that still lack a final are played again from their first sample, faster than real time.
 * No call may block or throw.
 */
export interface SttStream {
  begin(utterance: number): void;
  /** 16 kHz mono, with a little silence before and after the voice. */
  write(frame: AudioFrame): void;
  end(utterance: number): void;
  /** The utterance turned out to be noise: no final is expected. */
  discard(utterance: number): void;
  /** Idempotent. Nothing is reported afterwards. */
  close(): void;
}

export interface Stt {
  readonly label: string;
  readonly capabilities: SttCapabilities;
  open(options: SttOpenOptions): SttStream;
}
