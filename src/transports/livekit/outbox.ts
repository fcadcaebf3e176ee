// Sends to the room one after the other, none of which may fail, hang or pile up.
import { type Clock, withinMs } from '../../clock.ts';

/** Longer than a network blip, shorter than a call. */
const LONGEST_SEND_MS = 5_000;
/** More waiting sends than this mean that nobody takes them: the oldest are dropped. */
const MAX_WAITING = 200;

interface Send {
  readonly key: string | null;
  readonly run: () => Promise<unknown>;
}

export class Outbox {
  readonly #clock: Clock;
  readonly #onFailure: (error: unknown) => void;
  readonly #longestSendMs: number;
  #waiting: Send[] = [];
  #isRunning = false;
  #isClosed = false;
  #idle: (() => void)[] = [];

  /** `longestSendMs`: a send that takes longer is not waited for; the next one begins. */
  constructor(clock: Clock, onFailure: (error: unknown) => void, longestSendMs = LONGEST_SEND_MS) {
    this.#clock = clock;
    this.#onFailure = onFailure;
    this.#longestSendMs = longestSendMs;
  }

  /** Queues a send. One that waits under the same key is replaced: only the newest counts. */
  push(run: () => Promise<unknown>, key: string | null = null): void {
    if (this.#isClosed) return;
    const send = { key, run };
    const index = key === null ? -1 : this.#waiting.findIndex((waiting) => waiting.key === key);
    if (index >= 0) this.#waiting[index] = send;
    else this.#waiting.push(send);
    if (this.#waiting.length > MAX_WAITING) this.#waiting.shift();
    if (!this.#isRunning) void this.#drain();
  }

  /** Resolves when nothing waits any more. */
  whenIdle(): Promise<void> {
    if (!this.#isRunning) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Drops what waits; what runs is left to end. */
  close(): void {
    this.#isClosed = true;
    this.#waiting = [];
  }

  async #drain(): Promise<void> {
    this.#isRunning = true;
    for (let send = this.#waiting.shift(); send !== undefined; send = this.#waiting.shift()) {
      try {
        await withinMs(send.run(), this.#longestSendMs, this.#clock);
      } catch (error) {
        if (!this.#isClosed) this.#onFailure(error);
      }
    }
    this.#isRunning = false;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }
}
