// The timers of one supervisor: none outlives it.
import type { SystemServices } from './system-services.ts';

export class OwnedTimers {
  readonly #clock: SystemServices['clock'];
  /** Made with the first timer: few supervisors arm one. */
  #timers: Map<object, unknown> | undefined;

  constructor(clock: SystemServices['clock']) {
    this.#clock = clock;
  }

  /** Calls `fire` after `delayMs` unless the token is disarmed first. */
  arm(token: object, delayMs: number, fire: () => void): void {
    this.#timers ??= new Map();
    const timers = this.#timers;
    const elapsed = () => {
      timers.delete(token);
      fire();
    };
    timers.set(token, this.#clock.setTimeout(elapsed, delayMs));
  }

  disarm(token: object): void {
    const timer = this.#timers?.get(token);
    if (timer !== undefined) this.#clock.clearTimeout(timer);
    this.#timers?.delete(token);
  }

  disarmAll(): void {
    for (const token of [...(this.#timers?.keys() ?? [])]) this.disarm(token);
  }
}
