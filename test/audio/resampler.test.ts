import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AudioFrame } from '../../src/audio/frame.ts';
import { Resampler } from '../../src/audio/resampler.ts';

const AMPLITUDE = 24_000;

function tone(frequencyHz: number, sampleRateHz: number, seconds = 1): Int16Array {
  const samples = new Int16Array(Math.round(sampleRateHz * seconds));
  for (let i = 0; i < samples.length; i++)
    samples[i] = Math.round(AMPLITUDE * Math.sin((2 * Math.PI * frequencyHz * i) / sampleRateHz));
  return samples;
}

function mono(samples: Int16Array, sampleRateHz: number): AudioFrame {
  return { samples, sampleRateHz, channels: 1 };
}

/** Runs a whole signal through in pieces of the given lengths (repeated) and joins what comes out. */
function resample(
  input: Int16Array,
  inputRateHz: number,
  outputRateHz: number,
  pieces = [inputRateHz / 50],
): Int16Array {
  const resampler = new Resampler({ inputRateHz, outputRateHz });
  const out: number[] = [];
  for (let at = 0, i = 0; at < input.length; i++) {
    const length = pieces[i % pieces.length] ?? 1;
    out.push(...resampler.process(mono(input.slice(at, at + length), inputRateHz)).samples);
    at += length;
  }
  out.push(...resampler.flush().samples);
  return Int16Array.from(out);
}

/** Power of everything but the tone, in dB under the tone, in the settled middle of the signal. */
function signalToNoiseDb(output: Int16Array, frequencyHz: number, rateHz: number): number {
  const middle = output.subarray(Math.round(rateHz * 0.1), Math.round(rateHz * 0.9));
  let re = 0;
  let im = 0;
  let total = 0;
  middle.forEach((value, i) => {
    const angle = (2 * Math.PI * frequencyHz * i) / rateHz;
    re += value * Math.cos(angle);
    im += value * Math.sin(angle);
    total += value * value;
  });
  const signal = (2 * (re * re + im * im)) / middle.length;
  return 10 * Math.log10(signal / Math.max(1e-9, total - signal));
}

function rms(samples: Int16Array): number {
  return Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length);
}

