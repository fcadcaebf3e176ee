// The ears of both sides: speech is what is loud. No model, no memory of the noise, so that neither side waits for its own.
import { INTERRUPTION_MS, SILENCE_MS, VOICED_MS } from './script.ts';
import { isLoud } from './tones.ts';

/** Positions in milliseconds of audio since the detector began. */
export type LevelEdge =
  | { readonly type: 'started'; readonly fromMs: number }
  /** Long enough to interrupt. */
  | { readonly type: 'sustained'; readonly atMs: number }
  | { readonly type: 'ended'; readonly lastVoiceMs: number };

export class LevelDetector {
  readonly #rateHz: number;
  readonly #report: (edge: LevelEdge) => void;
  #positionMs = 0;
  #lastVoiceMs = 0;
  #voicedMs = 0;

  constructor(rateHz: number, report: (edge: LevelEdge) => void) {
    this.#rateHz = rateHz;
    this.#report = report;
  }

  write(samples: Int16Array): void {
    const frameMs = (samples.length * 1000) / this.#rateHz;
    this.#positionMs += frameMs;
    if (isLoud(samples)) {
      const before = this.#voicedMs;
      this.#voicedMs += frameMs;
      this.#lastVoiceMs = this.#positionMs;
      const passes = (limitMs: number) => before < limitMs && this.#voicedMs >= limitMs;
      if (passes(VOICED_MS)) this.#report({ type: 'started', fromMs: this.#positionMs - this.#voicedMs });
      if (passes(INTERRUPTION_MS)) this.#report({ type: 'sustained', atMs: this.#positionMs });
    } else if (this.#voicedMs > 0 && this.#positionMs - this.#lastVoiceMs >= SILENCE_MS) {
      const wasSpeech = this.#voicedMs >= VOICED_MS;
      this.#voicedMs = 0;
      if (wasSpeech) this.#report({ type: 'ended', lastVoiceMs: this.#lastVoiceMs });
    }
  }
}
