import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readWav } from '../../src/audio/wav.ts';
import { AgentError } from '../../src/errors.ts';

interface Parts {
  tag?: number;
  channels?: number;
  sampleRateHz?: number;
  bits?: number;
  blockAlign?: number;
  data?: number[];
  /** Announced size of the data chunk; default its length. */
  dataSize?: number;
  riffSize?: number;
  extensible?: boolean;
  before?: number[];
  after?: number[];
}

const text = (value: string) => [...value].map((char) => char.charCodeAt(0));
const le = (value: number, bytes: number) =>
  Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** i) % 256);
const chunk = (id: string, body: number[]) => [
  ...text(id),
  ...le(body.length, 4),
  ...body,
  ...(body.length % 2 ? [0] : []),
];

/** A WAV file byte by byte, wrong wherever a test wants it. */
function wav(parts: Parts = {}): Uint8Array {
  const { tag = 1, channels = 1, sampleRateHz = 16_000, bits = 16, data = [], extensible = false } = parts;
  const blockAlign = parts.blockAlign ?? channels * Math.ceil(bits / 8);
  const common = [
    ...le(channels, 2),
    ...le(sampleRateHz, 4),
    ...le(sampleRateHz * blockAlign, 4),
    ...le(blockAlign, 2),
    ...le(bits, 2),
  ];
  const guid = [0, 0, 0, 0, 16, 0, 128, 0, 0, 170, 0, 56, 155, 113];
  const fmt = extensible
    ? [...le(0xfffe, 2), ...common, ...le(22, 2), ...le(bits, 2), ...le(0, 4), ...le(tag, 2), ...guid]
    : [...le(tag, 2), ...common];
  const body = [
    ...text('WAVE'),
    ...(parts.before ?? []),
    ...chunk('fmt ', fmt),
    ...text('data'),
    ...le(parts.dataSize ?? data.length, 4),
    ...data,
    ...(data.length % 2 ? [0] : []),
    ...(parts.after ?? []),
  ];
  return Uint8Array.from([...text('RIFF'), ...le(parts.riffSize ?? body.length, 4), ...body]);
}

const samplesOf = (parts: Parts) => [...readWav(wav(parts)).samples];
const floats = (values: number[], bytes: 4 | 8) => [
  ...new Uint8Array((bytes === 4 ? Float32Array.from(values) : Float64Array.from(values)).buffer),
];

