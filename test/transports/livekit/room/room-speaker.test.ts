import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../../../src/testing/virtual-clock.ts';
import { RoomSpeaker, SOURCE_QUEUE_MS } from '../../../../src/transports/livekit/room/room-speaker.ts';
import { FakeFrame, FakeSource } from '../fake-rtc.ts';

const RATE = 24_000;
const perMs = RATE / 1000;

function start() {
  const clock = new VirtualClock();
  const source = new FakeSource();
  const refusals: string[] = [];
  const speaker = new RoomSpeaker({
    rtc: { AudioFrame: FakeFrame },
    source,
    clock,
    sampleRateHz: RATE,
    onRefused: (error) => refusals.push(String(error)),
  });
  const write = (ms: number, value = 1) =>
    speaker.write({ samples: new Int16Array(Math.round(ms * perMs)).fill(value), sampleRateHz: RATE, channels: 1 });
  return { clock, source, speaker, write, refusals };
}

describe('the pump', () => {
  test('has one piece in flight, whatever is written meanwhile', async () => {
    const { clock, source, write, speaker, refusals } = start();
    source.isBlocking = true;
    write(300);
    await clock.settle();
    write(300);
    speaker.end();
    await clock.settle();
    expect(source.calls).toEqual(['capture']);
    for (let i = 0; i < 6; i++) {
      source.release();
      await clock.settle();
    }
    expect([source.frames.length, refusals]).toEqual([6, []]);
  });

  test('hands over what was written in one tick in pieces of at most 100 ms', async () => {
    const { clock, source, write, speaker } = start();
    for (let i = 0; i < 15; i++) write(20);
    speaker.end();
    await clock.settle();
    expect(source.frames.map(({ data }) => data.length / perMs)).toEqual([100, 100, 100]);
  });

  test('sends a first short piece at once, and collects a trickle while enough is queued', async () => {
    const { clock, source, write } = start();
    write(20);
    await clock.settle();
    expect(source.frames).toHaveLength(1);
    write(100);
    await clock.settle();
    write(20);
    await clock.settle();
    expect(source.frames).toHaveLength(2); // 120 ms are queued: 20 ms can wait
    write(20);
    await clock.settle();
    expect(source.frames.map(({ data }) => data.length / perMs)).toEqual([20, 100, 40]);
  });

  test('sends a short rest when the room is about to run dry', async () => {
    const { clock, source, write } = start();
    write(100);
    await clock.settle();
    write(20);
    await clock.advance(39);
    expect(source.frames).toHaveLength(1);
    await clock.advance(1);
    expect(source.frames).toHaveLength(2);
  });

  test('gives each piece a buffer of its own that begins at its first sample', async () => {
    const { clock, source, speaker } = start();
    const pool = new Int16Array(4_800).fill(111);
    pool.fill(222, 2_400);
    speaker.write({ samples: pool.subarray(2_400), sampleRateHz: RATE, channels: 1 });
    speaker.end();
    await clock.settle();
    const [frame] = source.frames;
    expect(frame?.data.byteOffset).toBe(0);
    expect(frame?.data.buffer.byteLength).toBe(4_800);
    expect(new Set(new Int16Array(frame?.data.buffer ?? new ArrayBuffer(0)))).toEqual(new Set([222]));
  });

  test('keeps a rest under 10 ms until more comes, and pads it at the end', async () => {
    const { clock, source, speaker, write } = start();
    write(25, 7);
    await clock.settle();
    expect(source.samples).toHaveLength(20 * perMs);
    speaker.end();
    await clock.settle();
    expect(source.samples).toHaveLength(30 * perMs);
    expect(source.samples.filter((sample) => sample === 7)).toHaveLength(25 * perMs);
    await clock.advance(30);
    expect(speaker.playedSamples()).toBe(25 * perMs);
  });

  test('goes on after pieces were refused, which pass in real time and are told once', async () => {
    const { clock, source, speaker, write, refusals } = start();
    source.refuses = 2;
    write(300);
    speaker.end();
    await clock.settle();
    expect(refusals).toEqual([expect.stringContaining('failed to capture frame')]);
    expect(source.frames).toHaveLength(1);
    await clock.advance(300);
    expect(speaker.playedSamples()).toBe(300 * perMs);
  });

  test('tells once that the native side hangs, when something new is to be said', async () => {
    const clock = new VirtualClock();
    const source = new FakeSource();
    let told = 0;
    const rtc = { AudioFrame: FakeFrame };
    const speaker = new RoomSpeaker({ rtc, source, clock, sampleRateHz: RATE, onStuck: () => told++ });
    const say = async (afterMs: number) => {
      await clock.advance(afterMs);
      speaker.write({ samples: new Int16Array(2_400), sampleRateHz: RATE, channels: 1 });
      await clock.settle();
    };
    source.isBlocking = true;
    await say(0);
    await say(2_499);
    expect(told).toBe(0);
    await say(1);
    await say(1_000);
    expect(told).toBe(1);
  });

  test('hands nothing over while held', async () => {
    const { clock, source, speaker, write } = start();
    speaker.hold(true);
    write(100);
    await clock.advance(1_000);
    expect([source.frames.length, speaker.playedSamples()]).toEqual([0, 0]);
    speaker.hold(false);
    await clock.advance(50);
    expect(speaker.playedSamples()).toBe(50 * perMs);
  });
});

