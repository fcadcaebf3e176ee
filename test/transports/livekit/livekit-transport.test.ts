import { describe, expect, test } from 'vitest';
import { nextLoopTurn } from '../../../src/clock.ts';
import { AgentError } from '../../../src/errors.ts';
import { seededIds } from '../../../src/ids.ts';
import { type LivekitTransportOptions, livekitTransport } from '../../../src/transports/livekit/index.ts';
import { FakeParticipant, fakeTrack, KIND, WHY } from './fake-rtc.ts';
import { fakeTransport } from './fake-transport.ts';

const start = (options: Partial<LivekitTransportOptions> = {}) => fakeTransport({ options });

const hanging = () => new Promise<void>(() => {});

async function errorOf(promise: Promise<unknown>): Promise<AgentError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof AgentError) return error;
    throw error;
  }
  throw new Error('it was expected to fail');
}

describe('options', () => {
  test.each([
    [{ token: '' }, 'token'],
    [{ identity: '' }, 'identity'],
    [{ joinTimeoutMs: 5 }, 'joinTimeoutMs'],
    [{ getToken: () => ({ token: 'x' }), token: 'y' }, 'token'],
  ])('%o names the field', (given, field) => {
    expect(() => start(given as Partial<LivekitTransportOptions>)).toThrow(expect.objectContaining({ field }));
  });

  test('without a token and without getToken says what to do', () => {
    expect(() => livekitTransport({ url: 'ws://host' })).toThrow(/AccessToken/);
  });

  test('who asked before every attempt to join hears what happens on the way in', async () => {
    const { world, transport, open } = start();
    const heard: string[] = [];
    transport.onJoining(({ room }) => room.on('participantConnected', ({ identity }) => heard.push(identity)));
    world.onConnect = async (room) => room.enter(new FakeParticipant('early'));
    await open();
    expect(heard).toEqual(['early']);
  });

  test('a real room is refused under a virtual clock', async () => {
    const { clock } = start();
    const transport = livekitTransport({ url: 'ws://127.0.0.1:1', token: 'jwt' });
    const { signal } = new AbortController();
    const told = { onFrame: () => {}, onEvent: () => {} };
    const opening = transport.open({ sessionId: 's', clock, ids: seededIds(), signal, ...told });
    expect((await errorOf(opening)).code).toBe('ERR_REAL_IO');
  });
});

