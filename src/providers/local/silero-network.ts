// Silero VAD as plain arithmetic: 32 ms of audio in, the probability of speech out. No engine, no shared state.
// One set of weights (1.2 MB) serves every stream; through a general inference engine each stream costs 16 MB.
import { AgentError } from '../../errors.ts';
import { readOnnxWeights } from './onnx-weights.ts';

/** Samples of one window, 32 ms at 16 kHz. */
export const SILERO_WINDOW = 512;
/** Each window is judged together with the end of the one before it. */
const CONTEXT = 64;
/** The right edge is mirrored, so that four frames fit. */
const MIRROR = 64;
const FRAME = 256;
const HOP = 128;
const FRAMES = 4;
const BINS = 129;
const HIDDEN = 128;

/** What a stream remembers between windows; all zeros at its start. */
export interface SileroState {
  readonly context: Float32Array;
  readonly hidden: Float32Array;
  readonly cell: Float32Array;
}

export function newSileroState(): SileroState {
  return { context: new Float32Array(CONTEXT), hidden: new Float32Array(HIDDEN), cell: new Float32Array(HIDDEN) };
}

interface Layer {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  /** Scratch space. */
  readonly columns: Float32Array;
  readonly from: number;
  readonly to: number;
  readonly stride: number;
}

/** Advances `state` by the window (512 samples in -1..1) and returns the probability of speech in it, 0..1. */
export type SileroNetwork = (window: Float32Array, state: SileroState) => number;

/** @throws AgentError `ERR_MODEL_CORRUPT` when the file is not Silero VAD v5 or v6 */
export function loadSilero(onnx: Uint8Array): SileroNetwork {
  const weights = readOnnxWeights(onnx, 'then_branch');
  const get = (name: string, length: number): Float32Array => {
    const values = weights.get(name);
    if (values?.length === length) return values;
    throw new AgentError('ERR_MODEL_CORRUPT', 'the file is not the VAD model', {
      field: name,
      rule: `must hold ${length} values`,
    });
  };
  const layer = (index: number, from: number, to: number, stride: number): Layer => ({
    weight: get(`encoder.${index}.reparam_conv.weight`, to * from * 3),
    bias: get(`encoder.${index}.reparam_conv.bias`, to),
    columns: new Float32Array(from * 3 * FRAMES),
    from,
    to,
    stride,
  });
  // The cosine of frequency 0 is 1, so the first row is the window itself.
  const shape = get('stft.forward_basis_buffer', 2 * BINS * FRAME).slice(0, FRAME);
  const layers = [layer(0, BINS, 128, 1), layer(1, 128, 64, 2), layer(2, 64, 64, 2), layer(3, 64, 128, 1)];
  const inputWeight = get('decoder.rnn.weight_ih', 4 * HIDDEN * HIDDEN);
  const hiddenWeight = get('decoder.rnn.weight_hh', 4 * HIDDEN * HIDDEN);
  const inputBias = get('decoder.rnn.bias_ih', 4 * HIDDEN);
  const hiddenBias = get('decoder.rnn.bias_hh', 4 * HIDDEN);
  const outWeight = get('decoder.decoder.2.weight', HIDDEN);
  const outBias = get('decoder.decoder.2.bias', 1)[0] ?? 0;

  // Scratch space, reused by every call: calls are synchronous and leave nothing in it.
  const padded = new Float32Array(CONTEXT + SILERO_WINDOW + MIRROR);
  const magnitudes = new Float32Array(BINS * FRAMES);
  const gates = new Float32Array(4 * HIDDEN);

  return (window, state) => {
    padded.set(state.context);
    padded.set(window, CONTEXT);
    const end = CONTEXT + SILERO_WINDOW;
    for (let i = 0; i < MIRROR; i++) padded[end + i] = padded[end - 2 - i] ?? 0;
    state.context.set(window.subarray(SILERO_WINDOW - CONTEXT));

    spectrum(shape, padded, magnitudes);
    let signal: Float32Array = magnitudes;
    let steps = FRAMES;
    for (const next of layers) {
      signal = convolve(next, signal, steps);
      steps = Math.ceil(steps / next.stride);
    }

    for (let row = 0; row < 4 * HIDDEN; row++)
      gates[row] =
        dot(inputWeight, row * HIDDEN, signal, 0, HIDDEN) +
        dot(hiddenWeight, row * HIDDEN, state.hidden, 0, HIDDEN) +
        (inputBias[row] ?? 0) +
        (hiddenBias[row] ?? 0);
    let logit = outBias;
    for (let i = 0; i < HIDDEN; i++) {
      const input = sigmoid(gates[i] ?? 0);
      const forget = sigmoid(gates[HIDDEN + i] ?? 0);
      const candidate = Math.tanh(gates[2 * HIDDEN + i] ?? 0);
      const output = sigmoid(gates[3 * HIDDEN + i] ?? 0);
      const cell = forget * (state.cell[i] ?? 0) + input * candidate;
      const hidden = output * Math.tanh(cell);
      state.cell[i] = cell;
      state.hidden[i] = hidden;
      if (hidden > 0) logit += hidden * (outWeight[i] ?? 0);
    }
    return sigmoid(logit);
  };
}

/**
 * Magnitudes [bin * FRAMES + frame] of the windowed Fourier transform of each frame. The model has it as a matrix (cosine
 * rows, then sine rows, times the window); the transform gives the same in a tenth of the time.
 */