describe('Resampler', () => {
  const pairs: Array<[number, number]> = [
    [48_000, 16_000],
    [44_100, 16_000],
    [22_050, 16_000],
    [11_025, 16_000],
    [8000, 16_000],
    [16_000, 48_000],
    [22_050, 48_000],
    [24_000, 8000],
    [16_000, 44_100],
    [192_000, 16_000],
    [47_999, 16_000], // no common divisor: the interpolated table
    [16_000, 191_999],
  ];
  it.each(pairs)('%i -> %i Hz keeps a 1 kHz tone clean to the last bit', (from, to) => {
    const out = resample(tone(1000, from), from, to);
    expect(signalToNoiseDb(out, 1000, to)).toBeGreaterThan(92); // 16 bit at this level cannot pass 95 dB
  });

  it.each(pairs)('%i -> %i Hz gives exactly as much time as it took', (from, to) => {
    const out = resample(tone(300, from, 0.5), from, to);
    expect(out.length).toBe(Math.ceil((Math.round(from * 0.5) * to) / from));
  });

  it('is flat to within 0.01 dB up to 80 % of the lower Nyquist frequency', () => {
    for (const hz of [100, 3000, 5000, 6400]) {
      const out = resample(tone(hz, 48_000), 48_000, 16_000).subarray(1600, 14_400);
      expect(Math.abs(20 * Math.log10((rms(out) * Math.SQRT2) / AMPLITUDE))).toBeLessThan(0.01);
    }
  });

  it('leaves nothing audible of what the lower rate cannot carry', () => {
    for (const hz of [8000, 9000, 12_000, 15_000, 23_000]) {
      const out = resample(tone(hz, 48_000), 48_000, 16_000).subarray(1600, 14_400);
      expect(Math.max(...out.map(Math.abs))).toBe(0); // under half a step: below -100 dB of full scale after rounding
    }
  });

  it('does not shift audio in time', () => {
    const click = new Int16Array(48_000);
    click[24_000] = 30_000;
    const out = resample(click, 48_000, 16_000);
    expect(out.indexOf(Math.max(...out))).toBe(8000);
  });

  it('keeps a constant level exactly, in the middle and over every frame edge', () => {
    const out = resample(new Int16Array(44_100).fill(12_345), 44_100, 16_000).subarray(200, 15_800);
    expect(new Set(out)).toEqual(new Set([12_345]));
  });

  it('clips instead of wrapping around', () => {
    const square = Int16Array.from({ length: 16_000 }, (_, i) => (i % 40 < 20 ? 32_767 : -32_768));
    const out = resample(square, 16_000, 48_000);
    out.forEach((value, i) => {
      const inside = (i / 3) % 20;
      if (inside > 4 && inside < 16) expect(Math.sign(value)).toBe(Math.floor(i / 3 / 20) % 2 === 0 ? 1 : -1);
    });
  });

  it('gives the same samples however the stream is cut into frames', () => {
    const rates = fc.constantFrom(8000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 12_347);
    const cuts = fc.array(fc.integer({ min: 0, max: 6000 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(rates, rates, cuts, fc.integer({ min: 0, max: 5000 }), (from, to, pieces, length) => {
        fc.pre(pieces.some((piece) => piece > 0));
        const input = Int16Array.from({ length }, (_, i) => ((i * 7919) % 65_536) - 32_768);
        expect(resample(input, from, to, pieces)).toEqual(resample(input, from, to, [length + 1]));
      }),
      { numRuns: 60 },
    );
  });

  it('returns the frame itself when the rates are equal', () => {
    const frame = mono(tone(440, 16_000, 0.02), 16_000);
    const resampler = new Resampler({ inputRateHz: 16_000, outputRateHz: 16_000 });
    expect(resampler.process(frame)).toBe(frame);
    expect(resampler.flush().samples.length).toBe(0);
    expect(resampler.latencyMs).toBe(0);
  });

  it('is as new after a flush', () => {
    const resampler = new Resampler({ inputRateHz: 48_000, outputRateHz: 16_000 });
    const run = () => [
      ...resampler.process(mono(tone(700, 48_000, 0.1), 48_000)).samples,
      ...resampler.flush().samples,
    ];
    expect(run()).toEqual(run());
  });

  it('is late by at most 2.3 ms at 16 kHz, so a 20 ms frame gives 284 samples at first and 320 from then on', () => {
    const resampler = new Resampler({ inputRateHz: 48_000, outputRateHz: 16_000 });
    const lengths = [1, 2, 3, 4].map(() => resampler.process(mono(new Int16Array(960), 48_000)).samples.length);
    expect(lengths).toEqual([284, 320, 320, 320]);
    expect(resampler.latencyMs).toBeCloseTo(2.25);
  });

  it.each([7999, 192_001, 16_000.5, Number.NaN])('refuses a rate of %d Hz', (rate) => {
    const bad = () => new Resampler({ inputRateHz: rate, outputRateHz: 16_000 });
    expect(bad).toThrow(expect.objectContaining({ code: 'ERR_AUDIO_FRAME', field: 'inputRateHz' }));
  });

  it('refuses a frame of another rate or of two channels and goes on', () => {
    const resampler = new Resampler({ inputRateHz: 48_000, outputRateHz: 16_000 });
    const stereo: AudioFrame = { samples: new Int16Array(4), sampleRateHz: 48_000, channels: 2 };
    expect(() => resampler.process(stereo)).toThrow(expect.objectContaining({ field: 'channels' }));
    const other = mono(new Int16Array(4), 44_100);
    expect(() => resampler.process(other)).toThrow(expect.objectContaining({ field: 'sampleRateHz' }));
    expect(resampler.process(mono(new Int16Array(960), 48_000)).samples.length).toBe(284);
  });
});
