// Bytes that arrived and were not taken yet, in one piece.

export class ByteQueue {
  #bytes: Uint8Array = new Uint8Array(0);

  /** Copied, so that the library may use its memory again. */
  push(bytes: Uint8Array): void {
    const all = new Uint8Array(this.#bytes.length + bytes.length);
    all.set(this.#bytes);
    all.set(bytes, this.#bytes.length);
    this.#bytes = all;
  }

  /** All that is here; it stays valid when it is dropped. */
  peek(): Uint8Array {
    return this.#bytes;
  }

  drop(length: number): void {
    this.#bytes = this.#bytes.subarray(length);
  }
}
