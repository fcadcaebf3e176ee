import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../../../src/testing/virtual-clock.ts';
import { RoomNetwork } from '../../../../src/transports/livekit/room/room-network.ts';

function start(heard: (boolean | null)[] = []) {
  const clock = new VirtualClock();
  const lost: number[] = [];
  const network = new RoomNetwork({
    clock,
    isHearing: () => heard.shift() ?? null,
    onLost: () => lost.push(clock.now()),
  });
  return { clock, network, lost };
}

describe('a reconnect', () => {
  test('that hangs has lost the room after 30 s, however often it is told', async () => {
    const { clock, network, lost } = start();
    network.reconnecting();
    await clock.advance(20_000);
    network.reconnecting();
    await clock.advance(9_999);
    expect([network.isReconnecting, lost]).toEqual([true, []]);
    await clock.advance(60_000);
    expect(lost).toEqual([30_000]);
  });

  test.each([
    ['the user is heard at once', [true], []],
    ['the user is heard a little late', [false, true], []],
    ['the user is not heard', [false, false], [10_000]],
    ['the user comes back later, and is heard', [null, null, null, true], []],
    ['the user comes back later, and is not heard', [null, null, null, false, false], [25_000]],
    ['the user has just switched the microphone on at a look', [null, false, null, false, true], []],
    ['nobody comes back', [], []],
  ])('that came to its end in time, and %s', async (_, heard, told) => {
    const { clock, network, lost } = start([...heard]);
    network.reconnecting();
    await clock.advance(29_000);
    network.reconnected();
    const backMs = clock.now();
    await clock.advance(60_000);
    expect(network.isReconnecting).toBe(false);
    expect(lost.map((atMs) => atMs - backMs)).toEqual(told);
    network.close();
    expect(clock.pendingTimers).toBe(0);
  });

  test('of a room that is left is nothing to wait for', async () => {
    const { clock, network, lost } = start([false, false]);
    network.reconnecting();
    network.close();
    expect(clock.pendingTimers).toBe(0);
    network.reconnected();
    expect([clock.pendingTimers, lost]).toEqual([0, []]);
  });
});
