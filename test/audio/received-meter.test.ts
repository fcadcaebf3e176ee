import { expect, test } from 'vitest';
import { ReceivedMeter } from '../../src/audio/received-meter.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';

test('every byte is told once, at most twice a second', async () => {
  const clock = new VirtualClock();
  const told: [number, number][] = [];
  const meter = new ReceivedMeter(clock, (bytes, ms) => told.push([bytes, ms]));
  for (let i = 0; i <= 55; i++) {
    meter.count({ samples: new Int16Array(320), sampleRateHz: 16_000, channels: 1 });
    await clock.advance(20);
  }
  // The frame at 0 and that at 500 ms are both in the first; the next count begins with the frame behind.
  expect(told).toEqual([
    [26 * 640, 500],
    [26 * 640, 500],
  ]);
});
