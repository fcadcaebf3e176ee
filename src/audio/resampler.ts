// Streaming change of the sample rate: a polyphase Kaiser-windowed sinc that keeps its state between frames.
import { AgentError } from '../errors.ts';
import { type AudioFrame, checkFrame, checkMono, isSampleRate, SAMPLE_RATE_RULE } from './frame.ts';
import { type SincTable, sincTable } from './sinc-table.ts';

/** Input samples taken at a time: a 20 ms frame at 48 kHz fits, a longer one does not grow the working memory (10 KB). */
const CHUNK = 1024;

export interface ResamplerOptions {
  /** Samples per second of what comes in, 8 000 to 192 000. */
  readonly inputRateHz: number;
  /** Samples per second of what goes out, 8 000 to 192 000. */
  readonly outputRateHz: number;
}

/**
 * Resamples one mono stream. Output sample n is the input at n / outputRateHz, so positions in time do not shift; the
 * filter looks ahead, so the stream comes out `latencyMs` late: the first frames are shorter and `flush` gives the rest.
 * After a flush, ceil(input samples * outputRateHz / inputRateHz) samples came out. Values beyond 16 bit are clipped.
 */
export class Resampler {
  readonly inputRateHz: number;
  readonly outputRateHz: number;
  /** Half the filter: 2.3 ms for 16 kHz on either side, 4.5 ms for 8 kHz; 0 when both rates are equal. */
  readonly latencyMs: number;
  readonly #table: SincTable | undefined;
  readonly #work: Float64Array;
  #filled = 0;
  /** Where the next output starts reading in #work, and how far it lies behind that sample, in 1/interpolation. */
  #base = 0;
  #fraction = 0;
  #samplesIn = 0;
  #samplesOut = 0;

  /** @throws AgentError `ERR_AUDIO_FRAME` when a rate is not an integer from 8000 to 192000 */
  constructor({ inputRateHz, outputRateHz }: ResamplerOptions) {
    this.inputRateHz = checkRate('inputRateHz', inputRateHz);
    this.outputRateHz = checkRate('outputRateHz', outputRateHz);
    this.#table = inputRateHz === outputRateHz ? undefined : sincTable(inputRateHz, outputRateHz);
    const taps = this.#table?.taps ?? 0;
    this.latencyMs = (taps / 2 / inputRateHz) * 1000;
    this.#work = new Float64Array(this.#table === undefined ? 0 : taps + CHUNK);
    this.#rewind();
  }

  /**
   * Takes the next frame of the stream and returns what is ready, which may be an empty frame. With equal rates the
   * frame itself is returned.
   * @throws AgentError `ERR_AUDIO_FRAME` when the frame is not mono or not at `inputRateHz`
   */
  process(frame: AudioFrame): AudioFrame {
    checkFrame(frame);
    checkMono(frame, this.inputRateHz, 'this resampler');
    if (this.#table === undefined) return frame;
    const { samples } = frame;
    this.#samplesIn += samples.length;
    const out = new Int16Array(this.#countReady(this.#table, samples.length));
    let written = 0;
    for (let from = 0; from < samples.length; from += CHUNK) {
      const to = Math.min(from + CHUNK, samples.length);
      const work = this.#work;
      let filled = this.#filled;
      for (let i = from; i < to; i++) work[filled++] = samples[i] as number; // inside the frame
      this.#filled = filled;
      written = this.#convolve(this.#table, out, written);
    }
    this.#samplesOut += written;
    return { samples: out, sampleRateHz: this.outputRateHz, channels: 1 };
  }

  /** The end of the stream as if silence followed. The resampler is then as new. */
  flush(): AudioFrame {
    const table = this.#table;
    if (table === undefined) return { samples: new Int16Array(0), sampleRateHz: this.outputRateHz, channels: 1 };
    const total = Math.ceil((this.#samplesIn * table.interpolation) / table.decimation);
    const missing = total - this.#samplesOut;
    const tail = new Int16Array(this.#countReady(table, table.taps / 2));
    this.#work.fill(0, this.#filled, this.#filled + table.taps / 2);
    this.#filled += table.taps / 2;
    this.#convolve(table, tail, 0);
    this.#rewind();
    return { samples: tail.slice(0, missing), sampleRateHz: this.outputRateHz, channels: 1 };
  }

  /** Before the first sample lies half a filter of silence. */
  #rewind(): void {
    const silence = this.#table === undefined ? 0 : this.#table.taps / 2 - 1;
    this.#work.fill(0, 0, silence);
    this.#filled = silence;
    this.#base = 0;
    this.#fraction = 0;
    this.#samplesIn = 0;
    this.#samplesOut = 0;
  }

  /** How many outputs have all their taps once `added` more samples are in. */
  #countReady({ interpolation, decimation, taps }: SincTable, added: number): number {
    const room = this.#filled + added - taps - this.#base;
    return room < 0 ? 0 : Math.floor(((room + 1) * interpolation - 1 - this.#fraction) / decimation) + 1;
  }

  #convolve(table: SincTable, out: Int16Array, written: number): number {
    const { interpolation, decimation, taps, phases, coefficients } = table;
    const work = this.#work;
    const wholeStep = Math.floor(decimation / interpolation);
    const restStep = decimation % interpolation;
    const exact = phases === interpolation;
    let base = this.#base;
    let fraction = this.#fraction;
    for (; base + taps <= this.#filled; written++) {
      let value: number;
      if (exact) value = dot(work, base, coefficients, fraction * taps, taps);
      else {
        const phase = (fraction * phases) / interpolation;
        const row = Math.floor(phase);
        const low = dot(work, base, coefficients, row * taps, taps);
        const high = dot(work, base, coefficients, (row + 1) * taps, taps);
        value = low + (high - low) * (phase - row);
      }
      out[written] = value >= 32767 ? 32767 : value <= -32768 ? -32768 : Math.round(value);
      base += wholeStep;
      fraction += restStep;
      if (fraction >= interpolation) {
        fraction -= interpolation;
        base++;
      }
    }
    // With a large step the next output may begin behind what is filled; then nothing is left to keep.
    const from = Math.min(base, this.#filled);
    work.copyWithin(0, from, this.#filled);
    this.#filled -= from;
    this.#base = base - from;
    this.#fraction = fraction;
    return written;
  }
}

/** Four sums at once: one running sum would wait for every addition. `taps` is a multiple of 4 and all indexes are inside. */
function dot(a: Float64Array, aFrom: number, b: Float64Array, bFrom: number, taps: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  for (let k = 0; k < taps; k += 4) {
    s0 += (a[aFrom + k] as number) * (b[bFrom + k] as number);
    s1 += (a[aFrom + k + 1] as number) * (b[bFrom + k + 1] as number);
    s2 += (a[aFrom + k + 2] as number) * (b[bFrom + k + 2] as number);
    s3 += (a[aFrom + k + 3] as number) * (b[bFrom + k + 3] as number);
  }
  return s0 + s1 + (s2 + s3);
}

function checkRate(field: string, rateHz: number): number {
  if (isSampleRate(rateHz)) return rateHz;
  throw new AgentError('ERR_AUDIO_FRAME', 'bad sample rate', {
    field,
    rule: SAMPLE_RATE_RULE,
    fix: `Got ${String(rateHz)}`,
  });
}
