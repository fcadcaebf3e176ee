import { expect, test } from 'vitest';
import { playoutDevice } from '../../src/runtime/playout-device.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import type { AudioSink } from '../../src/transports/transport.ts';

const sinkWith = (parts: Partial<AudioSink>): AudioSink => ({
  pacesItself: true,
  canPause: true,
  sampleRateHz: 24_000,
  write: () => {},
  playedSamples: () => 0,
  flush: () => {},
  ...parts,
});

test('a loudspeaker that paces itself is told when nothing follows, or its last samples would never be heard', () => {
  let ends = 0;
  const device = playoutDevice(sinkWith({ end: () => ends++ }), new VirtualClock(), () => {});
  device.end?.();
  expect(ends).toBe(1);
  const errors: unknown[] = [];
  playoutDevice(sinkWith({}), new VirtualClock(), (error) => errors.push(error)).end?.();
  expect(errors).toEqual([]);
});

test('whether it is suspended is asked anew each time', () => {
  let isSuspended = false;
  const sink = Object.defineProperty(sinkWith({}), 'isSuspended', { get: () => isSuspended });
  const device = playoutDevice(sink, new VirtualClock(), () => {});
  expect(device.isSuspended).toBe(false);
  isSuspended = true;
  expect(device.isSuspended).toBe(true);
});

test('one that throws is reported, and keeps its last position', () => {
  const errors: unknown[] = [];
  let isBroken = false;
  const broken = () => {
    if (isBroken) throw new Error('broken');
    return 7;
  };
  const sink = sinkWith({ playedSamples: broken, flush: () => void broken(), end: () => void broken() });
  Object.defineProperty(sink, 'isSuspended', { get: () => broken() > 7 });
  const device = playoutDevice(sink, new VirtualClock(), (error) => errors.push(error));
  expect(device.playedSamples()).toBe(7);
  isBroken = true;
  expect(device.playedSamples()).toBe(7);
  device.flush();
  device.end?.();
  expect(device.isSuspended).toBe(false);
  expect(errors).toHaveLength(4);
});
