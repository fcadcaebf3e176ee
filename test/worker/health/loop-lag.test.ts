import { expect, test } from 'vitest';
import { VirtualClock } from '../../../src/testing/virtual-clock.ts';
import { RecentLag } from '../../../src/worker/health/loop-lag.ts';

test('the lag that is shown is that of the last full window, not of the life of the process', async () => {
  const clock = new VirtualClock();
  let maxMs = 0;
  const lag = new RecentLag(clock, {
    start: () => {},
    stop: () => {},
    read: () => ({ p50Ms: 0, p99Ms: maxMs, maxMs }),
    reset: () => {
      maxMs = 0;
    },
  });
  lag.start();
  maxMs = 400;
  expect(lag.read().maxMs).toBe(400);
  await clock.advance(10_000);
  expect(lag.read().maxMs).toBe(400);
  await clock.advance(9_999);
  expect(lag.read().maxMs).toBe(400);
  await clock.advance(1);
  expect(lag.read().maxMs).toBe(0);
  lag.stop();
  expect(clock.pendingTimers).toBe(0);
});
