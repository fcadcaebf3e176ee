import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { durationMsOf } from '../../../../src/audio/frame.ts';
import { AgentError } from '../../../../src/errors.ts';
import { recordingDecoder } from '../../../../src/transports/livekit/pre-connect/decoder.ts';
import { OggDemuxer } from '../../../../src/transports/livekit/pre-connect/ogg.ts';
import { WebmDemuxer } from '../../../../src/transports/livekit/pre-connect/webm.ts';
import { oggOf } from '../ogg-of.ts';

const webm = new Uint8Array(readFileSync(new URL('../fixtures/microphone.webm', import.meta.url)));
const packets = new WebmDemuxer().push(webm);
const WEBM = { mimeType: 'audio/webm;codecs=opus' };

// The decoder library writes a line for a packet that is broken.
beforeEach(() => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Everything that is decoded, when the bytes come in pieces of this length. */
async function decoded(bytes: Uint8Array, info: Parameters<typeof recordingDecoder>[0], piece = bytes.length) {
  const decoder = await recordingDecoder(info, bytes.subarray(0, 16));
  const frames = [];
  for (let at = 0; at < bytes.length; at += piece) frames.push(...decoder.push(bytes.subarray(at, at + piece)));
  decoder.close();
  return { frames, samples: frames.flatMap(({ samples }) => [...samples]) };
}

const levelOf = (samples: readonly number[]) =>
  Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length) / 32_768;

/** A value thrown in the code below must be one with a code. */
function coded(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(AgentError);
    expect((error as AgentError).code).toBe('ERR_AUDIO_FRAME');
  }
}

describe('the recording of a browser', () => {
  test('is heard whole: silence, then speech, as 16 kHz mono', async () => {
    const { frames, samples } = await decoded(webm, WEBM);
    expect(samples.length / 16).toBe(2_820);
    expect(frames.every(({ sampleRateHz, channels }) => sampleRateHz === 16_000 && channels === 1)).toBe(true);
    expect(levelOf(samples.slice(0, 250 * 16))).toBeLessThan(0.005);
    expect(levelOf(samples.slice(350 * 16))).toBeGreaterThan(0.03);
  });

  test('is the same in chunks of any length', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 4_000 }), { minLength: 1, maxLength: 200 }), (lengths) => {
        const demuxer = new WebmDemuxer();
        const found: Uint8Array[] = [];
        let at = 0;
        for (const length of [...lengths, webm.length]) {
          found.push(...demuxer.push(webm.subarray(at, at + length)));
          at += length;
        }
        expect(found).toEqual(packets);
      }),
      { numRuns: 30 },
    );
  });

  test('that is cut off gives what came', async () => {
    const { samples } = await decoded(webm.subarray(0, 20_000), WEBM);
    expect(samples.length / 16).toBeGreaterThan(1_000);
  });

  test('is known by its bytes, whatever the client calls it', async () => {
    expect((await decoded(webm, { mimeType: 'application/octet-stream' })).samples).toHaveLength(2_820 * 16);
  });
});

test('Opus in Ogg is understood, its packets over several pages too', async () => {
  const ogg = oggOf(packets);
  expect(new OggDemuxer().push(ogg)).toEqual(packets);
  for (const length of [1, 7, 300]) {
    const demuxer = new OggDemuxer();
    const found: Uint8Array[] = [];
    for (let at = 0; at < ogg.length; at += length) found.push(...demuxer.push(ogg.subarray(at, at + length)));
    expect(found).toEqual(packets);
  }
  expect((await decoded(ogg, { mimeType: 'audio/opus' })).samples).toEqual((await decoded(webm, WEBM)).samples);
});

