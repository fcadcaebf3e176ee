// Puts both sides of a call on one time axis: the user on the left, the agent as it was played on the right.
import { AgentError } from '../errors.ts';
import { type AudioFrame, isSampleRate, SAMPLE_RATE_RULE } from './frame.ts';
import { FrameConverter } from './frame-converter.ts';

/**
 * A frame that comes this close to the end of the one before joins it: arrival times jitter by some milliseconds, and
 * placing each by its own would cut or repeat samples at every frame.
 */
const JOIN_MS = 40;

export type Side = 'user' | 'agent';

export interface StereoRecorderOptions {
  /** Rate of the recording. Default 16 000. */
  readonly sampleRateHz?: number;
  /** Clock time of its beginning. Default: the time of the first frame that is written. */
  readonly originMs?: number;
  /** Longest recording, from then on frames are counted and dropped. Default 3 600 000, one hour: 230 MB at 16 kHz. */
  readonly maxDurationMs?: number;
}

interface Track {
  readonly converter: FrameConverter;
  /** Sample after the last one written, on the time axis of the recording. */
  end: number;
  /** False until the first frame, and after a jump. */
  isRunning: boolean;
}

/** Frames of any rate, mono or stereo. Audio of one side that overlaps is summed and clipped. */
export class StereoRecorder {
  readonly sampleRateHz: number;
  readonly #maxSamples: number;
  readonly #joinSamples: number;
  readonly #tracks: Record<Side, Track>;
  #originMs: number | undefined;
  /** Interleaved; grows by doubling. */
  #samples = new Int16Array(0);
  #length = 0;
  #dropped = 0;

  constructor({ sampleRateHz = 16_000, originMs, maxDurationMs = 3_600_000 }: StereoRecorderOptions = {}) {
    if (!isSampleRate(sampleRateHz))
      throw new AgentError('ERR_OPTION', 'bad recorder option', { field: 'sampleRateHz', rule: SAMPLE_RATE_RULE });
    this.sampleRateHz = sampleRateHz;
    this.#originMs = originMs;
    this.#maxSamples = Math.floor((maxDurationMs * sampleRateHz) / 1000);
    this.#joinSamples = Math.floor((JOIN_MS * sampleRateHz) / 1000);
    const track = (): Track => ({ converter: new FrameConverter({ sampleRateHz }), end: 0, isRunning: false });
    this.#tracks = { user: track(), agent: track() };
  }

  /** Length up to the last sample written, on either side. */
  get durationMs(): number {
    return (this.#length / this.sampleRateHz) * 1000;
  }

  /** Samples that lay before the beginning or behind the longest duration. */
  get droppedSamples(): number {
    return this.#dropped;
  }

  /**
   * Places a frame whose first sample was heard at `atMs` on the clock.
   * @throws AgentError `ERR_AUDIO_FRAME` for a malformed frame
   */
  write(side: Side, frame: AudioFrame, atMs: number): void {
    this.#originMs ??= atMs;
    const track = this.#tracks[side];
    const wanted = Math.round(((atMs - this.#originMs) * this.sampleRateHz) / 1000);
    // The converter holds back a little, so the next sample to write lies that much before the end of what was heard.
    if (!track.isRunning || Math.abs(wanted - track.end) > this.#joinSamples) {
      this.#finish(track, side);
      track.end = wanted;
      track.isRunning = true;
    }
    this.#place(track, side, track.converter.convert(frame).samples);
  }

  /** The recording so far, with the rest of the filters; shorter sides are silent at their end. Writing may go on. */
  toFrame(): AudioFrame {
    this.#finish(this.#tracks.user, 'user');
    this.#finish(this.#tracks.agent, 'agent');
    return { samples: this.#samples.slice(0, this.#length * 2), sampleRateHz: this.sampleRateHz, channels: 2 };
  }

  #finish(track: Track, side: Side): void {
    this.#place(track, side, track.converter.flush().samples);
    track.isRunning = false;
  }

  #place(track: Track, side: Side, samples: Int16Array): void {
    const channel = side === 'user' ? 0 : 1;
    const first = track.end;
    track.end += samples.length;
    const from = Math.max(0, -first);
    const to = Math.max(from, Math.min(samples.length, this.#maxSamples - first));
    this.#dropped += samples.length - (to - from);
    if (to === from) return;
    this.#grow(first + to);
    const out = this.#samples;
    for (let i = from; i < to; i++) {
      const at = (first + i) * 2 + channel;
      const sum = (out[at] as number) + (samples[i] as number); // both are inside
      out[at] = sum > 32_767 ? 32_767 : sum < -32_768 ? -32_768 : sum;
    }
  }

  #grow(length: number): void {
    this.#length = Math.max(this.#length, length);
    if (length * 2 <= this.#samples.length) return;
    const larger = new Int16Array(Math.max(length * 2, Math.min(this.#samples.length * 2, this.#maxSamples * 2)));
    larger.set(this.#samples);
    this.#samples = larger;
  }
}