describe('joining', () => {
  test('is one attempt without retries of the library, and publishes the voice as microphone before anything else', async () => {
    const { world, open } = start();
    const connection = await open();
    expect(connection.isOpen).toBe(true);
    expect(world.room.connects).toEqual([
      {
        url: 'ws://127.0.0.1:7880',
        token: 'jwt',
        options: expect.objectContaining({ joinRetries: 0, autoSubscribe: false }),
      },
    ]);
    expect(world.log).toEqual(['connect', 'publish {"source":2}']);
  });

  test('that takes too long fails in time; a late success is left again, and waited for by the next attempt', async () => {
    const { clock, world, open } = start();
    let arrive = () => {};
    world.onConnect = () => new Promise<void>((resolve) => (arrive = resolve));
    const first = errorOf(open());
    await clock.advance(4_500);
    expect(await first).toMatchObject({ code: 'ERR_TRANSPORT', retryable: true });
    world.onConnect = async () => {};
    const second = open();
    await clock.advance(3_000);
    expect(world.rooms).toHaveLength(1);
    arrive();
    await clock.settle();
    expect((await second).isOpen).toBe(true);
    const [late] = world.rooms;
    expect(late?.isConnected).toBe(false);
    const leave = world.log.indexOf('disconnect');
    expect(world.log.slice(leave).filter((entry) => entry === 'connect')).toHaveLength(1);
  });

  test('ends when the session ends', async () => {
    const { clock, world, open, controller } = start();
    world.onConnect = hanging;
    const opening = errorOf(open());
    await clock.settle();
    controller.abort();
    expect((await opening).code).toBe('ERR_CLOSED');
  });

  test.each([
    ['engine: signal failure: ws failure: HTTP error: 401 Unauthorized', false],
    ['invalid token: token is expired (exp)', false],
    ['signal failure: connection refused', true],
  ])('"%s" is worth a retry: %s', async (message, retryable) => {
    const { world, open } = start();
    world.onConnect = () => Promise.reject(new Error(message));
    expect(await errorOf(open())).toMatchObject({ code: 'ERR_TRANSPORT', retryable });
  });

  test.each([
    'cannot reach ws://h/rtc?access_token=hidden.jwt&x=1',
    '401 Unauthorized - invalid token: eyJhbGci.eyJzZWNyZXQ.a_hidden-b, error: token signature is invalid',
  ])('does not tell the token: %s', async (text) => {
    const { world, open } = start();
    world.onConnect = () => Promise.reject(new Error(text));
    const { message } = await errorOf(open());
    expect(message).not.toContain('hidden');
    expect(message).not.toContain('eyJ');
  });

  test.each([
    ['PARTICIPANT_REMOVED', 'the agent was removed', false],
    ['ROOM_DELETED', 'the room was deleted', false],
    ['DUPLICATE_IDENTITY', 'another participant took the identity of the agent', false],
    ['UNKNOWN', 'the room was lost while joining', true],
  ] as const)(
    'that the server ends by %s on the way in says why, and is repeated where that helps',
    async (why, text, retryable) => {
      const answers = [async () => {}, () => Promise.reject(new Error('the engine was closed'))];
      for (const answer of answers) {
        const { world, open, events } = start();
        world.onPublish = async (room) => {
          room.drop(WHY[why]);
          await answer();
        };
        const error = await errorOf(open());
        expect(error).toMatchObject({ code: 'ERR_TRANSPORT', retryable });
        if (!retryable || answer === answers[0]) expect(error.message).toContain(text);
        expect(events).toEqual([]);
      }
    },
  );

  test('asks getToken each time, and with a fixed token uses the newest one the server gave', async () => {
    let count = 0;
    const asked = start({ getToken: () => ({ token: `jwt${++count}`, url: 'ws://other:1' }) });
    await asked.open();
    asked.world.room.drop(WHY.SIGNAL_CLOSE);
    await asked.open();
    expect(asked.world.rooms.map(({ connects }) => [connects[0]?.url, connects[0]?.token])).toEqual([
      ['ws://other:1', 'jwt1'],
      ['ws://other:1', 'jwt2'],
    ]);
    const fixed = start();
    await fixed.open();
    fixed.world.room.token = 'refreshed';
    fixed.world.room.drop(WHY.SIGNAL_CLOSE);
    await fixed.open();
    expect(fixed.world.room.connects[0]?.token).toBe('refreshed');
  });

  test('a getToken that gives nothing fails for good, one that rejects may be asked again', async () => {
    const nothing = start({ getToken: () => ({ token: '' }) });
    expect(await errorOf(nothing.open())).toMatchObject({ retryable: false, field: 'getToken' });
    const failing = start({ getToken: () => Promise.reject(new Error('no answer')) });
    await expect(failing.open()).rejects.toThrow('no answer');
  });

  test('a second session on the same transport is refused', async () => {
    const { open } = start();
    await open();
    expect(await errorOf(open())).toMatchObject({ code: 'ERR_TRANSPORT', retryable: false });
  });
});

