// Decoder of ITU-T G.722 at 64 kbit/s, enough to read the recorded prompts: bytes in, 16 kHz samples out.

const WL = [-60, -30, 58, 172, 334, 538, 1198, 3042];
const RL42 = [0, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 0];
const ILB = [
  2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896, 2960, 3025,
  3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];
const WH = [0, -214, 798];
const RH2 = [2, 1, 2, 1];
const QM2 = [-7408, -1616, 7408, 1616];
const QM4 = [0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0];
const QM6 = [
  -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576, -7856,
  -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040, -728, 24808,
  21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456, 4944, 4464, 4008,
  3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];
const QMF = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];

const at = (table: readonly number[] | Int32Array, index: number): number => table[index] ?? 0;
const clamp = (value: number, low: number, high: number): number => Math.max(low, Math.min(high, value));
const saturate = (value: number): number => clamp(value, -32768, 32767);

/** The adaptive predictor and step size of one sub-band; `lowest` names the scale of the step as in the standard. */
class Band {
  s = 0;
  det: number;
  #nb = 0;
  #sz = 0;
  readonly #r = new Int32Array(3);
  readonly #a = new Int32Array(3);
  readonly #p = new Int32Array(3);
  readonly #d = new Int32Array(7);
  readonly #b = new Int32Array(7);
  readonly #limit: number;
  readonly #shift: number;

  constructor(det: number, limit: number, shift: number) {
    this.det = det;
    this.#limit = limit;
    this.#shift = shift;
  }

  adaptStep(change: number): void {
    this.#nb = clamp(((this.#nb * 127) >> 7) + change, 0, this.#limit);
    const base = at(ILB, (this.#nb >> 6) & 31);
    const shift = this.#shift - (this.#nb >> 11);
    this.det = (shift < 0 ? base << -shift : base >> shift) << 2;
  }

  predict(difference: number): void {
    const [r, a, p, d, b] = [this.#r, this.#a, this.#p, this.#d, this.#b];
    d[0] = difference;
    r[0] = saturate(this.s + difference);
    p[0] = saturate(this.#sz + difference);
    const sign = (value: number) => value >> 15;
    const [p0, p1, p2] = [sign(at(p, 0)), sign(at(p, 1)), sign(at(p, 2))];
    const pole1 = saturate(at(a, 1) << 2);
    const towards = Math.min(p0 === p1 ? -pole1 : pole1, 32767);
    const a2 = clamp((p0 === p2 ? 128 : -128) + (towards >> 7) + ((at(a, 2) * 32512) >> 15), -12288, 12288);
    const room = saturate(15360 - a2);
    const a1 = clamp(saturate((p0 === p1 ? 192 : -192) + ((at(a, 1) * 32640) >> 15)), -room, room);
    const step = difference === 0 ? 0 : 128;
    for (let i = 1; i < 7; i++) {
      const same = sign(at(d, i)) === sign(difference);
      b[i] = saturate((same ? step : -step) + ((at(b, i) * 32640) >> 15));
    }
    for (let i = 6; i > 0; i--) d[i] = at(d, i - 1);
    for (let i = 2; i > 0; i--) {
      r[i] = at(r, i - 1);
      p[i] = at(p, i - 1);
    }
    a[1] = a1;
    a[2] = a2;
    const twice = (value: number) => saturate(value + value);
    const sp = saturate(((a1 * twice(at(r, 1))) >> 15) + ((a2 * twice(at(r, 2))) >> 15));
    let sz = 0;
    for (let i = 6; i > 0; i--) sz += (at(b, i) * twice(at(d, i))) >> 15;
    this.#sz = saturate(sz);
    this.s = saturate(sp + this.#sz);
  }
}

/** Two samples for each byte. */
export function decodeG722(bytes: Uint8Array): Int16Array {
  const low = new Band(32, 18432, 8);
  const high = new Band(8, 22528, 10);
  const history = new Int32Array(24);
  const out = new Int16Array(bytes.length * 2);
  bytes.forEach((code, index) => {
    const lowCode = code & 63;
    const highCode = (code >> 6) & 3;
    const lowBand = clamp(low.s + ((low.det * at(QM6, lowCode)) >> 15), -16384, 16383);
    const lowDifference = (low.det * at(QM4, lowCode >> 2)) >> 15;
    low.adaptStep(at(WL, at(RL42, lowCode >> 2)));
    low.predict(lowDifference);
    const highDifference = (high.det * at(QM2, highCode)) >> 15;
    const highBand = clamp(high.s + highDifference, -16384, 16383);
    high.adaptStep(at(WH, at(RH2, highCode)));
    high.predict(highDifference);
    history.copyWithin(0, 2);
    history[22] = lowBand + highBand;
    history[23] = lowBand - highBand;
    let [even, odd] = [0, 0];
    for (let i = 0; i < 12; i++) {
      even += at(history, 2 * i) * at(QMF, i);
      odd += at(history, 2 * i + 1) * at(QMF, 11 - i);
    }
    out[index * 2] = saturate(odd >> 11);
    out[index * 2 + 1] = saturate(even >> 11);
  });
  return out;
}
