// How far each window of audio lies above the noise around it, in dB.

/**
 * One-pole high-pass at 200 Hz (removes offset and mains hum) and low-pass at 2.5 kHz (voice has its energy below it, white
 * noise has two thirds above): exp(-2 pi f / 16 000).
 */
const HIGH_PASS = 0.9245;
const LOW_PASS = 0.3747;
/** The floor of a perfectly silent line; dither and idle microphones lie at -70 dBFS and below. */
const LOWEST_DB = -65;
/** Assumed before anything was heard, so that a call may begin with speech: a quiet office. */
const INITIAL_DB = -50;
/** The floor is the lowest level of the last 2 s, kept in sub-windows of 250 ms (minimum statistics, Martin 2001). */
const SUB_WINDOWS = 8;
const SUB_WINDOW_SECONDS = 0.25;
/** The minimum of 100 windows of steady noise lies about this much under its mean. */
const MINIMUM_BIAS_DB = 1.5;
/** Share of the last power in a falling one, at most 5 dB per window: bridges the dips of a voice and delays its end by 100 ms in a silent room. */
const SMOOTHING = 0.3;
const FULL_SCALE = 32_768 ** 2;

/** Meters 16 kHz mono. Calls back once per full window, however the audio is cut into frames. */
export class LevelMeter {
  readonly #windowSamples: number;
  readonly #onWindow: (aboveFloorDb: number) => void;
  readonly #minima = new Float64Array(SUB_WINDOWS).fill(INITIAL_DB);
  readonly #windowsPerSub: number;
  #slot = 0;
  #windowsInSub = 0;
  #lastInput = 0;
  #high = 0;
  #low = 0;
  #sum = 0;
  #filled = 0;
  #power = 0;

  constructor(windowSamples: number, onWindow: (aboveFloorDb: number) => void) {
    this.#windowSamples = windowSamples;
    this.#onWindow = onWindow;
    this.#windowsPerSub = Math.round((SUB_WINDOW_SECONDS * 16_000) / windowSamples);
    this.#minima[0] = Infinity;
  }

  write(samples: Int16Array): void {
    for (let at = 0; at < samples.length; ) {
      const to = Math.min(samples.length, at + this.#windowSamples - this.#filled);
      let last = this.#lastInput;
      let high = this.#high;
      let low = this.#low;
      let sum = this.#sum;
      for (let i = at; i < to; i++) {
        const value = samples[i] as number; // inside the frame
        high = HIGH_PASS * (high + value - last);
        last = value;
        low = high + LOW_PASS * (low - high);
        sum += low * low;
      }
      this.#lastInput = last;
      this.#high = high;
      this.#low = low;
      this.#sum = sum;
      this.#filled += to - at;
      at = to;
      if (this.#filled === this.#windowSamples) this.#endWindow();
    }
  }

  #endWindow(): void {
    const power = this.#sum / this.#windowSamples / FULL_SCALE;
    this.#power = Math.max(power, SMOOTHING * this.#power + (1 - SMOOTHING) * power);
    this.#sum = 0;
    this.#filled = 0;
    const levelDb = Math.max(LOWEST_DB, 10 * Math.log10(this.#power + 1e-12));
    this.#minima[this.#slot] = Math.min(this.#minima[this.#slot] as number, levelDb); // the slot is inside the ring
    let floorDb = Infinity;
    for (let i = 0; i < SUB_WINDOWS; i++) floorDb = Math.min(floorDb, this.#minima[i] as number); // inside the ring
    if (++this.#windowsInSub === this.#windowsPerSub) {
      this.#windowsInSub = 0;
      this.#slot = (this.#slot + 1) % SUB_WINDOWS;
      this.#minima[this.#slot] = Infinity;
    }
    this.#onWindow(levelDb - floorDb - MINIMUM_BIAS_DB);
  }
}
