import { expect, test } from 'vitest';
import { DetectorBacklog } from '../../src/audio/detector-backlog.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';

const PER_MS = 16;

/** A detector that is behind when the test says so; what it got, as milliseconds of audio and the time of their end. */
function setUp() {
  const clock = new VirtualClock();
  const written: [number, number][] = [];
  const detector = { isBehind: false };
  const backlog = new DetectorBacklog({
    clock,
    isBehind: () => detector.isBehind,
    write: (samples, endsAtMs) => written.push([samples.length / PER_MS, endsAtMs]),
  });
  const take = (ms: number) => backlog.take(new Int16Array(ms * PER_MS), clock.now());
  return { clock, backlog, detector, written, take };
}

test('a long frame is handed over in pieces, each dated back so that the last sample is spoken now', async () => {
  const { clock, written, take } = setUp();
  await clock.advance(1_000);
  take(250);
  expect(written).toEqual([
    [100, 850],
    [100, 950],
    [50, 1_000],
  ]);
});

test('what comes while the detector is behind waits, and follows in order once it is not', async () => {
  const { clock, backlog, detector, written, take } = setUp();
  detector.isBehind = true;
  take(100);
  take(20);
  await clock.advance(500);
  expect([written, backlog.isEmpty]).toEqual([[], false]);
  detector.isBehind = false;
  await clock.advance(10);
  expect(written.map(([ms]) => ms)).toEqual([100, 20]);
  expect([backlog.isEmpty, clock.pendingTimers]).toEqual([true, 0]);
});

test('a detector that hangs is not waited for beyond 30 s of audio', async () => {
  const { clock, detector, written, take } = setUp();
  detector.isBehind = true;
  for (let i = 0; i < 8; i++) {
    await clock.advance(5_000);
    take(5_000);
  }
  expect(written.reduce((sum, [ms]) => sum + ms, 0)).toBe(10_000);
});

test('all of it is written on request, however far the detector is behind', () => {
  const { backlog, detector, written, take } = setUp();
  detector.isBehind = true;
  take(200);
  backlog.drainAll();
  expect([written.length, backlog.isEmpty]).toEqual([2, true]);
});

test('after the close nothing is written and no timer is left', async () => {
  const { clock, backlog, detector, written, take } = setUp();
  detector.isBehind = true;
  take(200);
  backlog.close();
  detector.isBehind = false;
  await clock.advance(1_000);
  expect([written, clock.pendingTimers]).toEqual([[], 0]);
});
