// The samples of one utterance, and where to cut it when it grows longer than the recogniser can take.
import type { AudioFrame } from '../../audio/frame.ts';

const RATE_HZ = 16_000;
/** Energy is summed over blocks of 20 ms as samples come in, so that a look for a pause costs next to nothing. */
const BLOCK = RATE_HZ * 0.02;
const seconds = (s: number): number => (s * RATE_HZ) / BLOCK;
/** A level is judged over this many blocks, 240 ms: longer than the closure of a stop consonant, shorter than a breath. */
const QUIET_BLOCKS = 12;
/** From this length on a pause is taken as the place to cut. Short pieces keep partials cheap. */
const SOFT_LIMIT = seconds(12);
/** At this length it is cut wherever it is quietest: the model was trained on less than 30 s. */
const HARD_LIMIT = seconds(24);
/** A piece keeps at least this much before the cut, and a second after it, for context. */
const MIN_PIECE = seconds(4);
const MIN_REST = seconds(1);
/** A pause has less than this share of the mean energy of the piece (-16 dB). */
const PAUSE_ENERGY = 0.025;

/** A block this far under the loudest one so far (-30 dB), or under an amplitude of 30, holds no voice. */
const VOICE_ENERGY = 0.001;
const FLOOR_ENERGY = 30 ** 2 * BLOCK;

/** Appends frames and gives pieces. Samples are kept from the first to the last: a retry reads them again. */
export class UtteranceAudio {
  #samples = new Int16Array(RATE_HZ * 4);
  #length = 0;
  #pieceStart = 0;
  readonly #blocks: number[] = [];
  #loudest = 0;
  #voiceEnd = 0;

  /** Samples written so far. */
  get length(): number {
    return this.#length;
  }

  /**
   * Samples up to the end of the last block with voice. In a noisy place nothing is 30 dB under the voice, and this is
   * the length; it is late then, never early.
   */
  get voiceEnd(): number {
    return this.#voiceEnd;
  }

  write(frame: AudioFrame): void {
    const needed = this.#length + frame.samples.length;
    if (needed > this.#samples.length) {
      const grown = new Int16Array(Math.max(needed, this.#samples.length * 2));
      grown.set(this.#samples.subarray(0, this.#length));
      this.#samples = grown;
    }
    this.#samples.set(frame.samples, this.#length);
    this.#length = needed;
    while ((this.#blocks.length + 1) * BLOCK <= this.#length) this.#addBlock(this.#blocks.length * BLOCK);
  }

  /** The open piece, with `padding` samples of silence on both sides. A copy. */
  openPiece(padding: number): Int16Array {
    return this.#copy(this.#pieceStart, this.#length, padding);
  }

  /** Cuts off the next piece when the open one is long enough; undefined when it may still grow. */
  cutPiece(padding: number): Int16Array | undefined {
    const cut = this.#cutPoint();
    if (cut === undefined) return undefined;
    const piece = this.#copy(this.#pieceStart, cut, padding);
    this.#pieceStart = cut;
    return piece;
  }

  #copy(start: number, end: number, padding: number): Int16Array {
    const piece = new Int16Array(end - start + 2 * padding);
    piece.set(this.#samples.subarray(start, end), padding);
    return piece;
  }

  #addBlock(start: number): void {
    let sum = 0;
    for (let i = start; i < start + BLOCK; i++) sum += (this.#samples[i] ?? 0) ** 2;
    this.#blocks.push(sum);
    this.#loudest = Math.max(this.#loudest, sum);
    if (sum > Math.max(FLOOR_ENERGY, this.#loudest * VOICE_ENERGY)) this.#voiceEnd = start + BLOCK;
  }

  /** Cuts lie on block borders. */
  #cutPoint(): number | undefined {
    const start = this.#pieceStart / BLOCK;
    const open = this.#blocks.length - start;
    if (open < SOFT_LIMIT) return undefined;
    // The cut is looked for in the first HARD_LIMIT blocks, also when one write brought more than that.
    const end = start + Math.min(open, HARD_LIMIT);
    let best = { block: 0, energy: Number.POSITIVE_INFINITY };
    for (let block = start + MIN_PIECE; block + QUIET_BLOCKS <= end - MIN_REST; block++) {
      const energy = this.#mean(block, block + QUIET_BLOCKS);
      if (energy < best.energy) best = { block: block + QUIET_BLOCKS / 2, energy };
    }
    const isPause = best.energy < this.#mean(start, end) * PAUSE_ENERGY;
    return isPause || open >= HARD_LIMIT ? best.block * BLOCK : undefined;
  }

  #mean(from: number, to: number): number {
    let sum = 0;
    for (let block = from; block < to; block++) sum += this.#blocks[block] ?? 0;
    return sum / (to - from);
  }
}
