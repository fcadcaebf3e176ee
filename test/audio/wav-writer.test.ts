import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AudioFrame } from '../../src/audio/frame.ts';
import { readWav } from '../../src/audio/wav.ts';
import { WavWriter, writeWav } from '../../src/audio/wav-writer.ts';

describe('writeWav and WavWriter', () => {
  const frames = fc
    .record({
      channels: fc.constantFrom(1, 2),
      sampleRateHz: fc.constantFrom(8000, 16_000, 44_100),
      half: fc.int16Array({ maxLength: 300 }),
    })
    .map(
      ({ channels, sampleRateHz, half }): AudioFrame => ({
        samples: Int16Array.from(channels === 2 ? [...half, ...half] : half),
        sampleRateHz,
        channels,
      }),
    );

  it('gives back what was written, whole or in pieces', () => {
    fc.assert(
      fc.property(frames, fc.integer({ min: 1, max: 7 }), (frame, pieces) => {
        const whole = writeWav(frame);
        expect(readWav(whole)).toMatchObject(frame);
        const file = new Uint8Array(whole.length);
        const writer = new WavWriter({ ...frame, write: (bytes, position) => file.set(bytes, position) });
        const step = Math.ceil(frame.samples.length / pieces / 2) * 2 || 2;
        for (let at = 0; at < frame.samples.length; at += step)
          writer.append({ ...frame, samples: frame.samples.slice(at, at + step) });
        if (frame.samples.length > 0) expect(readWav(file).samples).toEqual(frame.samples); // before the header is filled in
        writer.finish();
        writer.finish();
        expect(file).toEqual(whole);
      }),
    );
  });

  it('refuses another format and anything after the end', () => {
    const writer = new WavWriter({ sampleRateHz: 16_000, channels: 2, write: () => {} });
    const frame = (sampleRateHz: number, channels: number) => ({
      samples: new Int16Array(320),
      sampleRateHz,
      channels,
    });
    expect(() => writer.append(frame(16_000, 1))).toThrow(
      expect.objectContaining({ code: 'ERR_AUDIO_FRAME', field: 'channels' }),
    );
    expect(() => writer.append(frame(8000, 2))).toThrow(
      expect.objectContaining({ code: 'ERR_AUDIO_FRAME', field: 'sampleRateHz' }),
    );
    writer.append(frame(16_000, 2));
    expect(writer.durationMs).toBe(10);
    writer.finish();
    expect(() => writer.append(frame(16_000, 2))).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
  });
});
