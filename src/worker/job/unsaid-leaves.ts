// Who left a room without a reason: a full reconnect of the agent takes everybody out and lets them in again.
import type { Clock } from '../../clock.ts';

/** The reconnect is told right after the leaves, and who is back before its end. */
const MOMENT_MS = 1_000;

export class UnsaidLeaves {
  readonly #clock: Pick<Clock, 'setTimeout' | 'clearTimeout'>;
  readonly #onGone: (identity: string) => void;
  readonly #waiting = new Set<string>();
  #isReconnecting = false;
  #timer: unknown;

  /** `onGone`: they did not come back. */
  constructor(clock: Pick<Clock, 'setTimeout' | 'clearTimeout'>, onGone: (identity: string) => void) {
    this.#clock = clock;
    this.#onGone = onGone;
  }

  add(identity: string): void {
    this.#waiting.add(identity);
    this.#wait();
  }

  /** They are back, or it is known why they left. */
  settle(identity: string): void {
    this.#waiting.delete(identity);
  }

  reconnecting(isReconnecting: boolean): void {
    this.#isReconnecting = isReconnecting;
    if (this.#waiting.size > 0) this.#wait();
  }

  /** The stay is over. */
  clear(): void {
    this.#isReconnecting = false;
    this.#waiting.clear();
    this.#clock.clearTimeout(this.#timer);
  }

  #wait(): void {
    this.#clock.clearTimeout(this.#timer);
    // A reconnect comes to an end, or the stay does.
    if (!this.#isReconnecting) this.#timer = this.#clock.setTimeout(() => this.#end(), MOMENT_MS);
  }

  #end(): void {
    const gone = [...this.#waiting];
    this.#waiting.clear();
    for (const identity of gone) this.#onGone(identity);
  }
}
