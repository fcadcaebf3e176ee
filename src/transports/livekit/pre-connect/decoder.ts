// From the bytes of a recording to frames as the detectors hear them, whatever the client recorded in.
import { type AudioFrame, checkFrame, frameFromBytes, INPUT_FORMAT } from '../../../audio/frame.ts';
import { FrameConverter } from '../../../audio/frame-converter.ts';
import { AgentError } from '../../../errors.ts';
import { OggDemuxer } from './ogg.ts';
import { WebmDemuxer } from './webm.ts';

export interface RecordingInfo {
  readonly mimeType: string;
  readonly attributes?: Readonly<Record<string, string>>;
}

/** 16 kHz mono in the order of the bytes. */
export interface RecordingDecoder {
  /** @throws AgentError `ERR_AUDIO_FRAME`; nothing more can be decoded then */
  push(bytes: Uint8Array): readonly AudioFrame[];
  close(): void;
}

/** Beginnings of the formats. Clients name them wrongly, or not at all, so the bytes decide. */
const STARTS = { webm: [0x1a, 0x45, 0xdf, 0xa3], ogg: [0x4f, 0x67, 0x67, 0x53] } as const;
/** What iPhones record in. */
const MP4 = [0x66, 0x74, 0x79, 0x70];
const MP4_AT = 4;

/**
 * @param first the first bytes of the recording, at least eight where it has as many
 * @throws AgentError `ERR_AUDIO_FRAME` for a format that is not known, `ERR_PROVIDER` without the package for Opus
 */
export async function recordingDecoder(info: RecordingInfo, first: Uint8Array): Promise<RecordingDecoder> {
  if (begins(first, STARTS.webm)) return opusDecoder(new WebmDemuxer());
  if (begins(first, STARTS.ogg)) return opusDecoder(new OggDemuxer());
  if (begins(first.subarray(MP4_AT), MP4) || /opus|webm|ogg|mp4|mpeg|aac/i.test(info.mimeType))
    throw new AgentError(
      'ERR_AUDIO_FRAME',
      `a recording in ${JSON.stringify(info.mimeType.slice(0, 64))} is not understood`,
      {
        field: 'pre-connect audio',
        rule: 'must be Opus in WebM or Ogg, or raw 16-bit PCM',
      },
    );
  return pcmDecoder(info.attributes ?? {});
}

function begins(bytes: Uint8Array, start: readonly number[]): boolean {
  return start.every((byte, index) => bytes[index] === byte);
}

function pcmDecoder({ sampleRate = '', channels = '1' }: Readonly<Record<string, string>>): RecordingDecoder {
  const format = { sampleRateHz: Number(sampleRate), channels: Number(channels) };
  checkFrame({ samples: new Int16Array(0), ...format });
  const step = 2 * format.channels;
  const converter = new FrameConverter();
  let rest: Uint8Array = new Uint8Array(0);
  return {
    push: (bytes) => {
      const all = new Uint8Array(rest.length + bytes.length);
      all.set(rest);
      all.set(bytes, rest.length);
      const whole = all.length - (all.length % step);
      rest = all.subarray(whole);
      return [converter.convert(frameFromBytes(all.subarray(0, whole), format))];
    },
    close: () => {},
  };
}

interface Demuxer {
  push(bytes: Uint8Array): readonly Uint8Array[];
}

async function opusDecoder(demuxer: Demuxer): Promise<RecordingDecoder> {
  const { OpusDecoder } = await loadOpus();
  // One uncoupled stream: stereo comes out mixed down. Opus resamples by itself, to the rate of INPUT_FORMAT.
  const layout = { channels: 1, streamCount: 1, coupledStreamCount: 0, channelMappingTable: [0] };
  const decoder = new OpusDecoder({ sampleRate: 16_000, ...layout });
  await decoder.ready;
  return {
    push: (bytes) =>
      demuxer.push(bytes).map((packet) => {
        const { channelData, errors } = decoder.decodeFrame(packet);
        const [error] = errors;
        if (error !== undefined)
          throw new AgentError('ERR_AUDIO_FRAME', `the recording has a packet that is not Opus: ${error.message}`, {
            field: 'pre-connect audio',
          });
        return { samples: toPcm(channelData[0] ?? new Float32Array(0)), ...INPUT_FORMAT };
      }),
    close: () => decoder.free(),
  };
}

function toPcm(values: Float32Array): Int16Array {
  const samples = new Int16Array(values.length);
  for (let i = 0; i < values.length; i++)
    samples[i] = Math.max(-32_768, Math.min(32_767, Math.round((values[i] ?? 0) * 32_768)));
  return samples;
}

async function loadOpus(): Promise<typeof import('opus-decoder')> {
  try {
    return await import('opus-decoder');
  } catch (cause) {
    throw new AgentError('ERR_PROVIDER', 'what was recorded before the agent came needs the package opus-decoder', {
      fix: 'Install it with `npm install opus-decoder@0.7.12`',
      retryable: false,
      cause,
    });
  }
}
