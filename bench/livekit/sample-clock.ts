// When a sample was heard, however late the event loop was when it told: received audio runs at its own even pace.

const WINDOW_FRAMES = 100;

export class SampleClock {
  readonly #rateHz: number;
  #samples = 0;
  /** Arrival less position of the newest frames; the least late of them is the truth for all. */
  readonly #offsets: number[] = [];

  constructor(rateHz: number) {
    this.#rateHz = rateHz;
  }

  /** Time of the first sample of a frame that arrived at `arrivedMs`. */
  startOf(samples: number, arrivedMs: number): number {
    const positionMs = (this.#samples * 1000) / this.#rateHz;
    const lengthMs = (samples * 1000) / this.#rateHz;
    this.#samples += samples;
    this.#offsets.push(arrivedMs - lengthMs - positionMs);
    if (this.#offsets.length > WINDOW_FRAMES) this.#offsets.shift();
    return positionMs + Math.min(...this.#offsets);
  }
}
