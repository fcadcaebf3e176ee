// A bounded queue of frames between a writer and a reader that do not keep the same pace.
import { AgentError } from '../errors.ts';
import { type AudioFrame, durationMsOf } from './frame.ts';

/**
 * What happens to a frame that does not fit: the `oldest` frames make room (live audio), the `newest` one is dropped, or
 * it is refused and the writer keeps it (`none`: back-pressure).
 */
export type DropPolicy = 'oldest' | 'newest' | 'none';

export interface PortOptions {
  /** Audio it may hold, in milliseconds, > 0. A single longer frame fits only into an empty port. */
  readonly capacityMs: number;
  readonly drop: DropPolicy;
}

export class Port {
  readonly #capacityMs: number;
  readonly #drop: DropPolicy;
  readonly #frames: AudioFrame[] = [];
  #dropped = 0;
  #queuedMs = 0;

  /** @throws AgentError `ERR_OPTION` when the capacity is not a number > 0 */
  constructor({ capacityMs, drop }: PortOptions) {
    if (!(capacityMs > 0))
      throw new AgentError('ERR_OPTION', 'bad port option', { field: 'capacityMs', rule: 'must be a number > 0' });
    this.#capacityMs = capacityMs;
    this.#drop = drop;
  }

  /** Frames dropped since the port was made; neither refused nor cleared ones. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Audio inside. */
  get queuedMs(): number {
    return this.#queuedMs;
  }

  /** False when the frame was dropped or refused. Under `none` it may be written again later. */
  write(frame: AudioFrame): boolean {
    const durationMs = durationMsOf(frame);
    if (this.#drop === 'none' && !this.#fits(durationMs)) return false;
    if (this.#drop === 'oldest') while (!this.#fits(durationMs)) this.#dropOldest();
    if (!this.#fits(durationMs)) {
      this.#dropped++;
      return false;
    }
    this.#frames.push(frame);
    this.#queuedMs += durationMs;
    return true;
  }

  /** The oldest frame, or undefined when the port is empty. */
  read(): AudioFrame | undefined {
    const frame = this.#frames.shift();
    if (frame === undefined) return undefined;
    // Sums of fractions of a millisecond would leave a rest behind.
    this.#queuedMs = this.#frames.length === 0 ? 0 : this.#queuedMs - durationMsOf(frame);
    return frame;
  }

  /** Empties the port. */
  clear(): void {
    this.#frames.length = 0;
    this.#queuedMs = 0;
  }

  #fits(durationMs: number): boolean {
    return this.#frames.length === 0 || this.#queuedMs + durationMs <= this.#capacityMs;
  }

  #dropOldest(): void {
    this.read();
    this.#dropped++;
  }
}