describe('the user', () => {
  test('who is there already is linked, and only their microphone is subscribed', async () => {
    const { world, open } = start();
    const user = new FakeParticipant('anna');
    const microphone = user.publish('TR_mic');
    const camera = user.publish('TR_cam', 1);
    const other = new FakeParticipant('ben');
    const otherMicrophone = other.publish('TR_ben');
    world.present.push(user, other);
    const connection = await open();
    expect(connection.user?.identity).toBe('anna');
    expect([microphone.subscribed, camera.subscribed, otherMicrophone.subscribed]).toEqual([true, false, false]);
  });

  test('who comes later is linked; agents are not', async () => {
    const { world, open } = start();
    const connection = await open();
    world.room.enter(new FakeParticipant('bot', KIND.AGENT));
    expect(connection.user).toBeNull();
    const phone = new FakeParticipant('phone', KIND.SIP);
    world.room.enter(phone);
    expect(connection.user?.identity).toBe('phone');
    const publication = phone.publish('TR_late');
    world.room.emit('trackPublished', publication, phone);
    expect(publication.subscribed).toBe(true);
  });

  test('may type before the agent is linked to them; who is not linked then was nobody', async () => {
    const { clock, world, open, events } = start();
    await open();
    const anna = world.room.receiveText('lk.chat', 'anna', 'hello');
    const ben = world.room.receiveText('lk.chat', 'ben', 'hello');
    world.room.enter(new FakeParticipant('anna'));
    await clock.settle();
    expect(events).toEqual([{ type: 'text', text: 'hello' }]);
    expect([anna.wasRead, ben.wasRead, ben.wasClosed]).toEqual([true, false, true]);
  });

  test('is heard as silence of the same length while the microphone is turned off', async () => {
    const { world, transport, open, frames } = start();
    const user = new FakeParticipant('anna');
    user.publish('TR_mic').track = fakeTrack('TR_mic');
    world.present.push(user);
    await open();
    const hear = async () => {
      world.streams[0]?.stream.push({ data: new Int16Array(320).fill(7), sampleRate: 16_000, channels: 1 });
      await nextLoopTurn();
      await nextLoopTurn();
    };
    transport.switches.audioInput = false;
    await hear();
    transport.switches.audioInput = true;
    await hear();
    expect(frames.map(({ samples }) => [samples.length, samples[0]])).toEqual([
      [320, 0],
      [320, 7],
    ]);
  });

  test('is heard from the microphone track, once, until it is gone', async () => {
    const { world, open, frames } = start();
    await open();
    const user = new FakeParticipant('anna');
    world.room.enter(user);
    const publication = user.publish('TR_mic');
    const track = fakeTrack('TR_mic');
    world.room.emit('trackSubscribed', track, publication, user);
    world.room.emit('trackSubscribed', track, publication, user);
    world.room.emit('trackSubscribed', fakeTrack('TR_x'), publication, new FakeParticipant('ben'));
    expect(world.streams).toHaveLength(1);
    world.streams[0]?.stream.push({ data: new Int16Array(320), sampleRate: 16_000, channels: 1 });
    await nextLoopTurn();
    await nextLoopTurn();
    expect(frames).toHaveLength(1);
    world.room.emit('trackUnsubscribed', track, publication, user);
    expect(world.streams[0]?.stream.isCancelled).toBe(true);
  });

  test('who leaves ends the call; who was cut off may come back', async () => {
    const { world, open, events } = start();
    const connection = await open();
    const user = new FakeParticipant('anna');
    world.room.enter(user);
    world.room.leave(user, WHY.SIGNAL_CLOSE);
    expect([events, connection.user]).toEqual([[], null]);
    world.room.enter(user);
    expect(connection.user).toBe(user);
    world.room.leave(user, WHY.CLIENT_INITIATED);
    expect(events).toEqual([{ type: 'closed', reason: 'the user left' }]);
  });

  test('keeps the place in a full reconnect, which lets everybody in again in any order, and is subscribed anew', async () => {
    const { world, open, events } = start();
    const connection = await open();
    const anna = new FakeParticipant('anna');
    world.room.enter(anna);
    world.room.leave(anna, WHY.UNKNOWN);
    world.room.emit('reconnecting');
    world.room.enter(new FakeParticipant('ben'));
    const again = new FakeParticipant('anna');
    const microphone = again.publish('TR_mic');
    world.room.enter(again);
    expect(connection.user?.identity).toBe('anna');
    microphone.subscribed = false; // asked for while the wire was down
    world.room.emit('reconnected');
    expect(microphone.subscribed).toBe(true);
    expect(events).toEqual([]);
  });

  test('who does not come back in a reconnect leaves the place to who is there', async () => {
    const { world, open } = start();
    const connection = await open();
    const anna = new FakeParticipant('anna');
    world.room.enter(anna);
    world.room.leave(anna, WHY.UNKNOWN);
    world.room.emit('reconnecting');
    world.room.enter(new FakeParticipant('ben'));
    expect(connection.user).toBeNull();
    world.room.emit('reconnected');
    expect(connection.user?.identity).toBe('ben');
  });

  test('of others nobody cares', async () => {
    const { world, open, events } = start();
    await open();
    const [anna, ben] = [new FakeParticipant('anna'), new FakeParticipant('ben')];
    world.room.enter(anna);
    world.room.enter(ben);
    world.room.leave(ben, WHY.CLIENT_INITIATED);
    expect(events).toEqual([]);
  });

  test('types: text of the user comes in, text of others is closed unread, a broken stream is told', async () => {
    const { clock, world, open, events, problems } = start();
    await open();
    world.room.enter(new FakeParticipant('anna'));
    world.room.receiveText('lk.chat', 'anna', 'good morning');
    const foreign = world.room.receiveText('lk.chat', 'ben', 'psst');
    world.room.receiveText('lk.chat', 'anna', new Error('read length exceeded'));
    await clock.settle();
    expect(events).toEqual([{ type: 'text', text: 'good morning' }]);
    expect([foreign.wasRead, foreign.wasClosed]).toEqual([false, true]);
    expect(problems).toEqual(['livekit chat']);
  });
});

