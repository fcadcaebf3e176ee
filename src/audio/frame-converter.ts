// Brings frames of any format to one mono rate, with a resampler that lives as long as the source format stays.
import { type AudioFrame, checkFrame, INPUT_FORMAT } from './frame.ts';
import { Resampler } from './resampler.ts';

/** Mean of both channels. A mono frame is returned itself. */
export function toMono(frame: AudioFrame): AudioFrame {
  if (frame.channels === 1) return frame;
  const { samples, sampleRateHz } = frame;
  const mono = new Int16Array(samples.length / 2);
  for (let i = 0; i < mono.length; i++) mono[i] = ((samples[2 * i] as number) + (samples[2 * i + 1] as number)) >> 1; // inside the frame
  return { samples: mono, sampleRateHz, channels: 1 };
}

/**
 * Converts one stream of frames to mono at a fixed rate. The format of the source may change at any frame: the tail of
 * the old format comes out in front of the first frame of the new one, so nothing is lost and nothing clicks.
 */
export class FrameConverter {
  readonly sampleRateHz: number;
  #resampler: Resampler | undefined;

  /** @param options.sampleRateHz rate of what goes out. Default 16 000, the input side of a session. */
  constructor({ sampleRateHz = INPUT_FORMAT.sampleRateHz }: { readonly sampleRateHz?: number } = {}) {
    this.sampleRateHz = sampleRateHz;
  }

  /**
   * A frame that already has the format is returned itself; others may give an empty frame at first.
   * @throws AgentError `ERR_AUDIO_FRAME` for a malformed frame; the stream goes on with the next one
   */
  convert(frame: AudioFrame): AudioFrame {
    const mono = toMono(checkFrame(frame));
    if (this.#resampler?.inputRateHz === mono.sampleRateHz) return this.#resampler.process(mono);
    const tail = this.flush();
    if (mono.sampleRateHz === this.sampleRateHz) return joined(tail, mono);
    this.#resampler = new Resampler({ inputRateHz: mono.sampleRateHz, outputRateHz: this.sampleRateHz });
    return joined(tail, this.#resampler.process(mono));
  }

  /** What the filter still holds; call it at the end of the stream. */
  flush(): AudioFrame {
    const tail = this.#resampler?.flush();
    this.#resampler = undefined;
    return tail ?? { samples: new Int16Array(0), sampleRateHz: this.sampleRateHz, channels: 1 };
  }
}

function joined(first: AudioFrame, second: AudioFrame): AudioFrame {
  if (first.samples.length === 0) return second;
  const samples = new Int16Array(first.samples.length + second.samples.length);
  samples.set(first.samples);
  samples.set(second.samples, first.samples.length);
  return { ...second, samples };
}