function spectrum(shape: Float32Array, samples: Float32Array, magnitudes: Float32Array): void {
  const real = new Float64Array(FRAME);
  const imaginary = new Float64Array(FRAME);
  // Two real frames at once, as the real and the imaginary part of one complex transform.
  for (let frame = 0; frame < FRAMES; frame += 2) {
    for (let i = 0; i < FRAME; i++) {
      const to = BIT_REVERSED[i] as number; // both tables have FRAME entries
      const gain = shape[i] as number;
      real[to] = gain * (samples[frame * HOP + i] ?? 0);
      imaginary[to] = gain * (samples[(frame + 1) * HOP + i] ?? 0);
    }
    fourier(real, imaginary);
    for (let bin = 0; bin < BINS; bin++) {
      const mirror = (FRAME - bin) % FRAME;
      const [re, im] = [real[bin] ?? 0, imaginary[bin] ?? 0];
      const [reMirror, imMirror] = [real[mirror] ?? 0, imaginary[mirror] ?? 0];
      magnitudes[bin * FRAMES + frame] = length2(re + reMirror, im - imMirror) / 2;
      magnitudes[bin * FRAMES + frame + 1] = length2(im + imMirror, reMirror - re) / 2;
    }
  }
}

/** Math.hypot guards against overflow, which audio cannot cause, at twenty times the price. */
function length2(x: number, y: number): number {
  return Math.sqrt(x * x + y * y);
}

const BIT_REVERSED = Array.from({ length: FRAME }, (_, i) =>
  Number.parseInt(i.toString(2).padStart(8, '0').split('').reverse().join(''), 2),
);
const COSINE = Float64Array.from({ length: FRAME / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / FRAME));
const SINE = Float64Array.from({ length: FRAME / 2 }, (_, i) => Math.sin((2 * Math.PI * i) / FRAME));

/** Radix-2 transform in place, of input in bit-reversed order. */
function fourier(real: Float64Array, imaginary: Float64Array): void {
  for (let half = 1; half < FRAME; half *= 2) {
    const turn = FRAME / 2 / half;
    for (let start = 0; start < FRAME; start += 2 * half)
      for (let i = 0; i < half; i++) {
        const low = start + i;
        const high = low + half;
        const cosine = COSINE[i * turn] as number; // here and below: indexes are inside by construction
        const sine = SINE[i * turn] as number;
        const reHigh = real[high] as number;
        const imHigh = imaginary[high] as number;
        const re = cosine * reHigh + sine * imHigh;
        const im = cosine * imHigh - sine * reHigh;
        real[high] = (real[low] as number) - re;
        imaginary[high] = (imaginary[low] as number) - im;
        real[low] = (real[low] as number) + re;
        imaginary[low] = (imaginary[low] as number) + im;
      }
  }
}

/** Convolution over time with kernel 3 and one zero on either side, then ReLU; signals are [channel * steps + step]. */
function convolve(
  { weight, bias, columns, from, to, stride }: Layer,
  signal: Float32Array,
  steps: number,
): Float32Array {
  const outSteps = Math.ceil(steps / stride);
  const out = new Float32Array(to * outSteps);
  const inner = from * 3;
  // A column holds what one step needs, zeros beyond the edges.
  for (let step = 0; step < outSteps; step++)
    for (let channel = 0; channel < from; channel++)
      for (let tap = 0; tap < 3; tap++) {
        const at = step * stride + tap - 1;
        columns[step * inner + channel * 3 + tap] =
          at < 0 || at >= steps ? 0 : (signal[channel * steps + at] as number);
      }
  for (let row = 0; row < to; row++)
    if (outSteps === FRAMES) dot4(weight, row * inner, columns, inner, bias[row] ?? 0, out, row * FRAMES);
    else
      for (let step = 0; step < outSteps; step++)
        out[row * outSteps + step] = Math.max(
          0,
          dot(weight, row * inner, columns, step * inner, inner) + (bias[row] ?? 0),
        );
  return out;
}

/** One row of weights, which is the large part, with all four columns in one pass; then bias and ReLU. */
function dot4(
  weight: Float32Array,
  start: number,
  columns: Float32Array,
  length: number,
  bias: number,
  out: Float32Array,
  outStart: number,
): void {
  let s0 = bias;
  let s1 = bias;
  let s2 = bias;
  let s3 = bias;
  for (let i = 0; i < length; i++) {
    const w = weight[start + i] as number; // indexes are inside by construction, and a check here costs a third
    s0 += w * (columns[i] as number);
    s1 += w * (columns[length + i] as number);
    s2 += w * (columns[2 * length + i] as number);
    s3 += w * (columns[3 * length + i] as number);
  }
  out[outStart] = Math.max(0, s0);
  out[outStart + 1] = Math.max(0, s1);
  out[outStart + 2] = Math.max(0, s2);
  out[outStart + 3] = Math.max(0, s3);
}

/** Four sums side by side let the processor overlap them; this loop is nine tenths of the cost of a window. */
function dot(a: Float32Array, aStart: number, b: Float32Array, bStart: number, length: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let i = 0;
  for (; i + 3 < length; i += 4) {
    s0 += (a[aStart + i] as number) * (b[bStart + i] as number); // indexes are inside by construction,
    s1 += (a[aStart + i + 1] as number) * (b[bStart + i + 1] as number); // and a check here costs a third
    s2 += (a[aStart + i + 2] as number) * (b[bStart + i + 2] as number);
    s3 += (a[aStart + i + 3] as number) * (b[bStart + i + 3] as number);
  }
  for (; i < length; i++) s0 += (a[aStart + i] as number) * (b[bStart + i] as number);
  return s0 + s1 + s2 + s3;
}

function sigmoid(value: number): number {
  return 1 / (1 + Math.exp(-value));
}
