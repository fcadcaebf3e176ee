import { expect, test } from 'vitest';
import { ImageRate } from '../../src/transports/image-rate.ts';

/** Times at which a frame was taken, of a video with a frame each `frameMs`. */
function taken(frameMs: number, untilMs: number, intervalMs: (nowMs: number) => number): number[] {
  let nowMs = 0;
  const rate = new ImageRate({ intervalMs: () => intervalMs(nowMs) }, { now: () => nowMs });
  const times: number[] = [];
  for (; nowMs <= untilMs; nowMs += frameMs) {
    if (!rate.isDue('camera')) continue;
    rate.take('camera');
    times.push(nowMs);
  }
  return times;
}

test('frames that come at odd times do not make the rate lower', () => {
  expect(taken(70, 10_000, () => 1_000)).toHaveLength(10);
});

test('the first frame is taken at once, and one that was long awaited starts a new grid', () => {
  const times = taken(100, 5_000, (nowMs) => (nowMs > 500 && nowMs < 3_050 ? Number.POSITIVE_INFINITY : 1_000));
  expect(times).toEqual([0, 3_100, 4_100]);
});

test('a shorter interval holds from the next frame on', () => {
  expect(taken(100, 6_000, (nowMs) => (nowMs < 2_000 ? 3_000 : 1_000))).toEqual([0, 2_000, 3_000, 4_000, 5_000, 6_000]);
});

test('sources are counted apart', () => {
  const rate = new ImageRate({ intervalMs: () => 1_000 }, { now: () => 0 });
  rate.take('camera');
  expect([rate.isDue('camera'), rate.isDue('screen')]).toEqual([false, true]);
});