describe('a hold', () => {
  test('keeps what waits for 30 s from its first sample', async () => {
    const { clock, speaker, write } = start();
    speaker.hold(true);
    await clock.advance(40_000);
    write(50);
    await clock.advance(20_000);
    write(50);
    await clock.advance(9_999);
    expect([speaker.isSuspended, speaker.playedSamples()]).toEqual([true, 0]);
    await clock.advance(1);
    expect(speaker.isSuspended).toBe(false);
    write(50); // of the same answer
    await clock.advance(150);
    expect(speaker.playedSamples()).toBe(150 * perMs);
  });

  test('that begins in the middle of an answer keeps the rest for as long', async () => {
    const { clock, speaker, write } = start();
    write(300);
    speaker.hold(true); // before anything was handed over
    await clock.advance(29_999);
    expect(speaker.playedSamples()).toBe(0);
    await clock.advance(301);
    expect(speaker.playedSamples()).toBe(300 * perMs);
  });

  test('of what was flushed or went on ends nothing later', async () => {
    const { clock, source, speaker, write } = start();
    speaker.hold(true);
    write(100);
    await clock.advance(20_000);
    speaker.flush();
    await clock.advance(20_000);
    expect(speaker.isSuspended).toBe(false); // nothing waits
    write(100);
    await clock.advance(20_000);
    speaker.hold(false);
    await clock.settle();
    speaker.hold(true);
    write(100);
    await clock.advance(29_000);
    expect([source.frames.length, clock.pendingTimers]).toEqual([1, 1]);
    speaker.close();
    await clock.advance(10_000);
    expect([source.frames.length, clock.pendingTimers]).toEqual([1, 0]);
  });
});

describe('flush', () => {
  test('tells the position of the moment, before the queue is cleared', async () => {
    const { clock, source, speaker, write } = start();
    write(1_000);
    await clock.advance(130);
    speaker.flush();
    expect(speaker.playedSamples()).toBe(130 * perMs);
    await clock.advance(1_000);
    expect(speaker.playedSamples()).toBe(130 * perMs);
    expect(source.calls.at(-1)).toBe('clear');
  });

  test('stops the pump first: nothing written before is handed over after it', async () => {
    const { clock, source, speaker, write } = start();
    source.isBlocking = true;
    write(1_000, 1);
    await clock.settle();
    speaker.flush();
    write(100, 2);
    await clock.settle();
    expect(source.calls).toEqual(['capture', 'clear']); // the cleared piece is still in flight
    source.release();
    await clock.settle();
    expect([...new Set(source.frames.at(-1)?.data)]).toEqual([2]);
  });

  test('of a closed speaker does not touch the source, which would throw', () => {
    const { source, speaker, write, refusals } = start();
    speaker.close();
    source.calls.push('close');
    write(100);
    speaker.flush();
    expect(source.calls).toEqual(['clear', 'close']);
    expect(refusals).toEqual([]);
  });
});

test('a muted voice passes as silence of the same length, and is heard again when it is unmuted', async () => {
  const clock = new VirtualClock();
  const source = new FakeSource();
  let muted = true;
  const rtc = { AudioFrame: FakeFrame };
  const speaker = new RoomSpeaker({ rtc, source, clock, sampleRateHz: RATE, isMuted: () => muted });
  const say = async () => {
    speaker.write({ samples: new Int16Array(40 * perMs).fill(5), sampleRateHz: RATE, channels: 1 });
    speaker.end();
    await clock.advance(40);
  };
  await say();
  expect(speaker.playedSamples()).toBe(40 * perMs);
  muted = false;
  await say();
  expect(source.samples).toEqual([...Array(40 * perMs).fill(0), ...Array(40 * perMs).fill(5)]);
});

test('the queue of the source is a multiple of 10 ms: anything else aborts the process', () => {
  expect(SOURCE_QUEUE_MS % 10).toBe(0);
  expect(SOURCE_QUEUE_MS).toBeGreaterThan(0);
});

test('the position never falls nor passes what was written; at the end every sample was handed over once, in order', async () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('write' as const), ms: fc.integer({ min: 1, max: 400 }) }),
    fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 300 }) }),
    fc.record({ do: fc.constant('end' as const), ms: fc.constant(0) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const { clock, source, speaker } = start();
      let written = 0;
      let before = 0;
      for (const { do: what, ms } of steps) {
        if (what === 'write') {
          const samples = Int16Array.from({ length: ms * perMs }, (_, i) => 1 + ((written + i) % 30_000));
          speaker.write({ samples, sampleRateHz: RATE, channels: 1 });
          written += samples.length;
        } else if (what === 'end') speaker.end();
        await clock.advance(ms);
        const played = speaker.playedSamples();
        expect(played).toBeGreaterThanOrEqual(before);
        expect(played).toBeLessThanOrEqual(written);
        before = played;
      }
      speaker.end();
      await clock.advance(30_000);
      expect(speaker.playedSamples()).toBe(written);
      expect(source.samples.filter((sample) => sample !== 0)).toEqual(
        Array.from({ length: written }, (_, i) => 1 + (i % 30_000)),
      );
      for (const { data } of source.frames) expect(data.length % (10 * perMs)).toBe(0);
    }),
    { numRuns: 60 },
  );
});
