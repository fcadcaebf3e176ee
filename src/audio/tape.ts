// The input tape: a little pre-roll always, and every utterance from its start until its words are safe.
import { type AudioFrame, checkMono, INPUT_FORMAT } from './frame.ts';
import { RingBuffer } from './ring-buffer.ts';

const SAMPLES_PER_MS = INPUT_FORMAT.sampleRateHz / 1000;
/** 100 ms: replay is 10 frames per second of audio, and an utterance wastes 1.6 KB on average. */
const BLOCK = 100 * SAMPLES_PER_MS;

export interface TapeOptions {
  /** Audio kept while nobody speaks. Default 500 ms, which is 16 KB; > 0. It must cover the back-dating of a start and the lead-in. */
  readonly preRollMs?: number;
  /** Audio replayed from before the start of the voice, because a detector hears the first consonant late. Default 200 ms; >= 0. */
  readonly leadInMs?: number;
  /** Bound for all utterances together. Default 180 000 ms, which is 5.8 MB: three of the longest utterances. */
  readonly capacityMs?: number;
}

interface Utterance {
  /** First sample that is kept, and the one after the last; positions since the origin. */
  from: number;
  to: number;
  isOpen: boolean;
  lost: number;
}

/**
 * Positions are samples since the first one written. Blocks lie on a fixed grid, so utterances that overlap (the lead-in
 * of one lies in the tail of the one before) share them. A second of an open utterance costs 32 KB.
 */
export class Tape {
  readonly #preRoll: RingBuffer;
  readonly #leadIn: number;
  readonly #capacityBlocks: number;
  /** Block index -> its samples. */
  readonly #blocks = new Map<number, Int16Array>();
  readonly #utterances = new Map<number, Utterance>();
  #openCount = 0;

  constructor({ preRollMs = 500, leadInMs = 200, capacityMs = 180_000 }: TapeOptions = {}) {
    this.#preRoll = new RingBuffer(Math.round(preRollMs * SAMPLES_PER_MS));
    this.#leadIn = Math.round(leadInMs * SAMPLES_PER_MS);
    this.#capacityBlocks = Math.ceil((capacityMs * SAMPLES_PER_MS) / BLOCK);
  }

  /** Samples written so far; the position of the next one. */
  get position(): number {
    return this.#preRoll.end;
  }

  /** Samples that are kept in blocks for utterances; the pre-roll comes on top. */
  get heldSamples(): number {
    return this.#blocks.size * BLOCK;
  }

  /**
   * Samples of an utterance that are not kept: they had left the pre-roll before it was opened, or came when the tape
   * was full. 0 for an unknown id.
   */
  lostOf(id: number): number {
    return this.#utterances.get(id)?.lost ?? 0;
  }

