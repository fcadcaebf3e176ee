import { describe, expect, test } from 'vitest';
import { crash } from '../../../src/testing/crash.ts';
import type { JobParticipant } from '../../../src/worker/job/job-info.ts';
import { FakeParticipant, fakeTrack, KIND, WHY } from '../../transports/livekit/fake-rtc.ts';
import { quietAgent, startTestJob } from '../test-job.ts';

const microphoneOf = (participant: FakeParticipant) => participant.publish(`TR_${participant.identity}`);

async function startRoom({ lingerMs }: { readonly lingerMs?: number } = {}, ...present: FakeParticipant[]) {
  const room = startTestJob();
  room.world.present.push(...present);
  const asked: string[] = [];
  const starting = room.job.startSessionPerParticipant(
    ({ identity }) => {
      asked.push(identity);
      return { agent: quietAgent(room.clock) };
    },
    { ...(lingerMs !== undefined && { lingerMs }) },
  );
  const running = await room.settled(starting);
  const enter = async (participant: FakeParticipant) => {
    room.world.room.enter(participant);
    await room.settle();
  };
  const leave = async (participant: FakeParticipant, reason: number) => {
    room.world.room.leave(participant, reason);
    await room.clock.advance(2_000);
  };
  return { ...room, running, asked, enter, leave };
}

const names = (sessions: ReadonlyMap<string, unknown>) => [...sessions.keys()];

