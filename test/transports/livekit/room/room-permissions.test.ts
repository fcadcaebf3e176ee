import { describe, expect, test } from 'vitest';
import { FakeParticipant, KIND } from '../fake-rtc.ts';
import { fakeTransport } from '../fake-transport.ts';

const ALL = { canPublish: true, canSubscribe: true, canPublishData: true, canUpdateMetadata: true };

/** An agent in a room, and the server's say in what it may do. */
async function start(given: Partial<typeof ALL> | null = {}, kind: number = KIND.STANDARD) {
  const problems: { readonly where: string; readonly error: unknown }[] = [];
  const { clock, world, open } = fakeTransport({ options: { onProblem: (problem) => problems.push(problem) } });
  const user = new FakeParticipant('anna', kind);
  const microphone = user.publish('TR_user');
  world.present.push(user);
  world.permission = given && { ...ALL, ...given };
  const connection = await open();
  const set = (changed: Partial<typeof ALL>) => {
    world.permission = { ...ALL, ...changed };
  };
  return {
    clock,
    world,
    connection,
    microphone,
    problems,
    /** The server says so; the library tells of a fresh token only. */
    allow: async (changed: Partial<typeof ALL> = {}) => {
      set(changed);
      world.room.emit('tokenRefreshed');
      await clock.settle();
    },
    /** The rights arrive after the token. */
    allowLate: async (changed: Partial<typeof ALL> = {}) => {
      world.room.emit('tokenRefreshed');
      set(changed);
      await clock.advance(1_000);
    },
  };
}

test.each([
  ['canPublish', 'cannot be heard'],
  ['canSubscribe', 'hears nobody'],
  ['canPublishData', 'no transcript'],
  ['canUpdateMetadata', 'state of the agent'],
] as const)('%s is missed with one line that says what goes on without it', async (right, text) => {
  const { problems, allow, allowLate } = await start();
  await allow({ [right]: false });
  await allowLate({ [right]: false });
  expect(problems).toEqual([
    {
      where: 'livekit permission',
      error: expect.objectContaining({ code: 'ERR_TRANSPORT', field: right, message: expect.stringContaining(text) }),
    },
  ]);
  await allow();
  await allowLate({ [right]: false });
  expect(problems).toHaveLength(2);
});

test('what the token never allowed is not missed, and a library that does not say allows everything', async () => {
  const without = await start({ canPublishData: false });
  await without.allow({ canPublishData: false });
  expect(without.problems).toEqual([]);
  const silent = await start(null);
  silent.world.room.emit('tokenRefreshed');
  await silent.clock.advance(1_000);
  expect(silent.problems).toEqual([]);
});

test('the track is let go before a new one over the same source is published: the library aborts otherwise', async () => {
  const { world, connection, allow } = await start();
  world.log.length = 0;
  await allow({ canPublish: false });
  expect(world.log).toEqual(['unpublish TR_agent']);
  expect(connection.trackSids.agent).toBeUndefined();
  await allow();
  expect(world.log.slice(1)).toEqual(['track closed', 'publish {"source":2}']);
  expect(connection.trackSids.agent).toBe('TR_agent2');
  expect(world.sources).toHaveLength(1);
  expect(world.source.calls).not.toContain('close');
  await connection.close();
  expect(world.log).toContain('unpublish TR_agent2');
  expect(world.source.calls).toContain('close');
});

