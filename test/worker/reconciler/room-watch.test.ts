import { describe, expect, test } from 'vitest';
import { RoomWatch } from '../../../src/worker/reconciler/room-watch.ts';
import type { ServerDispatch, ServerParticipant, ServerRoom } from '../../../src/worker/server/server-api.ts';

const room = (i: number, participantCount = 1) => ({ sid: `RM_${i}`, name: `r${i}`, participantCount }) as ServerRoom; // what is read
const user = { identity: 'user', kind: 'standard' } as ServerParticipant;
const untaken = { id: 'AD_1', attributes: {}, createdAtEpochMs: 0, jobs: [] } as unknown as ServerDispatch;
const names = (rooms: readonly ServerRoom[]) => rooms.map(({ name }) => name);

function judge(
  watch: RoomWatch,
  each: ServerRoom,
  nowMs: number,
  dispatches: readonly ServerDispatch[] = [],
  others: readonly ServerParticipant[] = [],
) {
  const facts = { ownJobs: new Map(), agentName: 'desk', wallMs: 1_000_000 };
  return watch.judge({ ...facts, room: each, dispatches, participants: [user, ...others], nowMs });
}

describe('rooms to look at', () => {
  const rooms = Array.from({ length: 25 }, (_, i) => room(i));

  test('ten at a time, each in its turn', () => {
    const watch = new RoomWatch();
    const looked: string[] = [];
    for (let look = 0; look < 3; look++) {
      const chosen = watch.choose(rooms);
      expect(chosen.length).toBe(10);
      looked.push(...names(chosen));
      for (const each of chosen) judge(watch, each, look);
    }
    expect(new Set(looked).size).toBe(25);
  });

  test('those with something odd before all others', () => {
    const watch = new RoomWatch();
    for (const each of rooms) judge(watch, each, 1, each.name === 'r24' ? [untaken] : []);
    expect(names(watch.choose(rooms))[0]).toBe('r24');
  });

  test('those that are urgent before all others', () => {
    const watch = new RoomWatch();
    const chosen = watch.choose(rooms, ({ name }) => name === 'r24');
    expect([names(chosen)[0], chosen.length]).toEqual(['r24', 11]);
  });

  test('none that is empty, and none that is gone is remembered', () => {
    const watch = new RoomWatch();
    judge(watch, room(1), 1, [untaken]);
    expect(watch.choose([room(1, 0), room(2)])).toEqual([room(2)]);
    watch.choose([room(2)]);
    expect(judge(watch, room(1), 20_000, [untaken])).toEqual([]);
  });
});

describe('verdicts', () => {
  test('one look says nothing, two do', () => {
    const watch = new RoomWatch();
    expect(judge(watch, room(1), 0, [untaken])).toEqual([]);
    expect(judge(watch, room(1), 2_000, [untaken])).toEqual([{ kind: 'redispatch', dispatchId: 'AD_1' }]);
  });

  const agent = (name: string, more: Readonly<Record<string, string>> = {}) =>
    ({
      identity: 'agent-1',
      kind: 'agent',
      attributes: { 'lk.agent_name': name, ...more },
    }) as unknown as ServerParticipant;
  const gone = {
    ...untaken,
    jobs: [{ kind: 'room', status: 'failed', agentIdentity: 'agent-2' }],
  } as unknown as ServerDispatch;

  test.each([
    ['an agent of this name', [agent('desk')], 0],
    ['one of another name', [agent('sales')], 1],
    ['somebody who only calls itself so', [{ ...agent('desk'), kind: 'standard' as const }], 1],
  ])('a room that is served by %s that no dispatch accounts for', (_, others, verdicts) => {
    for (const dispatch of [untaken, gone]) {
      const watch = new RoomWatch();
      judge(watch, room(1), 0, [dispatch], others);
      expect(judge(watch, room(1), 20_000, [dispatch], others)).toHaveLength(verdicts);
    }
  });

  test('a dispatch that was fine in between is seen anew', () => {
    const watch = new RoomWatch();
    judge(watch, room(1), 0, [untaken]);
    judge(watch, room(1), 2_000, []);
    expect(judge(watch, room(1), 4_000, [untaken])).toEqual([]);
  });

  test('a clock of the server that is ahead costs 8 s, no more', () => {
    const watch = new RoomWatch();
    const ahead = [{ ...untaken, createdAtEpochMs: 9_000_000 }];
    expect([0, 4_000, 7_999].map((nowMs) => judge(watch, room(1), nowMs, ahead).length)).toEqual([0, 0, 0]);
    expect(judge(watch, room(1), 8_000, ahead)).toHaveLength(1);
  });
});
