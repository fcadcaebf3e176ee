// Streams of participants that came before the session they are for: kept for a moment, then let go.
import type { Clock } from '../../../clock.ts';

/** Pages send what the user said while they connected as soon as they see the agent; its session takes less to begin. */
const WAIT_MS = 5_000;
const MAX_WAITING = 16;

interface Waiting {
  readonly identity: string;
  readonly timer: unknown;
  /** True when somebody took it. */
  readonly offer: () => boolean;
  /** A stream that nobody reads stays in the library for the rest of the process. */
  readonly drop: () => void;
}

export class WaitingStreams {
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiting>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(identity: string, offer: () => boolean, drop: () => void): void {
    if (this.#waiting.size >= MAX_WAITING) {
      drop();
      return;
    }
    const timer = this.#clock.setTimeout(() => this.#end(stream, true), WAIT_MS);
    const stream: Waiting = { identity, timer, offer, drop };
    this.#waiting.add(stream);
  }

  /** Somebody listens to this participant now. */
  offerFrom(identity: string): void {
    for (const stream of [...this.#waiting]) {
      if (stream.identity === identity && stream.offer()) this.#end(stream, false);
    }
  }

  clear(): void {
    for (const stream of [...this.#waiting]) this.#end(stream, true);
  }

  #end(stream: Waiting, isDropped: boolean): void {
    if (!this.#waiting.delete(stream)) return;
    this.#clock.clearTimeout(stream.timer);
    if (isDropped) stream.drop();
  }
}
