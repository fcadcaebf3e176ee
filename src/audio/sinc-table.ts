// Coefficients of the polyphase low-pass filter behind the resampler, shared by all streams of a pair of rates.

/**
 * Zero crossings of the sinc on both sides together, counted at the lower of the two rates. With {@link KAISER_BETA} it
 * keeps 0..0.8 of the lower Nyquist frequency flat and everything above the Nyquist frequency under -105 dB.
 */
const CROSSINGS = 72;
/** Kaiser's formula for a stop band of -112 dB: 0.1102 * (112 - 8.7). */
const KAISER_BETA = 11.38;
/** Middle of the transition band, as a share of the lower Nyquist frequency. */
const CUTOFF = 0.9;
/** Phases per sample of the lower rate where a table of all phases would be too large; the rest is interpolated (-118 dB). */
const COARSE_PHASES = 1024;
/** An exact table may hold this many coefficients (0.8 MB); 44.1, 22.05 and 11.025 kHz to and from 8..48 kHz all fit. */
const MAX_EXACT = 100_000;
/** Rates come from outside; this many pairs stay cached, so odd rates cannot fill the memory. */
const MAX_CACHED = 16;

export interface SincTable {
  /** Output samples per {@link decimation} input samples, in lowest terms. */
  readonly interpolation: number;
  readonly decimation: number;
  /** Taps per phase, a multiple of 4. Tap k of an output at input position p reads sample floor(p) + k + 1 - taps / 2. */
  readonly taps: number;
  /** Rows in `coefficients` minus one. Equal to `interpolation` when every phase has its own row. */
  readonly phases: number;
  /** Row after row, `phases + 1` of them, each with a sum of 1. */
  readonly coefficients: Float64Array;
}

const cache = new Map<string, SincTable>();

/** The table for a pair of rates, from the cache when it was used lately. */
export function sincTable(inputRateHz: number, outputRateHz: number): SincTable {
  const divisor = greatestCommonDivisor(inputRateHz, outputRateHz);
  const interpolation = outputRateHz / divisor;
  const decimation = inputRateHz / divisor;
  const key = `${interpolation}/${decimation}`;
  const table = cache.get(key) ?? build(interpolation, decimation);
  cache.delete(key);
  cache.set(key, table);
  for (const oldest of cache.keys()) {
    if (cache.size <= MAX_CACHED) break;
    cache.delete(oldest);
  }
  return table;
}

function build(interpolation: number, decimation: number): SincTable {
  const stretch = Math.max(1, decimation / interpolation);
  const taps = Math.ceil((CROSSINGS * stretch) / 4) * 4;
  const exact = interpolation * taps <= MAX_EXACT;
  const phases = exact ? interpolation : Math.ceil(COARSE_PHASES / stretch);
  const coefficients = new Float64Array((phases + 1) * taps);
  const half = taps / 2;
  const windowScale = 1 / besselI0(KAISER_BETA);
  const bandwidth = CUTOFF / stretch;
  for (let phase = 0; phase <= phases; phase++) {
    let sum = 0;
    for (let k = 0; k < taps; k++) {
      const distance = k + 1 - half - phase / phases;
      const edge = 1 - (distance / half) ** 2;
      const window = edge <= 0 ? 0 : besselI0(KAISER_BETA * Math.sqrt(edge)) * windowScale;
      const angle = Math.PI * bandwidth * distance;
      const value = (angle === 0 ? 1 : Math.sin(angle) / angle) * window;
      coefficients[phase * taps + k] = value;
      sum += value;
    }
    for (let k = phase * taps; k < (phase + 1) * taps; k++) coefficients[k] = (coefficients[k] as number) / sum; // inside the table
  }
  return { interpolation, decimation, taps, phases, coefficients };
}

/** Modified Bessel function of the first kind, order zero, by its power series. */
function besselI0(x: number): number {
  const quarter = (x * x) / 4;
  let term = 1;
  let sum = 1;
  for (let k = 1; term > sum * 1e-17; k++) {
    term *= quarter / (k * k);
    sum += term;
  }
  return sum;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