  /** 16 kHz mono; copied, so the frame may be used elsewhere. @throws AgentError `ERR_AUDIO_FRAME` for another format */
  write(frame: AudioFrame): void {
    checkMono(frame, INPUT_FORMAT.sampleRateHz, 'the tape');
    const { samples } = frame;
    const at = this.position;
    this.#preRoll.write(samples);
    if (this.#openCount === 0) return;
    const dropped = this.#keep(at, samples);
    if (dropped > 0) for (const utterance of this.#utterances.values()) if (utterance.isOpen) utterance.lost += dropped;
  }

  /**
   * Keeps everything from `startSample` less the lead-in on, as far as the pre-roll reaches back. An id that is held
   * already keeps its own start.
   */
  openUtterance(id: number, startSample: number): void {
    if (this.#utterances.has(id)) return;
    const wanted = Math.max(0, startSample - this.#leadIn);
    const from = Math.min(this.position, this.#reachBack(wanted));
    // What is missing of the lead-in is silence.
    const clipped = Math.max(0, from - Math.max(0, startSample));
    const dropped = this.#keep(Math.max(from, this.#preRoll.start), this.#preRoll.copy(from, this.position));
    this.#utterances.set(id, { from, to: Infinity, isOpen: true, lost: clipped + dropped });
    this.#openCount++;
  }

  /** The utterance ends before `endSample` (at most what was written); it stays for replays until it is released. */
  endUtterance(id: number, endSample: number): void {
    const utterance = this.#utterances.get(id);
    if (utterance === undefined || !utterance.isOpen) return;
    utterance.isOpen = false;
    utterance.to = Math.max(utterance.from, Math.min(endSample, this.position));
    this.#openCount--;
    this.#sweep();
  }

  /** Position of the first sample that is kept of an utterance, or undefined when it is not known. */
  startOf(id: number): number | undefined {
    return this.#utterances.get(id)?.from;
  }

  /** Forgets what lies before `position`. Unknown ids are ignored. */
  trim(id: number, position: number): void {
    const utterance = this.#utterances.get(id);
    if (utterance === undefined || position <= utterance.from) return;
    utterance.from = Math.min(position, utterance.to, this.position);
    this.#sweep();
  }

  /** Forgets the utterance, open or not. Unknown ids are ignored. */
  release(id: number): void {
    const utterance = this.#utterances.get(id);
    if (utterance === undefined) return;
    if (utterance.isOpen) this.#openCount--;
    this.#utterances.delete(id);
    this.#sweep();
  }

  /**
   * Hands over everything that is kept of the utterance, from its lead-in on, in frames of 100 ms (the last may be
   * shorter); each frame belongs to the receiver. The open one is replayed up to now; what follows comes by `write`.
   */
  replay(id: number, receive: (frame: AudioFrame) => void): void {
    const utterance = this.#utterances.get(id);
    if (utterance === undefined) return;
    const end = Math.min(utterance.to, this.position);
    for (let at = utterance.from; at < end; at += BLOCK) {
      const samples = this.#read(at, Math.min(at + BLOCK, end));
      receive({ samples, ...INPUT_FORMAT });
    }
  }

  /** The earliest position from `wanted` on from which blocks or the pre-roll hold everything. */
  #reachBack(wanted: number): number {
    let from = this.#preRoll.start;
    if (wanted >= from) return wanted;
    // Positions in kept blocks are only complete while an utterance was open; its range says so.
    for (const { from: first, to } of this.#utterances.values())
      if (to >= from && first < from) from = Math.max(first, wanted);
    return from;
  }

  /** Returns how many samples found no room. */
  #keep(at: number, samples: Int16Array): number {
    let dropped = 0;
    for (let done = 0; done < samples.length; ) {
      const index = Math.floor((at + done) / BLOCK);
      const offset = at + done - index * BLOCK;
      const length = Math.min(BLOCK - offset, samples.length - done);
      const block = this.#block(index);
      if (block === undefined) dropped += length;
      else if (done === 0 && length === samples.length) block.set(samples, offset);
      else block.set(samples.subarray(done, done + length), offset);
      done += length;
    }
    return dropped;
  }

  #block(index: number): Int16Array | undefined {
    const known = this.#blocks.get(index);
    if (known !== undefined || this.#blocks.size >= this.#capacityBlocks) return known;
    const block = new Int16Array(BLOCK);
    this.#blocks.set(index, block);
    return block;
  }

  /** What was dropped because the tape was full is silence here, so that times still fit. */
  #read(from: number, to: number): Int16Array {
    const out = new Int16Array(to - from);
    for (let at = from; at < to; ) {
      const index = Math.floor(at / BLOCK);
      const length = Math.min((index + 1) * BLOCK, to) - at;
      const block = this.#blocks.get(index);
      if (block !== undefined) out.set(block.subarray(at - index * BLOCK, at - index * BLOCK + length), at - from);
      at += length;
    }
    return out;
  }

  /** Lets go of the blocks that no utterance needs. Utterances are few, and this runs at their ends only. */
  #sweep(): void {
    const utterances = [...this.#utterances.values()];
    for (const index of this.#blocks.keys()) {
      const first = index * BLOCK;
      if (!utterances.some(({ from, to }) => first < to && first + BLOCK > from)) this.#blocks.delete(index);
    }
  }
}
