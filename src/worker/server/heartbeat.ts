// Keeps one registered socket honest: pings that must be answered, and the load every 2.5 s.
import type { Clock } from '../../clock.ts';

export interface HeartbeatOptions {
  readonly clock: Clock;
  ping(): void;
  pushStatus(): void;
  /** Nothing came back within the timeout. */
  onSilence(): void;
}

/** As both official SDKs do. */
export const STATUS_EVERY_MS = 2_500;
/** The server pings every 10 s and expects nothing; nobody else would notice a half-open socket. */
const PING_EVERY_MS = 10_000;
const PONG_TIMEOUT_MS = 10_000;

export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #statusTimer: unknown;
  #pingTimer: unknown;
  #pongTimer: unknown;
  #isStopped = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#armStatus();
    this.#armPing();
  }

  /** Anything from the server is a sign of life. */
  heard(): void {
    this.#options.clock.clearTimeout(this.#pongTimer);
    this.#pongTimer = undefined;
  }

  stop(): void {
    this.#isStopped = true;
    for (const timer of [this.#statusTimer, this.#pingTimer, this.#pongTimer]) this.#options.clock.clearTimeout(timer);
  }

  #armStatus(): void {
    this.#statusTimer = this.#options.clock.setTimeout(() => {
      this.#options.pushStatus();
      if (!this.#isStopped) this.#armStatus();
    }, STATUS_EVERY_MS);
  }

  #armPing(): void {
    this.#pingTimer = this.#options.clock.setTimeout(() => {
      this.#options.ping();
      // The oldest unanswered ping counts; a later one must not give a dead peer more time.
      this.#pongTimer ??= this.#options.clock.setTimeout(() => this.#options.onSilence(), PONG_TIMEOUT_MS);
      if (!this.#isStopped) this.#armPing();
    }, PING_EVERY_MS);
  }
}
