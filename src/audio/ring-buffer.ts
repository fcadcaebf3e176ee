// The last samples of a stream, addressed by their absolute position since its beginning.

export class RingBuffer {
  readonly capacity: number;
  readonly #samples: Int16Array;
  #end = 0;

  /** @param capacity samples kept, > 0; 2 bytes each, allocated at once */
  constructor(capacity: number) {
    this.capacity = capacity;
    this.#samples = new Int16Array(capacity);
  }

  /** Position of the oldest sample still inside. */
  get start(): number {
    return Math.max(0, this.#end - this.capacity);
  }

  /** Position of the next sample to come; the number of samples written so far. */
  get end(): number {
    return this.#end;
  }

  /** Copies `samples` in; the oldest ones make room. */
  write(samples: Int16Array): void {
    const kept = samples.length > this.capacity ? samples.subarray(samples.length - this.capacity) : samples;
    const at = (this.#end + samples.length - kept.length) % this.capacity;
    const beforeWrap = Math.min(kept.length, this.capacity - at);
    if (beforeWrap === kept.length) this.#samples.set(kept, at);
    else {
      this.#samples.set(kept.subarray(0, beforeWrap), at);
      this.#samples.set(kept.subarray(beforeWrap), 0);
    }
    this.#end += samples.length;
  }

  /** Copies the samples from position `from` up to, not including, `to`. What is no longer or not yet inside is left out. */
  copy(from: number, to: number): Int16Array {
    const first = Math.max(from, this.start);
    const last = Math.min(to, this.#end);
    if (last <= first) return new Int16Array(0);
    const out = new Int16Array(last - first);
    const at = first % this.capacity;
    const beforeWrap = Math.min(out.length, this.capacity - at);
    out.set(this.#samples.subarray(at, at + beforeWrap));
    out.set(this.#samples.subarray(0, out.length - beforeWrap), beforeWrap);
    return out;
  }
}