describe('the end', () => {
  test.each([
    ['ROOM_DELETED', 'the room was deleted'],
    ['ROOM_CLOSED', 'the room was closed'],
    ['PARTICIPANT_REMOVED', 'the agent was removed'],
  ] as const)('by %s closes the call', async (why, reason) => {
    const { world, open, events } = start();
    const connection = await open();
    world.room.drop(WHY[why]);
    expect(events).toEqual([{ type: 'closed', reason }]);
    expect(connection.isOpen).toBe(false);
  });

  test('by the network is told as lost, and opening again joins anew', async () => {
    const { world, open, events } = start();
    const connection = await open();
    world.room.drop(WHY.UNKNOWN);
    expect(events).toEqual([{ type: 'lost', reason: expect.stringContaining('lost') }]);
    expect(connection.isOpen).toBe(false);
    expect((await open()).isOpen).toBe(true);
    expect(world.rooms).toHaveLength(2);
  });

  test('by a native side that takes no audio any more is told as lost too', async () => {
    const { clock, world, open, events } = start();
    const { sink } = await open();
    world.source.isBlocking = true;
    const say = () => sink?.write({ samples: new Int16Array(2_400), sampleRateHz: 24_000, channels: 1 });
    say();
    await clock.advance(3_000);
    say();
    await clock.settle();
    expect(events).toEqual([{ type: 'lost', reason: 'the room takes no audio any more' }]);
    expect((await open()).isOpen).toBe(true);
  });

  test('by a server that answers nothing any more, although the library says nothing, is told as lost too', async () => {
    const { clock, world, open, events } = start();
    await open();
    world.onAsk = () => new Promise(() => {});
    await clock.advance(30_000);
    expect(events).toEqual([{ type: 'lost', reason: 'the server does not answer any more' }]);
    expect((await open()).isOpen).toBe(true);
    expect(world.rooms).toHaveLength(2);
  });

  test('is not the refusal of a piece of the voice, which is told once', async () => {
    const { clock, world, open, problems, events } = start();
    const { sink } = await open();
    world.source.refuses = 2;
    sink?.write({ samples: new Int16Array(7_200), sampleRateHz: 24_000, channels: 1 });
    await clock.advance(300);
    expect([problems, events]).toEqual([['livekit voice'], []]);
  });

  test('while the library reconnects nothing is handed over; afterwards the rest is', async () => {
    const { clock, world, open } = start();
    const { sink } = await open();
    world.room.emit('reconnecting');
    sink?.write({ samples: new Int16Array(2_400), sampleRateHz: 24_000, channels: 1 });
    await clock.advance(500);
    expect(world.source.frames).toHaveLength(0);
    world.room.emit('reconnected');
    await clock.advance(100);
    expect(sink?.playedSamples()).toBe(2_400);
  });

  test('on request: silent, unpublished, left, freed, in this order, once', async () => {
    const { world, open, events } = start();
    const connection = await open();
    world.log.length = 0;
    await Promise.all([connection.close(), connection.close()]);
    expect(world.log).toEqual(['unpublish TR_agent', 'disconnect', 'track closed']);
    expect(world.source.calls).toEqual(['clear', 'close']);
    expect(events).toEqual([]);
  });

  test('of a room whose tracks are gone already is no problem', async () => {
    const { world, problems, events, open } = start();
    world.present.push(new FakeParticipant('anna'));
    const connection = await open();
    const self = world.room.localParticipant;
    if (self !== undefined) self.unpublishTrack = () => Promise.reject(new Error('track not found'));
    for (const user of world.present) world.room.leave(user, WHY.ROOM_DELETED);
    await connection.close();
    expect(events).toEqual([{ type: 'closed', reason: 'the room was deleted' }]);
    expect(problems).toEqual([]);
  });

  test('survives a disconnect that rejects, and one that hangs', async () => {
    const rejecting = start();
    rejecting.world.onDisconnect = () => Promise.reject(new Error('handle not found'));
    await (await rejecting.open()).close();
    expect(rejecting.problems).toEqual(['livekit disconnect']);
    const stuck = start();
    const connection = await stuck.open();
    stuck.world.onDisconnect = hanging;
    const closed = connection.close();
    await stuck.clock.advance(1_000);
    await closed;
    expect(stuck.world.log.at(-1)).toBe('track closed');
  });
});
