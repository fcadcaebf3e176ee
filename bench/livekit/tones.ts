// Sines that carry a number: a user says one, and only the answer to it carries the same.

export const CODES = 8;
const FIRST_HZ = 500;
const STEP_HZ = 200;
const AMPLITUDE = 8_000;
/** Mean square above which 20 ms are a tone: -30 dBFS, 15 dB below it. */
const LOUD = 1_000 ** 2;

const made = new Map<string, Int16Array>();

/** The same array each time: making one takes longer than an agent works for a turn. */
export function toneOf(code: number, durationMs: number, rateHz: number): Int16Array {
  const key = `${code} ${durationMs} ${rateHz}`;
  const hz = FIRST_HZ + STEP_HZ * (code % CODES);
  const tone =
    made.get(key) ??
    Int16Array.from({ length: (rateHz * durationMs) / 1000 }, (_, i) =>
      Math.round(AMPLITUDE * Math.sin((2 * Math.PI * hz * i) / rateHz)),
    );
  made.set(key, tone);
  return tone;
}

export function isLoud(samples: Int16Array): boolean {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return sum / samples.length > LOUD;
}

/** Reads the number of a tone from its zero crossings: a codec changes the level of a sine, not its frequency. */
export class ToneMeter {
  #crossings = 0;
  #samples = 0;

  reset(): void {
    this.#crossings = 0;
    this.#samples = 0;
  }

  /** Frames of one rate; quiet ones say nothing. */
  write(samples: Int16Array): void {
    if (!isLoud(samples)) return;
    let before = samples[0] ?? 0;
    for (const sample of samples) {
      if (sample >= 0 !== before >= 0) this.#crossings++;
      before = sample;
    }
    this.#samples += samples.length;
  }

  /** The nearest number; -1 before anything was written, or when the tone is none of ours. */
  code(rateHz: number): number {
    if (this.#samples === 0) return -1;
    const hz = (this.#crossings / 2 / this.#samples) * rateHz;
    const code = Math.round((hz - FIRST_HZ) / STEP_HZ) + 0; // makes -0 a number like any other
    return code >= 0 && code < CODES && Math.abs(hz - FIRST_HZ - code * STEP_HZ) < STEP_HZ / 2 - 10 ? code : -1;
  }
}

export function codeOf(samples: Int16Array, rateHz: number): number {
  const meter = new ToneMeter();
  meter.write(samples);
  return meter.code(rateHz);
}
