// From scores per window to edges of speech: hysteresis, durations and times, for every detector alike.

/**
 * An edge, in clock milliseconds of the audio itself (origin + samples / rate).
 * One utterance is `started`, optionally `sustained`, then `ended` or `discarded` (too little voice after all).
 */
export type VadEdge =
  /** The start of the first voiced window, so earlier than the moment of the report. */
  | { readonly type: 'started'; readonly startedAtMs: number }
  /** Voiced audio of this utterance reached `sustainedAfterMs`. Counted in voiced samples, so noise bursts do not add up. */
  | { readonly type: 'sustained'; readonly atMs: number }
  /** The end of the last voiced window, so earlier than the moment of the report by `maxSilenceDurationMs`. */
  | { readonly type: 'ended'; readonly lastVoiceAtMs: number }
  | { readonly type: 'discarded' };

/** A voiced window keeps its voice until the score falls this far under the threshold (Silero's own hysteresis). */
const HYSTERESIS = 0.15;
/** A pause longer than this before `started` makes the voice so far a noise of its own. Stop consonants take 50 to 100 ms. */
const ONSET_GAP_MS = 100;

export interface SegmenterOptions {
  /** Clock time of the first sample. */
  readonly originMs: number;
  /** Rate of the samples that are counted. Default 16 000. */
  readonly sampleRateHz?: number;
  /** Score from which a window is voiced, 0..1. It stays voiced down to `threshold` - 0.15, at least half the threshold. */
  readonly threshold: number;
  /** Voiced milliseconds that make an utterance, >= 0. One with less that was already reported is discarded. */
  readonly minSpeechDurationMs: number;
  /**
   * Voiced milliseconds after which `started` is reported. Default `minSpeechDurationMs`; a smaller value tells earlier
   * and may be followed by `discarded`.
   */
  readonly startedAfterMs?: number;
  /** Milliseconds without voice that end an utterance, >= 0. */
  readonly maxSilenceDurationMs: number;
  /** Voiced milliseconds after which `sustained` is reported, >= 0. */
  readonly sustainedAfterMs: number;
  /** True: an utterance is open already (a detector before this one died); its end will be reported, its start will not. */
  readonly speaking?: boolean;
  report(edge: VadEdge): void;
}

/** Counts samples, never time: fed faster or slower than real time it reports the same edges. */
export class SpeechSegmenter {
  readonly #options: SegmenterOptions;
  readonly #samplesPerMs: number;
  readonly #deactivation: number;
  readonly #startedAfter: number;
  readonly #minSpeech: number;
  readonly #maxSilence: number;
  readonly #sustainedAfter: number;
  readonly #onsetGap: number;
  #position = 0;
  #voiced = false;
  /** Voiced samples of the utterance or of the onset that may become one. */
  #voicedSamples = 0;
  #firstVoice = 0;
  #lastVoice = 0;
  #speaking: boolean;
  /** Enough voice to be an utterance; taken for granted when it was open at the start. */
  #confirmed: boolean;
  #sustained = false;

  constructor(options: SegmenterOptions) {
    this.#options = options;
    this.#samplesPerMs = (options.sampleRateHz ?? 16_000) / 1000;
    this.#deactivation = Math.max(options.threshold - HYSTERESIS, options.threshold / 2);
    this.#minSpeech = options.minSpeechDurationMs * this.#samplesPerMs;
    this.#startedAfter = Math.min(this.#minSpeech, (options.startedAfterMs ?? Infinity) * this.#samplesPerMs);
    this.#maxSilence = options.maxSilenceDurationMs * this.#samplesPerMs;
    this.#sustainedAfter = options.sustainedAfterMs * this.#samplesPerMs;
    this.#onsetGap = Math.min(this.#maxSilence, ONSET_GAP_MS * this.#samplesPerMs);
    this.#speaking = options.speaking ?? false;
    this.#confirmed = this.#speaking;
  }

  /** Between `started` and `ended` or `discarded`. */
  get speaking(): boolean {
    return this.#speaking;
  }

  /** The next window: its score 0..1 (not a number counts as silence) and its length in samples. */
  push(score: number, samples: number): void {
    const from = this.#position;
    this.#position += samples;
    this.#voiced = score >= (this.#voiced ? this.#deactivation : this.#options.threshold);
    if (this.#voiced) this.#pushVoice(from, samples);
    else this.#pushSilence();
  }

  #pushVoice(from: number, samples: number): void {
    if (this.#voicedSamples === 0) this.#firstVoice = from;
    this.#voicedSamples += samples;
    this.#lastVoice = this.#position;
    if (!this.#speaking && this.#voicedSamples >= this.#startedAfter) {
      this.#speaking = true;
      this.#options.report({ type: 'started', startedAtMs: this.#atMs(this.#firstVoice) });
    }
    if (!this.#speaking) return;
    if (this.#voicedSamples >= this.#minSpeech) this.#confirmed = true;
    if (!this.#sustained && this.#voicedSamples >= this.#sustainedAfter) {
      this.#sustained = true;
      this.#options.report({ type: 'sustained', atMs: this.#atMs(this.#position) });
    }
  }

  #pushSilence(): void {
    const silence = this.#position - this.#lastVoice;
    if (!this.#speaking) {
      if (silence > this.#onsetGap) this.#voicedSamples = 0;
      return;
    }
    if (silence < this.#maxSilence) return;
    const confirmed = this.#confirmed;
    const lastVoiceAtMs = this.#atMs(this.#lastVoice);
    this.#speaking = false;
    this.#confirmed = false;
    this.#sustained = false;
    this.#voicedSamples = 0;
    this.#options.report(confirmed ? { type: 'ended', lastVoiceAtMs } : { type: 'discarded' });
  }

  #atMs(position: number): number {
    return this.#options.originMs + position / this.#samplesPerMs;
  }
}