describe('readWav', () => {
  it.each([
    ['8-bit PCM', { bits: 8, data: [0, 128, 255] }, [-32_768, 0, 32_512]],
    ['16-bit PCM', { bits: 16, data: [0, 128, 0, 0, 255, 127] }, [-32_768, 0, 32_767]],
    ['24-bit PCM, rounded', { bits: 24, data: [0, 0, 128, 128, 1, 0, 255, 255, 127] }, [-32_768, 2, 32_767]],
    ['32-bit PCM, rounded', { bits: 32, data: [0, 0, 0, 128, 0, 128, 1, 0, 255, 255, 255, 127] }, [-32_768, 2, 32_767]],
    ['20 bits in a container of 24', { bits: 20, data: [0, 1, 0] }, [1]],
    [
      '32-bit float, clipped',
      { tag: 3, bits: 32, data: floats([-1, 0.5, 1, 7], 4) },
      [-32_768, 16_384, 32_767, 32_767],
    ],
    ['64-bit float, clipped', { tag: 3, bits: 64, data: floats([-9, 0.25], 8) }, [-32_768, 8192]],
    ['A-law', { tag: 6, bits: 8, data: [0xd5, 0x55, 0xaa, 0x2a] }, [8, -8, 32_256, -32_256]],
    ['mu-law', { tag: 7, bits: 8, data: [0xff, 0x7f, 0x80, 0x00] }, [0, 0, 32_124, -32_124]],
    ['an extensible header', { extensible: true, data: [1, 0] }, [1]],
    ['an extensible header of floats', { extensible: true, tag: 3, bits: 32, data: floats([0.5], 4) }, [16_384]],
    [
      'chunks before and after, of odd length',
      { before: chunk('LIST', [1, 2, 3]), after: chunk('id3 ', [9]), data: [1, 0] },
      [1],
    ],
    [
      'a streamed file with size 0xFFFFFFFF',
      { dataSize: 0xffff_ffff, riffSize: 0xffff_ffff, data: [1, 0, 2, 0] },
      [1, 2],
    ],
    ['a streamed file with size 0x7FFFFFDB', { dataSize: 0x7fff_ffdb, data: [1, 0, 2, 0] }, [1, 2]],
    ['a streamed file with size 0', { dataSize: 0, riffSize: 0, data: [1, 0, 2, 0] }, [1, 2]],
    ['an empty file with chunks behind', { data: [], after: chunk('LIST', [1, 0, 2, 0]) }, []],
    ['a last sample that is not whole', { data: [1, 0, 2] }, [1]],
  ] satisfies Array<[string, Parts, number[]]>)('reads %s', (_, parts, expected) => {
    expect(samplesOf(parts)).toEqual(expected);
  });

  it('reads stereo as it is interleaved, with its format', () => {
    expect(readWav(wav({ channels: 2, sampleRateHz: 44_100, data: [1, 0, 2, 0, 3, 0, 4, 0] }))).toEqual({
      samples: Int16Array.of(1, 2, 3, 4),
      sampleRateHz: 44_100,
      channels: 2,
      encoding: 'pcm',
      bitsPerSample: 16,
    });
  });

  it('reads bytes that lie anywhere in their buffer', () => {
    const file = wav({ data: [5, 0] });
    const pool = new Uint8Array(file.length + 7);
    pool.set(file, 3);
    expect([...readWav(pool.subarray(3, 3 + file.length)).samples]).toEqual([5]);
  });

  it.each([
    ['file', 'empty', new Uint8Array(0)],
    ['file', 'MP3', Uint8Array.from([...text('ID3'), 4, 0, 0, 0, 0, 0, 0, 0, 0])],
    ['file', 'not a WAV', Uint8Array.from(text('hello world, this is text'))],
    ['file', 'RIFF and WAVE', Uint8Array.from(text('RIFF'))],
    ['fmt', 'no format chunk', Uint8Array.from([...text('RIFF'), ...le(4, 4), ...text('WAVE')])],
    ['data', 'no audio', wav().slice(0, 36)],
    ['data', 'ends after 2 of them', wav({ data: [1, 0], dataSize: 1000 })],
    ['fmt', '0x55', wav({ tag: 0x55 })],
    ['channels', 'has 6', wav({ channels: 6 })],
    ['channels', 'has 0', wav({ channels: 0 })],
    ['sampleRateHz', 'is 4000', wav({ sampleRateHz: 4000 })],
    ['bitsPerSample', 'is 64', wav({ bits: 64 })],
    ['bitsPerSample', 'is 16', wav({ tag: 3, bits: 16 })],
    ['fmt', 'have 3', wav({ blockAlign: 3 })],
    ['data', 'Sample 1 is NaN', wav({ tag: 3, bits: 32, data: floats([0, Number.NaN], 4) })],
    ['data', 'is Infinity', wav({ tag: 3, bits: 64, data: floats([Infinity], 8) })],
  ])('refuses a file with a wrong %s in one line that says "%s"', (field, hint, bytes) => {
    try {
      readWav(bytes);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_WAV_FORMAT', field });
      expect(String(error)).toContain(hint);
      expect(String(error)).not.toContain('\n');
    }
  });

  it('throws nothing but ERR_WAV_FORMAT for random bytes and for damaged files', () => {
    const file = wav({ data: Array.from({ length: 64 }, (_, i) => i), before: chunk('LIST', [1, 2, 3]) });
    const damage = fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { maxLength: 8 });
    const damaged = fc.tuple(damage, fc.nat(file.length)).map(([bytes, length]) => {
      const copy = file.slice(0, length);
      for (const [at, value] of bytes) if (at < length) copy[at] = value;
      return copy;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged), (bytes) => {
        try {
          readWav(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(AgentError);
          expect(error).toMatchObject({ code: 'ERR_WAV_FORMAT' });
        }
      }),
      { numRuns: 2000 },
    );
  });
});
