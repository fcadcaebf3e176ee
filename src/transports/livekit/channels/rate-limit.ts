// How many messages of each sender are taken: a burst at once, then so many a second.

interface Bucket {
  tokens: number;
  atMs: number;
}

/** More senders than this, and the one that was quiet longest is forgotten, which only gives it a new burst. */
const MAX_SENDERS = 100;

export class RateLimit {
  readonly #burst: number;
  readonly #perSecond: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor({ burst, perSecond }: { readonly burst: number; readonly perSecond: number }) {
    this.#burst = burst;
    this.#perSecond = perSecond;
  }

  /** Whether one more is taken from this sender now. */
  take(sender: string, nowMs: number): boolean {
    const before = this.#buckets.get(sender) ?? { tokens: this.#burst, atMs: nowMs };
    const grown = before.tokens + ((nowMs - before.atMs) * this.#perSecond) / 1000;
    const tokens = Math.min(this.#burst, grown);
    const isTaken = tokens >= 1;
    // Set anew, so that the order of the map is that of the last message.
    this.#buckets.delete(sender);
    this.#buckets.set(sender, { tokens: isTaken ? tokens - 1 : tokens, atMs: nowMs });
    if (this.#buckets.size > MAX_SENDERS) this.#forgetOldest();
    return isTaken;
  }

  #forgetOldest(): void {
    for (const sender of this.#buckets.keys()) {
      this.#buckets.delete(sender);
      return;
    }
  }
}
