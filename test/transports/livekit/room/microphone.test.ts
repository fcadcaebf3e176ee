import { expect, test } from 'vitest';
import type { AudioFrame } from '../../../../src/audio/frame.ts';
import { nextLoopTurn } from '../../../../src/clock.ts';
import { readMicrophone } from '../../../../src/transports/livekit/room/microphone.ts';
import { FakeRtcWorld, fakeTrack } from '../fake-rtc.ts';

function start(onFrame?: (frame: AudioFrame) => void) {
  const world = new FakeRtcWorld();
  const frames: AudioFrame[] = [];
  const errors: unknown[] = [];
  const stop = readMicrophone({
    rtc: world.rtc,
    track: fakeTrack('TR_user'),
    onFrame: onFrame ?? ((frame) => frames.push(frame)),
    onError: (error) => errors.push(error),
  });
  const [opened] = world.streams;
  if (opened === undefined) throw new Error('no stream was opened');
  const push = (value: number, samples = 320) =>
    opened.stream.push({ data: new Int16Array(samples).fill(value), sampleRate: 16_000, channels: 1 });
  return { frames, errors, stop, push, ...opened };
}

/** Reads go one frame at a time, and a hand-over takes another turn. */
async function settled(turns = 3): Promise<void> {
  for (let i = 0; i < turns; i++) await nextLoopTurn();
}

test('the library is asked for what the detectors hear: 16 kHz mono', () => {
  expect(start().options).toMatchObject({ sampleRate: 16_000, numChannels: 1 });
});

test('frames are copied: the library may use its memory again', async () => {
  const { frames, stream } = start();
  const pool = new Int16Array(640).fill(5);
  stream.push({ data: pool.subarray(320), sampleRate: 16_000, channels: 1 });
  await settled();
  pool.fill(9);
  expect(frames[0]?.samples).toEqual(new Int16Array(320).fill(5));
  expect(frames[0]?.samples.byteOffset).toBe(0);
});

test('after a stall the newest two seconds are handed over, in order, and what was dropped is told', async () => {
  const { frames, errors, push } = start();
  for (let i = 1; i <= 150; i++) push(i);
  await settled();
  expect(frames).toHaveLength(100);
  expect(frames.map(({ samples }) => samples[0])).toEqual(Array.from({ length: 100 }, (_, i) => i + 51));
  expect(errors).toEqual([expect.objectContaining({ message: expect.stringContaining('1000 ms') })]);
  push(151);
  await settled();
  expect([frames.length, errors.length]).toEqual([101, 1]);
});

test('a stream that breaks is told, once, and not after the end', async () => {
  const { errors, stream } = start();
  stream.break(new Error('native'));
  await settled();
  expect(errors).toEqual([
    expect.objectContaining({ code: 'ERR_TRANSPORT', message: 'the stream of a track of the user broke: native' }),
  ]);
  const late = start();
  late.stop();
  late.stream.break(new Error('native'));
  await settled();
  expect(late.errors).toEqual([]);
});

test('stopping cancels the stream, and nothing is handed over afterwards', async () => {
  const { frames, stop, push, stream } = start();
  push(1);
  await settled();
  push(2);
  stop();
  stop();
  await settled();
  expect(stream.isCancelled).toBe(true);
  expect(frames).toHaveLength(1);
});

test('a listener that throws is told of, and the reading goes on', async () => {
  let count = 0;
  const { errors, push } = start(() => {
    if (++count === 1) throw new Error('no');
  });
  push(1);
  await settled();
  push(2);
  await settled();
  expect(errors).toEqual([new Error('no')]);
  expect(count).toBe(2);
});
