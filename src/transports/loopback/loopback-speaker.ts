// A loudspeaker in memory: plays in real time on the clock by arithmetic alone, without a timer.
import type { AudioFrame } from '../../audio/frame.ts';
import type { Clock } from '../../clock.ts';
import type { AudioSink } from '../transport.ts';

/** Audio as it was played. */
export interface PlayedAudio {
  /** Clock time of the first sample. */
  readonly atMs: number;
  readonly samples: Int16Array;
  readonly sampleRateHz: number;
}

export interface LoopbackSpeakerOptions {
  readonly clock: Pick<Clock, 'now'>;
  readonly sampleRateHz: number;
  readonly canPause: boolean;
  /** Told of stretches of audio once they were played; at the latest by `drainPlayed`. */
  onPlayed?(audio: PlayedAudio): void;
}

interface Queued {
  readonly atMs: number;
  readonly samples: Int16Array;
}

export class LoopbackSpeaker implements AudioSink {
  readonly pacesItself = true;
  readonly canPause: boolean;
  readonly sampleRateHz: number;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #onPlayed: ((audio: PlayedAudio) => void) | undefined;
  #queue: Queued[] = [];
  #playedBefore = 0;
  #endMs = Number.NEGATIVE_INFINITY;
  #frozen = false;

  constructor({ clock, sampleRateHz, canPause, onPlayed }: LoopbackSpeakerOptions) {
    this.#clock = clock;
    this.sampleRateHz = sampleRateHz;
    this.canPause = canPause;
    this.#onPlayed = onPlayed;
  }

  write({ samples }: AudioFrame): void {
    if (this.#frozen) return;
    this.drainPlayed();
    const atMs = Math.max(this.#clock.now(), this.#endMs);
    this.#queue.push({ atMs, samples });
    this.#endMs = atMs + this.#msOf(samples.length);
  }

  playedSamples(): number {
    const now = this.#clock.now();
    let played = this.#playedBefore;
    for (const { atMs, samples } of this.#queue) {
      if (atMs >= now) break;
      played += Math.min(samples.length, this.#samplesIn(now - atMs));
    }
    return played;
  }

  flush(): void {
    const now = this.#clock.now();
    for (const { atMs, samples } of this.#queue) {
      if (atMs >= now) break;
      const heard = Math.min(samples.length, this.#samplesIn(now - atMs));
      this.#playedBefore += heard;
      this.#tell(atMs, samples.subarray(0, heard));
    }
    this.#queue = [];
    this.#endMs = Number.NEGATIVE_INFINITY;
  }

  /** Hands over what was played to its end. */
  drainPlayed(): void {
    const now = this.#clock.now();
    while (this.#queue.length > 0) {
      const [first] = this.#queue;
      if (first === undefined || first.atMs + this.#msOf(first.samples.length) > now) break;
      this.#playedBefore += first.samples.length;
      this.#tell(first.atMs, first.samples);
      this.#queue.shift();
    }
  }

  /** From now on takes audio and plays none of it: a device that hangs. */
  freeze(): void {
    this.flush();
    this.#frozen = true;
  }

  thaw(): void {
    this.#frozen = false;
  }

  #tell(atMs: number, samples: Int16Array): void {
    if (samples.length > 0) this.#onPlayed?.({ atMs, samples, sampleRateHz: this.sampleRateHz });
  }

  #msOf(samples: number): number {
    return (samples * 1000) / this.sampleRateHz;
  }

  #samplesIn(ms: number): number {
    // Sums of milliseconds round; a millionth of a sample must not cost a whole one.
    return Math.max(0, Math.floor((ms * this.sampleRateHz) / 1000 + 1e-6));
  }
}
