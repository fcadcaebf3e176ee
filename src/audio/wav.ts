// Reads WAV files of every common encoding into 16-bit samples, and says plainly what is wrong with the others.
import { AgentError } from '../errors.ts';
import { type AudioFrame, isSampleRate, SAMPLE_RATE_RULE } from './frame.ts';

/** A whole file as one frame, and what it was stored as. */
export interface WavAudio extends AudioFrame {
  readonly encoding: 'pcm' | 'float' | 'a-law' | 'mu-law';
  /** As stored; the samples here are always 16 bit. */
  readonly bitsPerSample: number;
}

interface Format {
  readonly encoding: WavAudio['encoding'];
  readonly channels: number;
  readonly sampleRateHz: number;
  readonly bitsPerSample: number;
  readonly bytesPerSample: number;
}

const ENCODINGS = new Map<number, WavAudio['encoding']>([
  [1, 'pcm'],
  [3, 'float'],
  [6, 'a-law'],
  [7, 'mu-law'],
]);
const EXTENSIBLE = 0xfffe;
/** Writers that stream put 0xFFFFFFFF, 0x7FFFFFFF or a little less where they do not know the size yet. */
const UNKNOWN_SIZE = 0x7fff_0000;
const CONVERT = 'Convert it, for instance with `ffmpeg -i INPUT -ac 1 -c:a pcm_s16le out.wav`';
const FOREIGN = [
  ['ID3', 'an MP3 file'],
  ['OggS', 'an Ogg file'],
  ['fLaC', 'a FLAC file'],
  ['RIFX', 'a big-endian WAV file'],
  ['RF64', 'an RF64 file'],
  ['FORM', 'an AIFF file'],
] as const;

/**
 * Reads 8, 16, 24 and 32-bit PCM, 32 and 64-bit float, A-law and mu-law, mono or stereo, 8 to 192 kHz, also as
 * WAVE_FORMAT_EXTENSIBLE and with other chunks around. A file that was streamed and so has no data size is read to its
 * end. Values beyond 16 bit are rounded, louder than full scale clipped.
 * @throws AgentError `ERR_WAV_FORMAT` with the rule that is broken and the fix; never anything else
 */
export function readWav(bytes: Uint8Array): WavAudio {
  if (!(bytes instanceof Uint8Array)) throw bad('bytes', 'must be a Uint8Array', 'Read the file without an encoding');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  checkHeader(view);
  const { format, data } = findChunks(view);
  const count = Math.floor(data.byteLength / (format.channels * format.bytesPerSample)) * format.channels;
  const { encoding, channels, sampleRateHz, bitsPerSample } = format;
  return { samples: decode(data, format, count), sampleRateHz, channels, encoding, bitsPerSample };
}

function checkHeader(view: DataView): void {
  if (view.byteLength === 0) throw bad('file', 'must not be empty', 'Record or export it again');
  if (textAt(view, 0) === 'RIFF' && textAt(view, 8) === 'WAVE') return;
  const start = textAt(view, 0);
  const known = FOREIGN.find(([magic]) => start.startsWith(magic));
  throw bad('file', 'must begin with RIFF and WAVE', `It is ${known?.[1] ?? 'not a WAV file'}. ${CONVERT}`);
}

function findChunks(view: DataView): { format: Format; data: DataView } {
  let format: Format | undefined;
  let data: DataView | undefined;
  for (let at = 12; at + 8 <= view.byteLength; ) {
    const id = textAt(view, at);
    const size = view.getUint32(at + 4, true);
    const body = at + 8;
    const rest = view.byteLength - body;
    if (id === 'fmt ' && format === undefined) format = readFormat(view, body, Math.min(size, rest));
    if (id === 'data') {
      data = readData(view, body, size);
      if (format !== undefined || data.byteLength === rest) break;
    }
    at = body + size + (size % 2); // chunks are padded to an even length
  }
  if (format === undefined) throw bad('fmt', 'must be present', `The file has no format chunk. ${CONVERT}`);
  if (data === undefined)
    throw bad('data', 'must be present', 'The file has no audio, or was cut off before it. Record or copy it again');
  return { format, data };
}

function readData(view: DataView, body: number, size: number): DataView {
  const rest = view.byteLength - body;
  // Zero means "not known yet" only in a file whose outer size was never filled in either.
  const isStreamed = size >= UNKNOWN_SIZE || (size === 0 && view.getUint32(4, true) !== view.byteLength - 8);
  if (size > rest && !isStreamed)
    throw bad(
      'data',
      `must hold the ${size} bytes it announces`,
      `The file ends after ${rest} of them. Copy or record it again`,
    );
  return new DataView(view.buffer, view.byteOffset + body, isStreamed ? rest : size);
}