describe('raw PCM', () => {
  test.each([
    [{ sampleRate: '16000', channels: '1' }, 32_000],
    [{ sampleRate: '24000' }, 48_000],
    [{ sampleRate: '48000', channels: '2' }, 192_000],
  ] as readonly [{ sampleRate: string; channels?: string }, number][])(
    '%o: a second in chunks that cut samples in two',
    async (attributes, bytes) => {
      const tone = new Uint8Array(bytes);
      const view = new DataView(tone.buffer);
      const channels = Number(attributes.channels ?? 1);
      for (let i = 0; i < bytes / 2; i++) {
        const seconds = Math.floor(i / channels) / Number(attributes.sampleRate);
        view.setInt16(i * 2, Math.sin(2 * Math.PI * 440 * seconds) * 8_000, true);
      }
      const info = { mimeType: 'application/octet-stream', attributes };
      const { frames, samples } = await decoded(tone, info, 1_001);
      expect(frames.reduce((sum, frame) => sum + durationMsOf(frame), 0)).toBeGreaterThan(990);
      expect(levelOf(samples)).toBeCloseTo(8_000 / 32_768 / Math.SQRT2, 2);
    },
  );

  test.each([
    [{}, 'sampleRateHz'],
    [{ sampleRate: '4000' }, 'sampleRateHz'],
    [{ sampleRate: 'NaN' }, 'sampleRateHz'],
    [{ sampleRate: '16000', channels: '6' }, 'channels'],
  ])('%o is refused: it could be anything', async (attributes, field) => {
    await expect(recordingDecoder({ mimeType: '', attributes }, new Uint8Array(16))).rejects.toMatchObject({
      code: 'ERR_AUDIO_FRAME',
      field,
    });
  });
});

describe('what is not understood', () => {
  const bytes = (...parts: (number[] | string)[]) =>
    new Uint8Array(parts.flatMap((part) => (typeof part === 'string' ? [...Buffer.from(part)] : part)));
  const header = [0x1a, 0x45, 0xdf, 0xa3, 0x80];

  test.each([
    ['the MP4 of an iPhone', bytes([0, 0, 0, 24], 'ftypiso5', [0, 0, 0, 0]), 'video/mp4'],
    ['other audio under a name of Opus', bytes('RIFF1234WAVEfmt '), 'audio/opus'],
  ])('%s is refused by name', async (_what, first, mimeType) => {
    await expect(recordingDecoder({ mimeType }, first)).rejects.toThrow(mimeType);
  });

  test.each([
    ['no header', bytes('garbage garbage')],
    ['another codec', bytes(header, [0x86, 0x86], 'A_AAC!')],
    ['a block without a packet', bytes(header, [0xa3, 0x83, 0x81, 0, 0])],
    ['laced blocks', bytes(header, [0xa3, 0x85, 0x81, 0, 0, 0x02, 1])],
    ['an element that is longer than any', bytes(header, [0xa3, 0x10, 0xff, 0xff, 0xff])],
    ['a block of unknown length', bytes(header, [0xa3, 0xff])],
    ['an element without a name', bytes(header, [0x00, 0x80])],
    ['an element without a size', bytes(header, [0xa3, 0x00])],
  ])('WebM with %s is refused', (_what, broken) => {
    expect(() => new WebmDemuxer().push(broken)).toThrow(expect.objectContaining({ code: 'ERR_AUDIO_FRAME' }));
  });

  test.each([
    ['another codec', oggOf([], 'vorbis..')],
    ['no page after the first', bytes([...oggOf(packets.slice(0, 3))], 'garbage')],
    ['a packet without an end', oggOf([...packets.slice(0, 1), new Uint8Array(70_000)])],
  ])('Ogg with %s is refused', (_what, broken) => {
    expect(() => new OggDemuxer().push(broken)).toThrow(expect.objectContaining({ code: 'ERR_AUDIO_FRAME' }));
  });

  test('bytes at random, and recordings with bytes changed, end in a coded error or in packets', () => {
    const ogg = oggOf(packets.slice(0, 20));
    const changed = (recording: Uint8Array) =>
      fc
        .array(fc.tuple(fc.nat(recording.length - 1), fc.nat(255)), { minLength: 1, maxLength: 20 })
        .map((edits) => edits.reduce((all, [at, value]) => all.fill(value, at, at + 1), recording.slice()));
    const any = fc.oneof(fc.uint8Array({ maxLength: 300 }), changed(webm.slice(0, 6_000)), changed(ogg));
    fc.assert(
      fc.property(any, (recording) => {
        for (const demuxer of [new WebmDemuxer(), new OggDemuxer()]) coded(() => demuxer.push(recording));
      }),
      { numRuns: 500 },
    );
  });

  test('packets at random do not break the decoder', async () => {
    const decoder = await recordingDecoder(WEBM, webm);
    const block = (packet: Uint8Array) => {
      const length = packet.length + 4;
      return new Uint8Array([0xa3, 0x40 | (length >> 8), length & 0xff, 0x81, 0, 0, 0, ...packet]);
    };
    decoder.push(new Uint8Array(header));
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 1_275 }), (packet) =>
        coded(() => decoder.push(block(packet))),
      ),
      { numRuns: 300 },
    );
    decoder.close();
  });
});
