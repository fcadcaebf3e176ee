// A microphone in software: hands on one frame after the other in real time, silence where nothing is played.
import { type AudioFormat, type AudioFrame, type Clock, durationMsOf } from '../../index.ts';

export interface MicrophoneOptions {
  readonly clock: Clock;
  readonly format: AudioFormat;
  /** Length of a frame of silence. Default 20. */
  readonly frameMs?: number;
  /** Each frame when it is complete, with the clock time of its first sample. */
  onFrame(frame: AudioFrame, atMs: number): void;
}

/**
 * Frames are due on a fixed time axis: a late timer hands on all that is due by then, so the audio never drifts from the
 * clock.
 */
export class Microphone {
  readonly #options: MicrophoneOptions;
  readonly #silence: AudioFrame;
  #queue: readonly AudioFrame[] = [];
  #next = 0;
  #played: () => void = () => {};
  #timer: unknown;
  /** End of what was handed on. */
  #endMs = 0;
  #isOn = false;

  constructor(options: MicrophoneOptions) {
    const { format, frameMs = 20 } = options;
    this.#options = options;
    const samples = new Int16Array(Math.round((format.sampleRateHz * frameMs) / 1000) * format.channels);
    this.#silence = { samples, sampleRateHz: format.sampleRateHz, channels: format.channels };
  }

  start(): void {
    this.#isOn = true;
    this.#endMs = this.#options.clock.now();
    this.#arm();
  }

  /** Plays `frames` from now on; resolves when the last was handed on, or when the microphone is switched off. */
  play(frames: readonly AudioFrame[]): Promise<void> {
    this.#played();
    this.#queue = frames;
    this.#next = 0;
    if (!this.#isOn || frames.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#played = resolve;
    });
  }

  /** Idempotent. */
  stop(): void {
    this.#isOn = false;
    this.#options.clock.clearTimeout(this.#timer);
    this.#played();
  }

  #arm(): void {
    const { clock } = this.#options;
    const dueMs = this.#endMs + durationMsOf(this.#peek());
    this.#timer = clock.setTimeout(() => this.#run(), Math.max(0, dueMs - clock.now()));
  }

  #run(): void {
    const nowMs = this.#options.clock.now();
    for (;;) {
      const frame = this.#peek();
      const durationMs = durationMsOf(frame);
      // Timers of Node fire up to a millisecond early.
      if (!this.#isOn || this.#endMs + durationMs > nowMs + 1) break;
      const atMs = this.#endMs;
      this.#endMs += durationMs;
      this.#next++;
      this.#options.onFrame(frame, atMs);
      if (this.#next === this.#queue.length) this.#played();
    }
    if (this.#isOn) this.#arm();
  }

  #peek(): AudioFrame {
    return this.#queue[this.#next] ?? this.#silence;
  }
}

/** Cuts audio into frames of `frameMs`, at any rate: their ends are rounded, their sum is exact. */
export function cutIntoFrames({ samples, sampleRateHz, channels }: AudioFrame, frameMs = 20): readonly AudioFrame[] {
  const frames: AudioFrame[] = [];
  const total = samples.length / channels;
  for (let from = 0, i = 1; from < total; i++) {
    const to = Math.min(total, Math.round((i * frameMs * sampleRateHz) / 1000));
    frames.push({ samples: samples.slice(from * channels, to * channels), sampleRateHz, channels });
    from = to;
  }
  return frames;
}
