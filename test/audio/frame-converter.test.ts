import { describe, expect, it } from 'vitest';
import type { AudioFrame } from '../../src/audio/frame.ts';
import { FrameConverter, toMono } from '../../src/audio/frame-converter.ts';

function frame(sampleRateHz: number, channels: number, length: number, value = 1000): AudioFrame {
  return { samples: new Int16Array(length * channels).fill(value), sampleRateHz, channels };
}

describe('toMono', () => {
  it('takes the mean of both channels, without overflow', () => {
    const samples = Int16Array.of(100, 300, -32_768, -32_768, 32_767, 32_767, 32_767, -32_768);
    expect([...toMono({ samples, sampleRateHz: 8000, channels: 2 }).samples]).toEqual([200, -32_768, 32_767, -1]);
  });

  it('returns a mono frame itself', () => {
    const mono = frame(8000, 1, 160);
    expect(toMono(mono)).toBe(mono);
  });
});

describe('FrameConverter', () => {
  it('returns a frame itself that already is 16 kHz mono', () => {
    const input = frame(16_000, 1, 320);
    expect(new FrameConverter().convert(input)).toBe(input);
  });

  it('brings any rate and channel count to 16 kHz mono', () => {
    for (const [rate, channels] of [
      [48_000, 2],
      [44_100, 1],
      [8000, 1],
    ] as const) {
      const converter = new FrameConverter();
      let total = 0;
      for (let i = 0; i < 50; i++) {
        const out = converter.convert(frame(rate, channels, rate / 50));
        expect([out.sampleRateHz, out.channels]).toEqual([16_000, 1]);
        total += out.samples.length;
      }
      expect(total + converter.flush().samples.length).toBe(16_000);
    }
  });

  it('loses nothing and does not click when the source changes its format', () => {
    const converter = new FrameConverter();
    const out: number[] = [];
    for (const rate of [48_000, 16_000, 44_100, 48_000]) {
      for (let i = 0; i < 5; i++) out.push(...converter.convert(frame(rate, 1, rate / 50)).samples);
    }
    out.push(...converter.flush().samples);
    expect(out.length).toBe(4 * 1600);
    expect(Math.max(...out)).toBeLessThan(1200); // a step of 1000 that begins at silence overshoots by the Gibbs 9 %
  });

  it('refuses a malformed frame and goes on', () => {
    const converter = new FrameConverter();
    converter.convert(frame(48_000, 1, 960));
    const odd: AudioFrame = { samples: new Int16Array(3), sampleRateHz: 48_000, channels: 2 };
    expect(() => converter.convert(odd)).toThrow(expect.objectContaining({ code: 'ERR_AUDIO_FRAME' }));
    expect(converter.convert(frame(48_000, 1, 960)).samples.length).toBe(320);
  });
});
