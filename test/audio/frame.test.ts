import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AudioFrame, checkFrame, durationMsOf, frameFromBytes, frameFromFloat } from '../../src/audio/frame.ts';

const FORMAT = { sampleRateHz: 16_000, channels: 1 };

describe('checkFrame', () => {
  it.each([
    ['samples', { samples: new Float32Array(320) }],
    ['samples', { samples: [1, 2, 3] }],
    ['samples', { samples: undefined }],
    ['samples', { samples: new Int16Array(3), channels: 2 }],
    ['sampleRateHz', { sampleRateHz: 0 }],
    ['sampleRateHz', { sampleRateHz: 7999 }],
    ['sampleRateHz', { sampleRateHz: 192_001 }],
    ['sampleRateHz', { sampleRateHz: 16_000.5 }],
    ['sampleRateHz', { sampleRateHz: Number.NaN }],
    ['sampleRateHz', { sampleRateHz: '16000' }],
    ['channels', { channels: 0 }],
    ['channels', { channels: 3 }],
    ['channels', { channels: undefined }],
  ])('refuses a bad %s: %o', (field, wrong) => {
    // What arrives from outside is not held to the type.
    const frame = { samples: new Int16Array(320), ...FORMAT, ...wrong } as AudioFrame;
    expect(() => checkFrame(frame)).toThrow(
      expect.objectContaining({ code: 'ERR_AUDIO_FRAME', field, rule: expect.any(String), fix: expect.any(String) }),
    );
  });

  it('returns a good frame itself, also an empty one', () => {
    for (const length of [0, 2, 640]) {
      const frame: AudioFrame = { samples: new Int16Array(length), sampleRateHz: 192_000, channels: 2 };
      expect(checkFrame(frame)).toBe(frame);
    }
  });
});

describe('durationMsOf', () => {
  it('counts sample frames, not samples', () => {
    expect(durationMsOf({ samples: new Int16Array(960), sampleRateHz: 48_000, channels: 1 })).toBe(20);
    expect(durationMsOf({ samples: new Int16Array(1920), sampleRateHz: 48_000, channels: 2 })).toBe(20);
  });
});

describe('frameFromBytes', () => {
  it('reads little-endian samples at any offset of a shared buffer, and copies them', () => {
    const pool = Uint8Array.of(9, 1, 0, 255, 255, 0, 128, 9);
    const frame = frameFromBytes(pool.subarray(1, 7), FORMAT);
    pool.fill(0);
    expect([...frame.samples]).toEqual([1, -1, -32_768]);
  });

  it('refuses half a sample', () => {
    expect(() => frameFromBytes(new Uint8Array(3), FORMAT)).toThrow(
      expect.objectContaining({ code: 'ERR_AUDIO_FRAME', field: 'bytes' }),
    );
  });
});

describe('frameFromFloat', () => {
  it('gives every 16-bit value back', () => {
    fc.assert(
      fc.property(fc.int16Array({ maxLength: 50 }), (samples) => {
        expect(
          frameFromFloat(
            Float32Array.from(samples, (value) => value / 32_768),
            FORMAT,
          ).samples,
        ).toEqual(samples);
      }),
    );
  });

  it('clips what is louder than full scale', () => {
    expect([...frameFromFloat(Float32Array.of(1, 1.5, -1, -7), FORMAT).samples]).toEqual([
      32_767, 32_767, -32_768, -32_768,
    ]);
  });

  it.each([Number.NaN, Infinity, -Infinity])('refuses %d and says where', (value) => {
    expect(() => frameFromFloat(Float32Array.of(0, value), FORMAT)).toThrow(
      expect.objectContaining({ code: 'ERR_AUDIO_FRAME', field: 'values', fix: expect.stringContaining('index 1') }),
    );
  });
});
