// The timers of one supervisor: none outlives it.
import type { SystemServices } from './system-services.ts';

export class OwnedTimers {
  readonly #clock: SystemServices['clock'];
  readonly #timers = new Map<object, unknown>();

  constructor(clock: SystemServices['clock']) {
    this.#clock = clock;
  }

  /** Calls `fire` after `delayMs` unless the token is disarmed first. */
  arm(token: object, delayMs: number, fire: () => void): void {
    const elapsed = () => {
      this.#timers.delete(token);
      fire();
    };
    this.#timers.set(token, this.#clock.setTimeout(elapsed, delayMs));
  }

  disarm(token: object): void {
    const timer = this.#timers.get(token);
    if (timer !== undefined) this.#clock.clearTimeout(timer);
    this.#timers.delete(token);
  }

  disarmAll(): void {
    for (const token of [...this.#timers.keys()]) this.disarm(token);
  }
}
