// Adds up what a microphone sends, and tells it twice a second at most.
import type { Clock } from '../clock.ts';
import type { AudioFrame } from './frame.ts';

const TELL_EVERY_MS = 500;

export class ReceivedMeter {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #tell: (sizeBytes: number, durationMs: number) => void;
  #bytes = 0;
  #sinceMs = 0;

  constructor(clock: Pick<Clock, 'now'>, tell: (sizeBytes: number, durationMs: number) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  count({ samples }: AudioFrame): void {
    const now = this.#clock.now();
    if (this.#bytes === 0) this.#sinceMs = now;
    this.#bytes += samples.byteLength;
    const durationMs = now - this.#sinceMs;
    if (durationMs < TELL_EVERY_MS) return;
    this.#tell(this.#bytes, durationMs);
    this.#bytes = 0;
  }
}
