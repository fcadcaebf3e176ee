// Which frames of a video become images: at the rate the session wants at this moment, the rest costs nothing.
import type { Clock } from '../clock.ts';
import type { ImageSource } from '../providers/llm.ts';
import type { VideoRequest } from './transport.ts';

export class ImageRate {
  readonly #video: Pick<VideoRequest, 'intervalMs'>;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #dueFrom = new Map<ImageSource, number>();

  constructor(video: Pick<VideoRequest, 'intervalMs'>, clock: Pick<Clock, 'now'>) {
    this.#video = video;
    this.#clock = clock;
  }

  /** Is the frame in hand wanted? Asked again after a moment it may be: the interval changes when the user speaks. */
  isDue(source: ImageSource): boolean {
    const lastMs = this.#dueFrom.get(source) ?? Number.NEGATIVE_INFINITY;
    const intervalMs = this.#video.intervalMs();
    return Number.isFinite(intervalMs) && this.#clock.now() - lastMs >= intervalMs;
  }

  /** Counts the frame in hand as taken. */
  take(source: ImageSource): void {
    const nowMs = this.#clock.now();
    const lastMs = this.#dueFrom.get(source) ?? Number.NEGATIVE_INFINITY;
    const intervalMs = this.#video.intervalMs();
    // On a grid: frames come when they come, and to wait for one each time would make the rate lower than was asked for.
    this.#dueFrom.set(source, nowMs - lastMs < 2 * intervalMs ? lastMs + intervalMs : nowMs);
  }
}
