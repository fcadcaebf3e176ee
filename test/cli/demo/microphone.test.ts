import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cutIntoFrames, Microphone } from '../../../src/cli/demo/microphone.ts';
import { type AudioFrame, INPUT_FORMAT } from '../../../src/index.ts';
import { VirtualClock } from '../../../src/testing/index.ts';

const frameOf = (value: number): AudioFrame => ({ samples: new Int16Array(320).fill(value), ...INPUT_FORMAT });

function switchedOn() {
  const clock = new VirtualClock();
  const heard: { value: number; fromMs: number; atMs: number }[] = [];
  const microphone = new Microphone({
    clock,
    format: INPUT_FORMAT,
    onFrame: ({ samples }, fromMs) => heard.push({ value: samples[0] ?? -1, fromMs, atMs: clock.now() }),
  });
  microphone.start();
  return { clock, microphone, heard };
}

describe('the microphone', () => {
  test('hands on each frame when its last sample was spoken, and silence otherwise', async () => {
    const { clock, microphone, heard } = switchedOn();
    await clock.advance(40);
    const played = microphone.play([frameOf(1), frameOf(2)]);
    await clock.advance(60);
    await played;
    microphone.stop();
    expect(heard.map(({ value }) => value)).toEqual([0, 0, 1, 2, 0]);
    expect(heard.map(({ fromMs }) => fromMs)).toEqual([0, 20, 40, 60, 80]);
    expect(heard.every(({ fromMs, atMs }) => atMs === fromMs + 20)).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  test('switched off it hands on nothing, and whoever waits for it is told', async () => {
    const { clock, microphone, heard } = switchedOn();
    const played = microphone.play([frameOf(1)]);
    microphone.stop();
    await played;
    await clock.advance(100);
    expect(heard).toEqual([]);
    await microphone.play([frameOf(1)]);
  });
});

test('frames of any rate join to the audio they were cut from', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(8_000, 11_025, 16_000, 22_050, 44_100, 192_000),
      fc.constantFrom(1, 2),
      fc.nat(10_000),
      (sampleRateHz, channels, count) => {
        const samples = Int16Array.from({ length: count * channels }, (_, i) => i % 30_000);
        const frames = cutIntoFrames({ samples, sampleRateHz, channels });
        expect(frames.flatMap((frame) => [...frame.samples])).toEqual([...samples]);
        const longest = Math.max(0, ...frames.map((frame) => frame.samples.length / channels));
        expect(longest).toBeLessThanOrEqual(Math.ceil(sampleRateHz / 50));
      },
    ),
    { numRuns: 30 },
  );
});
