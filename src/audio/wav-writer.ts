// Writes 16-bit PCM WAV files, whole or as the audio comes.
import { AgentError } from '../errors.ts';
import { type AudioFormat, type AudioFrame, checkFrame } from './frame.ts';

const HEADER_BYTES = 44;
/** The sizes in the header have 32 bits, and readers take those near 0x7FFFFFFF for "not known". */
const MAX_DATA_BYTES = 0x7fff_0000 - HEADER_BYTES;

/** The frame as a complete file. @throws AgentError `ERR_AUDIO_FRAME` for a bad frame, `ERR_WAV_FORMAT` beyond 2 GB */
export function writeWav(frame: AudioFrame): Uint8Array {
  checkFrame(frame);
  const data = toBytes(frame.samples);
  checkSize(data.length);
  const file = new Uint8Array(HEADER_BYTES + data.length);
  file.set(header(frame, data.length));
  file.set(data, HEADER_BYTES);
  return file;
}

export interface WavWriterOptions extends AudioFormat {
  /** Stores `bytes` at a position of the file; synchronous, in order, the header last once more. Its errors pass through. */
  write(bytes: Uint8Array, position: number): void;
}

/**
 * Writes a file piece by piece. Until `finish` the header says "size not known", so what was written is readable even
 * when the process dies.
 */
export class WavWriter {
  readonly #options: WavWriterOptions;
  #dataBytes = 0;
  #finished = false;

  /** @throws AgentError `ERR_AUDIO_FRAME` for a bad format, and what `write` throws */
  constructor(options: WavWriterOptions) {
    checkFrame({ samples: new Int16Array(0), sampleRateHz: options.sampleRateHz, channels: options.channels });
    this.#options = options;
    options.write(header(options, null), 0);
  }

  /** Audio written so far, in milliseconds. */
  get durationMs(): number {
    const { sampleRateHz, channels } = this.#options;
    return (this.#dataBytes / 2 / channels / sampleRateHz) * 1000;
  }

  /**
   * Appends interleaved audio of the same format.
   * @throws AgentError `ERR_AUDIO_FRAME` for another format, `ERR_WAV_FORMAT` beyond 2 GB, `ERR_CLOSED` after `finish`
   */
  append(frame: AudioFrame): void {
    if (this.#finished) throw new AgentError('ERR_CLOSED', 'the WAV file is finished');
    checkFrame(frame);
    const { sampleRateHz, channels } = this.#options;
    if (frame.sampleRateHz !== sampleRateHz || frame.channels !== channels)
      throw new AgentError('ERR_AUDIO_FRAME', 'wrong format for this file', {
        field: frame.channels === channels ? 'sampleRateHz' : 'channels',
        rule: `must be ${channels} channel(s) at ${sampleRateHz} Hz`,
      });
    const bytes = toBytes(frame.samples);
    checkSize(this.#dataBytes + bytes.length);
    this.#options.write(bytes, HEADER_BYTES + this.#dataBytes);
    this.#dataBytes += bytes.length;
  }

  /** Puts the sizes into the header. Idempotent. */
  finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#options.write(header(this.#options, this.#dataBytes), 0);
  }
}

/** A null size is written as 0 in both places: not known yet. */
function header({ sampleRateHz, channels }: AudioFormat, dataBytes: number | null): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  const text = (at: number, value: string) => {
    for (let i = 0; i < value.length; i++) bytes[at + i] = value.charCodeAt(i);
  };
  text(0, 'RIFF');
  view.setUint32(4, dataBytes === null ? 0 : HEADER_BYTES - 8 + dataBytes, true);
  text(8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, sampleRateHz, true);
  view.setUint32(28, sampleRateHz * channels * 2, true);
  view.setUint16(32, channels * 2, true);
  view.setUint16(34, 16, true);
  text(36, 'data');
  view.setUint32(40, dataBytes ?? 0, true);
  return bytes;
}

function toBytes(samples: Int16Array): Uint8Array {
  const bytes = new Uint8Array(samples.length * 2);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < samples.length; i++) view.setInt16(i * 2, samples[i] as number, true); // inside the array
  return bytes;
}

function checkSize(dataBytes: number): void {
  if (dataBytes <= MAX_DATA_BYTES) return;
  throw new AgentError('ERR_WAV_FORMAT', 'too much audio for one WAV file', {
    field: 'data',
    rule: `must be at most ${MAX_DATA_BYTES} bytes`,
    fix: 'Begin another file',
  });
}
