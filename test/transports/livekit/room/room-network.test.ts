import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../../../src/testing/virtual-clock.ts';
import { RoomNetwork } from '../../../../src/transports/livekit/room/room-network.ts';
import { FakeRtcWorld } from '../fake-rtc.ts';

const never = () => new Promise<void>(() => {});

async function start(onAsk = async () => {}) {
  const clock = new VirtualClock();
  const world = new FakeRtcWorld();
  let asked = 0;
  world.onAsk = onAsk;
  const room = new world.rtc.Room();
  await room.connect('ws://127.0.0.1:1', 'jwt', {} as never);
  const lost: string[] = [];
  const network = new RoomNetwork({ room, clock, onLost: (reason) => lost.push(`${clock.now()} ${reason}`) });
  const answer = (how: () => Promise<void>) => {
    world.onAsk = () => {
      asked++;
      return how();
    };
  };
  answer(onAsk);
  network.begin();
  await clock.settle();
  return { clock, world, network, lost, answer, asked: () => asked };
}

describe('a reconnect', () => {
  test('that hangs has lost the room after 30 s, however often it is told', async () => {
    const { clock, world, lost } = await start();
    world.room.emit('reconnecting');
    await clock.advance(20_000);
    world.room.emit('reconnecting');
    await clock.advance(9_999);
    expect(lost).toEqual([]);
    await clock.advance(60_000);
    expect(lost).toEqual(['30000 the network did not come back']);
  });

  test('that comes to its end in time has not; the next one has its own time', async () => {
    const { clock, world, network, lost } = await start();
    world.room.emit('reconnecting');
    await clock.advance(29_000);
    world.room.emit('reconnected');
    await clock.advance(60_000);
    world.room.emit('reconnecting');
    await clock.advance(29_000);
    world.room.emit('reconnected');
    expect(lost).toEqual([]);
    network.close();
    await clock.settle();
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('a server', () => {
  test.each([
    ['answers', async () => {}],
    ['refuses', () => Promise.reject(new Error('not allowed'))],
  ])('that %s is asked less and less often, every 10 s in the end; anew after a reconnect', async (_, how) => {
    const { clock, world, lost, asked } = await start(how);
    expect(asked()).toBe(1);
    await clock.advance(60_000);
    expect([asked(), lost]).toEqual([9, []]);
    world.room.emit('reconnected');
    await clock.advance(7_000);
    expect(asked()).toBe(9 + 4);
  });

  test('that does not answer any more has lost the room: 16 s after the first that was not answered', async () => {
    const { clock, lost, answer } = await start();
    answer(never);
    await clock.advance(60_000);
    expect(lost).toEqual(['17000 the server does not answer any more']);
  });

  test('that does not answer after a reconnect has lost it 16 s after that', async () => {
    const { clock, world, lost, answer } = await start();
    await clock.advance(15_000);
    answer(never);
    world.room.emit('reconnecting');
    world.room.emit('reconnected');
    await clock.advance(60_000);
    expect(lost).toEqual(['31000 the server does not answer any more']);
  });

  test('that is silent for 14 s has not', async () => {
    const { clock, lost, answer } = await start();
    await clock.advance(5_000);
    answer(never);
    await clock.advance(5_000 + 9_000);
    answer(async () => {});
    await clock.advance(60_000);
    expect(lost).toEqual([]);
  });

  test('that is silent while the library reconnects is left to that', async () => {
    const { clock, world, lost, answer } = await start();
    answer(never);
    await clock.advance(10_000);
    world.room.emit('reconnecting');
    await clock.advance(20_000);
    answer(async () => {});
    world.room.emit('reconnected');
    await clock.advance(60_000);
    expect(lost).toEqual([]);
  });

  test.each([1, 15])('of which %i answers are lost in the library has lost nothing', async (count) => {
    const { clock, lost, answer, asked } = await start();
    let left = count;
    answer(() => (left-- > 0 ? never() : Promise.resolve()));
    await clock.advance(1_000 + count * 1_000);
    expect(asked()).toBe(1 + count + 1);
    await clock.advance(60_000);
    expect(lost).toEqual([]);
  });

  test('that answers after 3 s has lost nothing; a library that rejects after 5 s has not answered', async () => {
    const { clock, lost, answer } = await start();
    answer(() => new Promise((resolve) => clock.setTimeout(resolve, 3_000)));
    await clock.advance(60_000);
    expect(lost).toEqual([]);
    answer(() => new Promise((_, reject) => clock.setTimeout(() => reject(new Error('request timeout')), 5_000)));
    await clock.advance(60_000);
    expect(lost).toHaveLength(1);
  });

  test('that never answered such a thing is not asked for ever, and has lost nothing', async () => {
    const { clock, lost, asked } = await start(never);
    await clock.advance(60_000);
    expect([asked(), lost, clock.pendingTimers]).toEqual([16, [], 0]);
  });

  test('that would log each refusal, because the agent has not the right, is not asked', async () => {
    const { clock, world, lost, answer, asked } = await start();
    world.permission = { canUpdateMetadata: false };
    answer(never);
    await clock.advance(60_000);
    expect([asked(), lost]).toEqual([1, []]);
  });

  test('of a room that was left has nothing to answer', async () => {
    const { clock, world, network, lost, answer } = await start();
    answer(never);
    network.close();
    world.room.emit('reconnecting');
    world.room.emit('reconnected');
    await clock.advance(60_000);
    expect([lost, clock.pendingTimers]).toEqual([[], 0]);
  });
});
