// Audio that the detector is not ready for: it came in a burst, or the detector is still being loaded.
import type { Clock } from '../clock.ts';
import { INPUT_FORMAT } from './frame.ts';

const RATE = INPUT_FORMAT.sampleRateHz;
/** Longer frames are cut: the edges in them are acted on between two pieces. */
const PIECE_SAMPLES = 0.1 * RATE;
const LOOK_AGAIN_MS = 10;
/** What may wait, 1 MB; more than that is written all the same, and may be clipped. */
const LONGEST_BACKLOG_SAMPLES = 30 * RATE;

export interface DetectorBacklogOptions {
  readonly clock: Pick<Clock, 'setTimeout' | 'clearTimeout'>;
  isBehind(): boolean;
  /** @param endsAtMs when the last sample of it was spoken */
  write(samples: Int16Array, endsAtMs: number): void;
}

interface Waiting {
  readonly samples: Int16Array;
  readonly endsAtMs: number;
}

export class DetectorBacklog {
  readonly #options: DetectorBacklogOptions;
  #waiting: Waiting[] = [];
  #waitingSamples = 0;
  #timer: unknown;

  constructor(options: DetectorBacklogOptions) {
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** 16 kHz mono whose last sample is spoken now; written at once, in order, as far as the detector follows. */
  take(samples: Int16Array, nowMs: number): void {
    for (let from = 0; from < samples.length; from += PIECE_SAMPLES) {
      const piece = samples.length <= PIECE_SAMPLES ? samples : samples.subarray(from, from + PIECE_SAMPLES);
      const rest = samples.length - from - piece.length;
      this.#waiting.push({ samples: piece, endsAtMs: nowMs - (rest * 1000) / RATE });
      this.#waitingSamples += piece.length;
    }
    this.#drain(LONGEST_BACKLOG_SAMPLES);
  }

  /** Writes all of it, however far the detector is behind. */
  drainAll(): void {
    this.#drain(0);
  }

  /** Forgets what waits. */
  close(): void {
    this.#options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting = [];
    this.#waitingSamples = 0;
  }

  /** @param keep how much may stay behind */
  #drain(keep: number): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (this.#waitingSamples <= keep && this.#options.isBehind()) break;
      this.#waiting.shift();
      this.#waitingSamples -= next.samples.length;
      this.#options.write(next.samples, next.endsAtMs);
    }
    if (this.isEmpty || this.#timer !== undefined) return;
    this.#timer = this.#options.clock.setTimeout(() => {
      this.#timer = undefined;
      this.#drain(LONGEST_BACKLOG_SAMPLES);
    }, LOOK_AGAIN_MS);
  }
}