describe('a session for each participant', () => {
  test('those who are there and those who come get one, in one stay of the room', async () => {
    const [ann, bob] = [new FakeParticipant('ann'), new FakeParticipant('bob', KIND.SIP)];
    const room = await startRoom({}, ann);
    await room.enter(bob);
    expect(names(room.running.sessions)).toEqual(['ann', 'bob']);
    expect(room.world.rooms).toHaveLength(1);
    expect(room.audiences.at(-1)).toEqual([
      { identity: 'ann', trackSids: ['TR_agent'] },
      { identity: 'bob', trackSids: ['TR_agent2'] },
    ]);
  });

  test('agents, recorders and stand-ins of the agent get none', async () => {
    const room = await startRoom(
      {},
      new FakeParticipant('other', KIND.AGENT),
      new FakeParticipant('recorder', KIND.EGRESS),
      new FakeParticipant('stream', KIND.INGRESS),
      new FakeParticipant('avatar', KIND.STANDARD, { 'lk.publish_on_behalf': 'agent' }),
      new FakeParticipant('app', KIND.CONNECTOR),
    );
    expect(room.asked).toEqual(['app']);
  });

  test('one leaves, the other goes on; the job ends a while after the last', async () => {
    const [ann, bob] = [new FakeParticipant('ann'), new FakeParticipant('bob')];
    const room = await startRoom({}, ann, bob);
    await room.leave(ann, WHY.CLIENT_INITIATED);
    expect(names(room.running.sessions)).toEqual(['bob']);
    // What is over is not kept for the end of the job: one for the room, one for the session of bob.
    expect(room.job.shutdownCallbacks).toHaveLength(2);
    await room.clock.advance(60_000);
    expect(room.held.count).toBeGreaterThan(0);
    room.world.room.leave(bob, WHY.CLIENT_INITIATED);
    await room.clock.advance(4_999);
    expect(room.held.count).toBe(1);
    await room.clock.advance(2_000);
    expect(room.held).toMatchObject({ count: 0, failures: [], reason: 'the user left' });
    await room.settled(room.job.release('done'));
    expect(room.clock.pendingTimers).toBe(0);
  });

  test('somebody who comes meanwhile keeps the job', async () => {
    const [ann, bob] = [new FakeParticipant('ann'), new FakeParticipant('bob')];
    const room = await startRoom({}, ann);
    await room.leave(ann, WHY.CLIENT_INITIATED);
    await room.enter(bob);
    await room.clock.advance(60_000);
    expect(names(room.running.sessions)).toEqual(['bob']);
    expect(room.held.count).toBeGreaterThan(0);
  });

  test('who is cut off and comes back finds the same session; who stays away loses it', async () => {
    const ann = new FakeParticipant('ann');
    const room = await startRoom({}, ann, new FakeParticipant('bob'));
    const session = room.running.sessions.get('ann');
    await room.leave(ann, WHY.SIGNAL_CLOSE);
    await room.clock.advance(25_000);
    await room.enter(new FakeParticipant('ann'));
    await room.clock.advance(60_000);
    expect(room.running.sessions.get('ann')).toBe(session);
    expect(room.asked).toEqual(['ann', 'bob']);
    await room.leave(new FakeParticipant('ann'), WHY.SIGNAL_CLOSE);
    await room.clock.advance(30_000);
    expect((await session?.whenStopped)?.reason).toBe('the user did not come back');
    expect(names(room.running.sessions)).toEqual(['bob']);
  });

  test('who comes again after leaving gets a new one, even while the last one closes', async () => {
    const ann = new FakeParticipant('ann');
    const room = await startRoom({}, ann, new FakeParticipant('bob'));
    const before = room.running.sessions.get('ann');
    room.world.room.leave(ann, WHY.CLIENT_INITIATED);
    room.world.room.enter(new FakeParticipant('ann'));
    await room.clock.advance(5_000);
    const after = room.running.sessions.get('ann');
    expect(room.asked).toEqual(['ann', 'bob', 'ann']);
    expect(before?.state).toBe('closed');
    expect(after).toBeDefined();
    expect(after).not.toBe(before);
  });

  test('a session that its agent ended is not begun again while its participant stays', async () => {
    const room = await startRoom({}, new FakeParticipant('ann'), new FakeParticipant('bob'));
    void room.running.sessions.get('ann')?.close('goodbye');
    await room.clock.advance(30_000);
    expect(room.asked).toEqual(['ann', 'bob']);
    expect(names(room.running.sessions)).toEqual(['bob']);
  });

  test('one that breaks costs the others nothing; the last one that breaks fails the job', async () => {
    const room = await startRoom({}, new FakeParticipant('ann'), new FakeParticipant('bob'));
    const breakDown = async (identity: string) => {
      const { sessionId = '' } = room.running.sessions.get(identity) ?? {};
      for (let i = 0; i < 30; i++) {
        const conversation = room.runtime.registry.whereis(`${sessionId}/conversation`);
        if (conversation !== undefined) crash(conversation);
        await room.clock.advance(10);
      }
    };
    await breakDown('ann');
    await room.clock.advance(60_000);
    expect([names(room.running.sessions), room.held.failures]).toEqual([['bob'], []]);
    await breakDown('bob');
    await room.clock.advance(5_000);
    expect(room.held).toMatchObject({ count: 0, failures: [expect.stringContaining('gave up')] });
  });

  test('each session hears its own participant', async () => {
    const [ann, bob] = [new FakeParticipant('ann'), new FakeParticipant('bob')];
    const tracks = [microphoneOf(ann), microphoneOf(bob)];
    const room = await startRoom({}, ann, bob);
    const heard = { ann: 0, bob: 0 };
    for (const name of ['ann', 'bob'] as const)
      room.running.sessions.get(name)?.on('audio_received', () => heard[name]++);
    const [, bobs] = tracks;
    if (bobs === undefined) throw new Error('no track');
    room.world.room.emit('trackSubscribed', fakeTrack('TR_bob'), bobs, bob);
    const [stream] = room.world.streams;
    for (let i = 0; i < 100; i++) {
      stream?.stream.push({ data: new Int16Array(320).fill(100), sampleRate: 16_000, channels: 1 });
      await room.clock.advance(20);
      await room.settle();
    }
    expect(heard.bob).toBeGreaterThan(0);
    expect(heard.ann).toBe(0);
  });
});