describe('a right that is taken away while the voice is being published', () => {
  /** The server takes its time, and the right is gone again meanwhile. */
  async function takenMeanwhile() {
    const room = await start({}, KIND.SIP);
    await room.allow({ canPublish: false });
    room.world.log.length = 0;
    const answers: (() => void)[] = [];
    room.world.onPublish = () => new Promise((resolve) => answers.push(resolve));
    await room.allow();
    await room.allow({ canPublish: false });
    const answer = async () => {
      answers.shift()?.();
      await room.clock.settle();
    };
    return { ...room, answer };
  }

  test('leaves no track, and the voice is heard when it is given back', async () => {
    const { world, connection, answer, allow } = await takenMeanwhile();
    await answer();
    expect(world.log).toEqual(['track closed', 'publish {"source":2}', 'unpublish TR_agent2']);
    expect(connection.trackSids.agent).toBeUndefined();
    expect(connection.sink?.isSuspended).toBe(true);
    await allow();
    await answer();
    expect(connection.trackSids.agent).toBe('TR_agent3');
    expect(connection.sink?.isSuspended).toBe(false);
  });

  test('and given back meanwhile: one track is published, and words wait for that one', async () => {
    const { world, connection, answer, allow, problems } = await takenMeanwhile();
    await allow();
    await answer();
    expect(connection.sink?.isSuspended).toBe(true);
    await answer();
    expect(world.log.filter((line) => line.startsWith('unpublish'))).toEqual(['unpublish TR_agent2']);
    expect(world.room.published).toBe(3);
    expect(connection.trackSids.agent).toBe('TR_agent3');
    expect(connection.sink?.isSuspended).toBe(false);
    expect(problems).toHaveLength(2); // one for each time it was taken
  });

  test('also the first time, on the way in', async () => {
    const { clock, world, open } = fakeTransport();
    world.permission = ALL;
    let answer = () => {};
    world.onPublish = () => new Promise((resolve) => (answer = resolve));
    const opening = open();
    await clock.settle({ turns: 4 });
    world.permission = { ...ALL, canPublish: false };
    world.room.emit('tokenRefreshed');
    answer();
    const connection = await opening;
    await clock.settle();
    expect(connection.trackSids.agent).toBeUndefined();
    world.onPublish = async () => {};
    world.permission = ALL;
    world.room.emit('tokenRefreshed');
    await clock.settle();
    expect(connection.trackSids.agent).toBe('TR_agent2');
  });

  test('a call that ends meanwhile leaves no track either', async () => {
    const { world, connection, answer, clock } = await takenMeanwhile();
    const closing = connection.close();
    await clock.settle();
    await answer();
    await closing;
    expect(world.log.slice(2)).toEqual(['unpublish TR_agent2', 'disconnect', 'track closed']);
  });
});

test.each([
  ['on a telephone, where nobody reads, what is said waits until it can be heard', KIND.SIP, 0],
  ['on a page it is read meanwhile', KIND.STANDARD, 1],
])('%s', async (_, kind, pieces) => {
  const { world, clock, connection, allow } = await start({}, kind);
  await allow({ canPublish: false });
  expect(connection.sink?.isSuspended).toBe(kind === KIND.SIP);
  // A network that comes back does not give the right back.
  world.room.emit('reconnecting');
  world.room.emit('reconnected');
  connection.sink?.write({ samples: new Int16Array(2_400), sampleRateHz: 24_000, channels: 1 });
  await clock.settle();
  expect(world.source.frames).toHaveLength(pieces);
  await allow();
  expect(world.source.frames).toHaveLength(1);
  expect(connection.sink?.isSuspended).toBe(false);
});

test('on a telephone every answer has its 30 s of waiting, however long the right was gone before it began', async () => {
  const { world, clock, connection, allow } = await start({}, KIND.SIP);
  const { sink } = connection;
  const answer = () => {
    sink?.write({ samples: new Int16Array(24_000), sampleRateHz: 24_000, channels: 1 });
    sink?.end?.();
  };
  await allow({ canPublish: false });
  await clock.advance(40_000);
  for (let heardMs = 0; heardMs < 2_000; heardMs += 1_000) {
    answer();
    await clock.advance(29_999);
    expect([sink?.isSuspended, sink?.playedSamples()]).toEqual([true, heardMs * 24]);
    // Then it passes unheard, as on a page: nobody may wait for ever.
    await clock.advance(1);
    expect(sink?.isSuspended).toBe(false);
    await clock.advance(1_000);
    expect(sink?.playedSamples()).toBe((heardMs + 1_000) * 24);
  }
  answer();
  await allow();
  expect(sink?.isSuspended).toBe(false);
  expect(world.source.frames).toHaveLength(30);
});

test('a microphone is asked for again once the agent may hear', async () => {
  const { microphone, allow } = await start();
  microphone.subscribed = false;
  await allow({ canSubscribe: false });
  expect(microphone.subscribed).toBe(false);
  await allow();
  expect(microphone.subscribed).toBe(true);
});

test('who asks is told of rights that are back', async () => {
  const { connection, allow } = await start();
  const back: string[] = [];
  connection.onRightGivenBack((right) => back.push(right));
  await allow({ canUpdateMetadata: false });
  await allow();
  expect(back).toEqual(['canUpdateMetadata']);
});

test('after the end nothing is looked at', async () => {
  const { clock, world, connection, problems, allow } = await start();
  world.room.emit('tokenRefreshed');
  await connection.close();
  await allow({ canPublish: false });
  await clock.advance(2_000);
  expect(problems).toEqual([]);
});
