// First in, first out for samples: takes pieces of any length, gives pieces of the length asked for.

/** Consumed pieces at the front that are kept until they are cut off together, so that taking stays cheap. */
const COMPACT_AT = 64;

export class SampleQueue {
  #pieces: Int16Array[] = [];
  /** The piece to read next, and how much of it was taken. */
  #head = 0;
  #offset = 0;
  #length = 0;

  /** Samples inside. */
  get length(): number {
    return this.#length;
  }

  /** Takes over `samples` without a copy. */
  push(samples: Int16Array): void {
    if (samples.length === 0) return;
    this.#pieces.push(samples);
    this.#length += samples.length;
  }

  /** The next `count` samples, filled up with zeros when fewer are inside. A piece of exactly that length comes out as it went in. */
  take(count: number): Int16Array {
    const first = this.#pieces[this.#head];
    if (first !== undefined && this.#offset === 0 && first.length === count) {
      this.#length -= count;
      this.#advance();
      return first;
    }
    const out = new Int16Array(count);
    let filled = 0;
    while (filled < count) {
      const piece = this.#pieces[this.#head];
      if (piece === undefined) break;
      const part = piece.subarray(this.#offset, this.#offset + count - filled);
      out.set(part, filled);
      filled += part.length;
      this.#offset += part.length;
      if (this.#offset === piece.length) this.#advance();
    }
    this.#length -= filled;
    return out;
  }

  clear(): void {
    this.#pieces = [];
    this.#head = 0;
    this.#offset = 0;
    this.#length = 0;
  }

  #advance(): void {
    this.#head++;
    this.#offset = 0;
    if (this.#head < COMPACT_AT && this.#head < this.#pieces.length) return;
    this.#pieces.splice(0, this.#head);
    this.#head = 0;
  }
}