describe('what may go wrong', () => {
  test('a participant for whom none is wanted, or none can be made, has none; the others have theirs', async () => {
    const room = startTestJob();
    room.world.present.push(...['none', 'throws', 'rejects', 'late', 'ann'].map((name) => new FakeParticipant(name)));
    let late: () => void = () => {};
    const sessionFor = ({ identity }: JobParticipant) => {
      if (identity === 'none') return null;
      if (identity === 'throws') throw new Error('no agent for you');
      if (identity === 'rejects') return Promise.reject(new Error('no agent for you'));
      const agent = quietAgent(room.clock);
      if (identity !== 'late') return { agent };
      return new Promise<{ agent: typeof agent }>((resolve) => {
        late = () => resolve({ agent });
      });
    };
    const running = await room.settled(room.job.startSessionPerParticipant(sessionFor));
    expect(names(running.sessions)).toEqual(['ann']);
    const failed = room.lines.filter(({ message }) => message === 'a participant has no session');
    expect(failed.map(({ participant }) => participant)).toEqual(['throws', 'rejects']);
    // Gone before the answer came.
    room.world.room.leave(new FakeParticipant('late'), WHY.CLIENT_INITIATED);
    late();
    await room.settle();
    expect(names(running.sessions)).toEqual(['ann']);
    expect(room.held.failures).toEqual([]);
  });

  test('who leaves and comes back while the session is being made gets one', async () => {
    const room = startTestJob();
    room.world.present.push(new FakeParticipant('ann'));
    const made: (() => void)[] = [];
    const sessionFor = () => {
      const agent = quietAgent(room.clock);
      return new Promise<{ agent: typeof agent }>((resolve) => made.push(() => resolve({ agent })));
    };
    const running = await room.settled(room.job.startSessionPerParticipant(sessionFor));
    room.world.room.leave(new FakeParticipant('ann'), WHY.CLIENT_INITIATED);
    room.world.room.enter(new FakeParticipant('ann'));
    made[0]?.();
    await room.settle();
    expect(made).toHaveLength(2);
    made[1]?.();
    await room.settle();
    const session = running.sessions.get('ann');
    expect(session?.state).toBe('idle');
    // Ended by the agent it is not begun again for who is still there.
    await room.settled(Promise.all([session?.close(), room.clock.advance(2_000)]));
    expect(made).toHaveLength(2);
    expect(names(running.sessions)).toEqual([]);
  });

  test('the end of the job ends it all', async () => {
    const room = await startRoom({}, new FakeParticipant('ann'));
    const session = room.running.sessions.get('ann');
    room.controller.abort();
    for (const { run } of room.job.shutdownCallbacks) void run('the worker stops');
    await room.clock.advance(5_000);
    expect(session?.state).toBe('closed');
    expect(room.held.count).toBe(0);
    expect(room.world.room.isConnected).toBe(false);
    expect(room.clock.pendingTimers).toBe(0);
  });

  test('a room that the server closes ends the job, sessions or not', async () => {
    const room = await startRoom();
    room.world.room.drop(WHY.ROOM_CLOSED);
    await room.settle();
    expect(room.log).toEqual(['shutdown: the room was closed']);
  });

  test('a lost room is joined again by its sessions; without any the job fails', async () => {
    const room = await startRoom({}, new FakeParticipant('ann'));
    room.world.room.drop(WHY.UNKNOWN);
    await room.clock.advance(10_000);
    expect(room.world.rooms).toHaveLength(2);
    expect(names(room.running.sessions)).toEqual(['ann']);
    expect(room.held.failures).toEqual([]);
    const empty = await startRoom();
    empty.world.room.drop(WHY.UNKNOWN);
    await empty.settle();
    expect(empty.held.failures).toEqual(['the room was lost']);
  });

  test('bad options are refused', async () => {
    const room = startTestJob();
    const starting = room.job.startSessionPerParticipant(() => null, { lingerMs: -1 });
    await expect(room.settled(starting)).rejects.toMatchObject({ code: 'ERR_OPTION', field: 'lingerMs' });
    await expect(room.job.startSession({ agent: quietAgent(room.clock), isPrivate: true })).rejects.toMatchObject({
      code: 'ERR_OPTION',
      field: 'participant',
      fix: expect.stringContaining('Name the participant'),
    });
  });
});