function readFormat(view: DataView, at: number, size: number): Format {
  if (size < 16) throw bad('fmt', 'must have at least 16 bytes', `It has ${size}. ${CONVERT}`);
  let tag = view.getUint16(at, true);
  if (tag === EXTENSIBLE && size >= 26) tag = view.getUint16(at + 24, true); // the GUID of the format begins with its tag
  const channels = view.getUint16(at + 2, true);
  const sampleRateHz = view.getUint32(at + 4, true);
  const blockAlign = view.getUint16(at + 12, true);
  const bitsPerSample = view.getUint16(at + 14, true);
  const encoding = ENCODINGS.get(tag);
  if (encoding === undefined)
    throw bad('fmt', 'must be PCM, float, A-law or mu-law', `Its encoding is 0x${tag.toString(16)}. ${CONVERT}`);
  if (channels !== 1 && channels !== 2) throw bad('channels', 'must be 1 or 2', `It has ${channels}. ${CONVERT}`);
  if (!isSampleRate(sampleRateHz)) throw bad('sampleRateHz', SAMPLE_RATE_RULE, `It is ${sampleRateHz}. ${CONVERT}`);
  const bytesPerSample = Math.ceil(bitsPerSample / 8);
  const allowed = encoding === 'pcm' ? [1, 2, 3, 4] : encoding === 'float' ? [4, 8] : [1];
  if (!allowed.includes(bytesPerSample))
    throw bad(
      'bitsPerSample',
      `must be ${allowed.map((n) => n * 8).join(', ')} for ${encoding}`,
      `It is ${bitsPerSample}. ${CONVERT}`,
    );
  if (blockAlign !== channels * bytesPerSample)
    throw bad('fmt', `must have blocks of ${channels * bytesPerSample} bytes`, `They have ${blockAlign}. ${CONVERT}`);
  return { encoding, channels, sampleRateHz, bitsPerSample, bytesPerSample };
}

function decode(data: DataView, { encoding, bytesPerSample }: Format, count: number): Int16Array {
  const out = new Int16Array(count);
  const read = reader(data, encoding, bytesPerSample);
  for (let i = 0; i < count; i++) {
    const value = read(i * bytesPerSample);
    if (!Number.isFinite(value))
      throw bad('data', 'must hold finite numbers', `Sample ${i} is ${value}. Export the file again, as 16-bit PCM`);
    out[i] = Math.max(-32_768, Math.min(32_767, Math.round(value)));
  }
  return out;
}

/** The value at a byte offset, scaled to 16 bit. PCM with an odd bit depth is left-justified, so the container decides. */
function reader(data: DataView, encoding: WavAudio['encoding'], bytesPerSample: number): (at: number) => number {
  if (encoding === 'a-law') return (at) => decodeALaw(data.getUint8(at));
  if (encoding === 'mu-law') return (at) => decodeMuLaw(data.getUint8(at));
  if (encoding === 'float')
    return bytesPerSample === 4
      ? (at) => data.getFloat32(at, true) * 32_768
      : (at) => data.getFloat64(at, true) * 32_768;
  if (bytesPerSample === 1) return (at) => (data.getUint8(at) - 128) * 256;
  if (bytesPerSample === 2) return (at) => data.getInt16(at, true);
  if (bytesPerSample === 3) return (at) => data.getInt16(at + 1, true) + data.getUint8(at) / 256;
  return (at) => data.getInt32(at, true) / 65_536;
}

/** ITU-T G.711: sign, 3 bits of segment, 4 bits of step, every second bit inverted. */
function decodeALaw(byte: number): number {
  const code = byte ^ 0x55;
  const segment = (code >> 4) & 7;
  const step = ((code & 15) << 4) + 8;
  const magnitude = segment === 0 ? step : (step + 256) << (segment - 1);
  return (code & 0x80) !== 0 ? magnitude : -magnitude;
}

/** ITU-T G.711: all bits inverted, a bias of 132 in front of the segments. */
function decodeMuLaw(byte: number): number {
  const code = ~byte & 0xff;
  const magnitude = ((((code & 15) << 3) + 132) << ((code >> 4) & 7)) - 132;
  return (code & 0x80) !== 0 ? -magnitude : magnitude;
}

function textAt(view: DataView, at: number): string {
  let text = '';
  for (let i = at; i < Math.min(at + 4, view.byteLength); i++) text += String.fromCharCode(view.getUint8(i));
  return text;
}

function bad(field: string, rule: string, fix: string): AgentError {
  return new AgentError('ERR_WAV_FORMAT', 'not a WAV file that can be read', { field, rule, fix });
}
