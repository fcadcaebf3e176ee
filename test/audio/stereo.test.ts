import { describe, expect, it } from 'vitest';
import type { AudioFrame } from '../../src/audio/frame.ts';
import { StereoRecorder } from '../../src/audio/stereo.ts';

function frame(ms: number, value: number, sampleRateHz = 16_000, channels = 1): AudioFrame {
  return { samples: new Int16Array(((ms * sampleRateHz) / 1000) * channels).fill(value), sampleRateHz, channels };
}

function side(recorder: StereoRecorder, channel: 0 | 1): number[] {
  return [...recorder.toFrame().samples].filter((_, i) => i % 2 === channel);
}

/** Runs of equal values as [value, milliseconds]. */
function runs(values: number[], rate = 16_000): Array<[number, number]> {
  const out: Array<[number, number]> = [];
  for (const value of values) {
    const last = out.at(-1);
    if (last?.[0] === value) last[1] += 1000 / rate;
    else out.push([value, 1000 / rate]);
  }
  return out;
}

describe('StereoRecorder', () => {
  it('puts the user on the left and the agent on the right of one time axis', () => {
    const recorder = new StereoRecorder({ originMs: 1000 });
    recorder.write('agent', frame(100, 7), 1500);
    recorder.write('user', frame(200, 5), 1100);
    expect(runs(side(recorder, 0))).toEqual([
      [0, 100],
      [5, 200],
      [0, 300],
    ]);
    expect(runs(side(recorder, 1))).toEqual([
      [0, 500],
      [7, 100],
    ]);
    expect(recorder.durationMs).toBe(600);
    expect(recorder.toFrame()).toMatchObject({ sampleRateHz: 16_000, channels: 2 });
  });

  it('begins with the first frame when no beginning was given', () => {
    const recorder = new StereoRecorder();
    recorder.write('user', frame(20, 5), 123_456.7);
    expect(recorder.durationMs).toBe(20);
  });

  it('joins frames whose times jitter, without a hole or an overlap', () => {
    const recorder = new StereoRecorder({ originMs: 0 });
    [0, 23, 38, 75, 80].forEach((atMs) => {
      recorder.write('user', frame(20, 5), atMs);
    });
    expect(runs(side(recorder, 0))).toEqual([[5, 100]]);
  });

  it('keeps a real pause', () => {
    const recorder = new StereoRecorder({ originMs: 0 });
    recorder.write('agent', frame(20, 5), 0);
    recorder.write('agent', frame(20, 6), 100);
    expect(runs(side(recorder, 1))).toEqual([
      [5, 20],
      [0, 80],
      [6, 20],
    ]);
  });

  it('sums what overlaps on one side and clips it', () => {
    const recorder = new StereoRecorder({ originMs: 0 });
    recorder.write('agent', frame(200, 20_000), 0);
    recorder.write('agent', frame(50, 20_000), 100);
    expect(runs(side(recorder, 1))).toEqual([
      [20_000, 100],
      [32_767, 50],
      [20_000, 50],
    ]);
  });

  it.each([
    [48_000, 1],
    [22_050, 2],
    [8000, 1],
  ])('brings %i Hz with %i channel(s) to its own rate, in place', (rate, channels) => {
    const recorder = new StereoRecorder({ originMs: 0 });
    for (let i = 0; i < 50; i++) recorder.write('user', frame(20, 1000, rate, channels), 500 + i * 20);
    const left = side(recorder, 0);
    expect(left.length).toBe(24_000);
    expect(left.slice(0, 8000).every((value) => value === 0)).toBe(true);
    expect(left.slice(8100, 23_900).every((value) => value === 1000)).toBe(true);
  });

  it('may be read in the middle of a call', () => {
    const recorder = new StereoRecorder({ originMs: 0 });
    recorder.write('user', frame(20, 5, 48_000), 0);
    expect(recorder.toFrame().samples.length).toBe(640);
    recorder.write('user', frame(20, 5, 48_000), 20);
    expect(recorder.toFrame().samples.length).toBe(1280);
  });

  it('drops and counts what lies before its beginning or behind its end', () => {
    const recorder = new StereoRecorder({ originMs: 1000, maxDurationMs: 100 });
    recorder.write('user', frame(20, 5), 990);
    recorder.write('agent', frame(20, 5), 1090);
    recorder.write('agent', frame(20, 5), 5000);
    expect(runs(side(recorder, 0))[0]).toEqual([5, 10]);
    expect(recorder.durationMs).toBe(100);
    expect(recorder.droppedSamples).toBe((10 + 10 + 20) * 16);
  });

  it('refuses a malformed frame and a bad rate', () => {
    const odd: AudioFrame = { samples: new Int16Array(3), sampleRateHz: 16_000, channels: 2 };
    expect(() => new StereoRecorder().write('user', odd, 0)).toThrow(
      expect.objectContaining({ code: 'ERR_AUDIO_FRAME' }),
    );
    expect(() => new StereoRecorder({ sampleRateHz: 1 })).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }));
  });
});
