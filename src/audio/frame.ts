// One piece of PCM on the data plane, and the checks at its edge.
import { AgentError } from '../errors.ts';

/** Rate and channel count of a stream of frames. */
export interface AudioFormat {
  /** Samples per second and channel, 8 000 to 192 000. */
  readonly sampleRateHz: number;
  /** Interleaved channels, 1 or 2. */
  readonly channels: number;
}

/**
 * Signed 16-bit PCM, interleaved. A frame belongs to whoever receives it: the writer must not touch `samples`
 * after `write`, and a reader that keeps it must not change it.
 */
export interface AudioFrame extends AudioFormat {
  readonly samples: Int16Array;
}

/** The format of the input side of a session: what VAD and STT hear. */
export const INPUT_FORMAT: AudioFormat = { sampleRateHz: 16_000, channels: 1 };

export const isSampleRate = (value: unknown): boolean =>
  Number.isInteger(value) && Number(value) >= 8_000 && Number(value) <= 192_000;

export const SAMPLE_RATE_RULE = 'must be an integer from 8000 to 192000';

/** Duration of a frame in milliseconds. */
export function durationMsOf(frame: AudioFrame): number {
  return (frame.samples.length / frame.channels / frame.sampleRateHz) * 1000;
}

/**
 * Checks a frame that comes from outside.
 * @throws AgentError `ERR_AUDIO_FRAME` with the field and the rule
 */
export function checkFrame(frame: AudioFrame): AudioFrame {
  const { samples, sampleRateHz, channels } = frame;
  if (!(samples instanceof Int16Array))
    throw bad('samples', 'must be an Int16Array', 'Use frameFromBytes or frameFromFloat');
  if (!isSampleRate(sampleRateHz)) throw bad('sampleRateHz', SAMPLE_RATE_RULE, `Got ${String(sampleRateHz)}`);
  if (channels !== 1 && channels !== 2) throw bad('channels', 'must be 1 or 2', `Got ${String(channels)}`);
  if (samples.length % channels !== 0)
    throw bad('samples', 'must hold whole sample frames', `Got ${samples.length} samples for ${channels} channels`);
  return frame;
}

/**
 * @param where `the tape`: who takes nothing else
 * @throws AgentError `ERR_AUDIO_FRAME` when the frame is not mono at this rate
 */
export function checkMono({ sampleRateHz, channels }: AudioFormat, rateHz: number, where: string): void {
  if (sampleRateHz === rateHz && channels === 1) return;
  throw new AgentError('ERR_AUDIO_FRAME', `wrong format for ${where}`, {
    field: channels === 1 ? 'sampleRateHz' : 'channels',
    rule: `must be mono at ${rateHz} Hz`,
    fix: `Got ${channels} channel(s) at ${sampleRateHz} Hz; convert it with a FrameConverter`,
  });
}

/**
 * Builds a frame from little-endian 16-bit PCM bytes; always copies, because pooled buffers are shared and odd offsets
 * cannot be viewed as Int16Array.
 * @throws AgentError `ERR_AUDIO_FRAME` when the byte length is odd or the format is wrong
 */
export function frameFromBytes(bytes: Uint8Array, format: AudioFormat): AudioFrame {
  if (bytes.byteLength % 2 !== 0)
    throw bad('bytes', 'must hold whole 16-bit samples', `Got an odd length of ${bytes.byteLength} bytes`);
  const samples = new Int16Array(bytes.byteLength / 2);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < samples.length; i++) samples[i] = view.getInt16(i * 2, true);
  return checkFrame({ samples, sampleRateHz: format.sampleRateHz, channels: format.channels });
}

/**
 * Builds a frame from floats in -1..1; louder values are clipped.
 * @throws AgentError `ERR_AUDIO_FRAME` when a value is NaN or infinite, or the format is wrong
 */
export function frameFromFloat(values: Float32Array, format: AudioFormat): AudioFrame {
  const samples = new Int16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number; // i is inside the array
    if (!Number.isFinite(value)) throw bad('values', 'must be finite numbers', `Got ${value} at index ${i}`);
    samples[i] = Math.max(-32768, Math.min(32767, Math.round(value * 32768)));
  }
  return checkFrame({ samples, sampleRateHz: format.sampleRateHz, channels: format.channels });
}

function bad(field: string, rule: string, fix: string): AgentError {
  return new AgentError('ERR_AUDIO_FRAME', 'bad audio frame', { field, rule, fix });
}
