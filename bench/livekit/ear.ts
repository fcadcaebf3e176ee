// Turns received audio into what was heard: tones with their number, from their first to their last sample.
import { codeOf, isLoud } from './tones.ts';

export interface HeardTone {
  /** -1: a sound that is no tone of this bench. */
  readonly code: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** A quarter of the amplitude of a tone: above what a codec leaves of it in silence. */
const EDGE = 2_000;
/** Shorter silence is a hiccup of the decoder, not the end of a tone. */
const GAP_MS = 40;
/** A frame is 10 or 20 ms; the last one of a tone that is cut off can read as the number beside it. */
const TAIL_MS = 25;

interface OpenTone {
  code: number;
  fromMs: number;
  toMs: number;
}

export class Ear {
  /** In the order they began; the last one may still sound. */
  readonly tones: HeardTone[] = [];
  readonly #rateHz: number;
  #open: OpenTone | null = null;

  constructor(rateHz: number) {
    this.#rateHz = rateHz;
  }

  /** The tone that sounds at the moment. */
  get sounding(): HeardTone | null {
    return this.#open;
  }

  hear(samples: Int16Array, startMs: number): void {
    const at = (index: number) => startMs + (index * 1000) / this.#rateHz;
    const first = samples.findIndex((sample) => Math.abs(sample) > EDGE);
    if (first < 0) {
      if (this.#open !== null && at(samples.length) - this.#open.toMs >= GAP_MS) this.#close();
      return;
    }
    const toMs = at(samples.findLastIndex((sample) => Math.abs(sample) > EDGE) + 1);
    // The first and the last frame of a tone hold too little of it to tell its number.
    const isWhole = first < samples.length / 10 && toMs > at(samples.length * 0.9) && isLoud(samples);
    const code = isWhole ? codeOf(samples, this.#rateHz) : -1;
    const open = this.#open;
    if (open !== null && at(first) - open.toMs < GAP_MS && (code < 0 || open.code < 0 || code === open.code)) {
      open.toMs = toMs;
      if (open.code < 0) open.code = code;
      return;
    }
    this.#close();
    this.#open = { code, fromMs: at(first), toMs };
    this.tones.push(this.#open);
  }

  /** A short sound right behind a tone was its tail. */
  #close(): void {
    const open = this.#open;
    const before = this.tones.at(-2);
    this.#open = null;
    if (open === null || before === undefined) return;
    if (open.toMs - open.fromMs > TAIL_MS || open.fromMs - before.toMs >= GAP_MS) return;
    this.tones.splice(-2, 2, { ...before, toMs: open.toMs });
  }
}
