import { describe, expect, test } from 'vitest';
import { nextLoopTurn } from '../../../../src/clock.ts';
import { VirtualClock } from '../../../../src/testing/virtual-clock.ts';
import {
  type AgentControlOptions,
  attachAgentControl,
  type LivekitTransportOptions,
} from '../../../../src/transports/livekit/index.ts';
import { joinOptions } from '../../../../src/transports/livekit/livekit-transport.ts';
import { PRE_CONNECT_TOPIC } from '../../../../src/transports/livekit/pre-connect/audio.ts';
import { SharedRoom } from '../../../../src/transports/livekit/room/shared-room.ts';
import type { TrackAudience } from '../../../../src/transports/livekit/room/track-audience.ts';
import { FakeParticipant, FakeRtcWorld, fakeTrack, KIND, WHY } from '../fake-rtc.ts';
import { fakeTransport } from '../fake-transport.ts';
import { ObservedFake } from '../observed-session.ts';

function start() {
  const clock = new VirtualClock();
  const world = new FakeRtcWorld();
  const audiences: TrackAudience[] = [];
  const problems: string[] = [];
  const left: [number, number][] = [];
  const limits = { fail: false };
  const shared = new SharedRoom({
    clock,
    topics: [
      ['text', 'lk.chat'],
      ['bytes', PRE_CONNECT_TOPIC],
    ],
    limit: async (_, audience) => {
      if (limits.fail) throw new Error('the library cannot');
      world.log.push(`limit ${audience === null ? 'nobody' : 'some'}`);
      audiences.push(audience);
    },
    onProblem: (where) => problems.push(where),
    onLeft: (reason, seats) => left.push([reason, seats]),
  });
  const seat = (guest: string | null, identity = guest ?? undefined, audio = { input: true, output: true }) => {
    const room: LivekitTransportOptions['room'] = (rtc) => shared.seatFor(rtc, guest);
    const onProblem: LivekitTransportOptions['onProblem'] = ({ where }) => problems.push(where);
    const options = { room, onProblem, ...(identity !== undefined && { identity }) };
    const { transport, open, frames, events, controller } = fakeTransport({ clock, world, options, audio });
    return { transport, open, frames, events, controller };
  };
  const hold = () => shared.hold(world.rtc, 'ws://127.0.0.1:7880', 'jwt', joinOptions(1_000));
  return { clock, world, shared, seat, hold, audiences, problems, left, limits };
}

const microphoneOf = (participant: FakeParticipant) => participant.publish(`TR_${participant.identity}`);
const frame = (sample: number) => ({ data: new Int16Array(320).fill(sample), sampleRate: 16_000, channels: 1 });

async function annAndBob() {
  const room = start();
  const [ann, bob] = [new FakeParticipant('ann'), new FakeParticipant('bob')];
  const tracks = { ann: microphoneOf(ann), bob: microphoneOf(bob) };
  room.world.present.push(ann, bob);
  const seats = { ann: room.seat('ann'), bob: room.seat('bob') };
  await Promise.all([seats.ann.open(), seats.bob.open()]);
  return { ...room, ann, bob, tracks, seats };
}

describe('the stay', () => {
  test('is joined once for seats that come at the same time and later, and left with the last', async () => {
    const { world, seat, left } = start();
    const [a, b] = [seat('ann'), seat('bob')];
    await Promise.all([a.open(), b.open()]);
    const c = seat('eve');
    await c.open();
    expect(world.rooms).toHaveLength(1);
    expect(world.room.connects).toHaveLength(1);
    await a.transport.close();
    await b.transport.close();
    expect(world.log.filter((line) => line.startsWith('unpublish'))).toHaveLength(2);
    expect(world.room.isConnected).toBe(true);
    await c.transport.close();
    expect(world.room.isConnected).toBe(false);
    expect(world.log.at(-2)).toBe('disconnect');
    expect(left).toEqual([[WHY.CLIENT_INITIATED, 0]]);
    await c.transport.close();
    expect(world.log.filter((line) => line === 'disconnect')).toHaveLength(1);
  });

  test('can be held without a seat', async () => {
    const { world, seat, hold, shared } = start();
    const release = await hold();
    expect(shared.room).toBe(world.room);
    const a = seat('ann');
    await a.open();
    await a.transport.close();
    expect(world.room.isConnected).toBe(true);
    await release();
    await release();
    expect(world.room.isConnected).toBe(false);
    expect(world.rooms).toHaveLength(1);
  });

  test('that cannot be joined fails for everybody who waits, and the next one begins anew', async () => {
    const { world, seat, left } = start();
    world.onConnect = () => Promise.reject(new Error('refused'));
    const [a, b] = [seat('ann'), seat('bob')];
    const failed = await Promise.allSettled([a.open(), b.open()]);
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    world.onConnect = async () => {};
    await a.open();
    expect(world.rooms).toHaveLength(2);
    expect(world.room.isConnected).toBe(true);
    expect(left).toEqual([]);
  });

  test('that is lost is lost for all, and joined once again', async () => {
    const { world, seats, left, clock } = await annAndBob();
    world.room.drop(WHY.UNKNOWN);
    await clock.settle();
    for (const { events } of Object.values(seats)) expect(events.map(({ type }) => type)).toEqual(['lost']);
    expect(left).toEqual([[WHY.UNKNOWN, 2]]);
    await Promise.all([seats.ann.open(), seats.bob.open()]);
    expect(world.rooms).toHaveLength(2);
    expect(world.room.connects).toHaveLength(1);
  });

  test('is watched once for all: a server that answers nothing any more has lost it, and it is joined once again', async () => {
    const { clock, world, seat, hold, problems, left } = start();
    await hold();
    const seats = [seat('ann'), seat('bob')];
    for (const each of seats) await each.open();
    let asked = 0;
    world.onAsk = () => {
      asked++;
      return new Promise(() => {});
    };
    await clock.advance(30_000);
    expect(asked).toBe(16);
    expect(seats.map(({ events }) => events.map(({ type }) => type))).toEqual([['lost'], ['lost']]);
    expect([problems, left]).toEqual([['network'], [[0, 2]]]);
    world.onAsk = async () => {};
    for (const each of seats) await each.open();
    expect(world.rooms).toHaveLength(2);
  });

  test('that the server ended is over for all', async () => {
    const { world, seats, clock } = await annAndBob();
    world.room.drop(WHY.ROOM_DELETED);
    await clock.settle();
    for (const { events } of Object.values(seats))
      expect(events).toEqual([{ type: 'closed', reason: 'the room was deleted' }]);
  });

  test('two stays under one identity never overlap', async () => {
    const { world, seat, clock } = start();
    let leave: () => void = () => {};
    world.onDisconnect = () =>
      new Promise((resolve) => {
        leave = resolve;
      });
    const a = seat('ann');
    await a.open();
    const closed = a.transport.close();
    await clock.settle({ turns: 4 });
    expect(world.log).toContain('disconnect');
    const opened = seat('bob').open();
    await clock.settle({ turns: 4 });
    expect(world.log.filter((line) => line === 'connect')).toHaveLength(1);
    leave();
    await closed;
    await opened;
    expect(world.room.isConnected).toBe(true);
  });

  test('a stay that does not end is given up, as that of a room of its own', async () => {
    const { world, seat, clock } = start();
    const a = seat('ann');
    await a.open();
    world.onDisconnect = () => new Promise(() => {});
    const closed = a.transport.close();
    await clock.advance(1_000);
    await closed;
    const opened = seat('bob').open();
    await clock.advance(1_000);
    await opened;
    expect(world.rooms).toHaveLength(2);
  });

  test('a seat that gives up while the room is being joined does not keep it', async () => {
    const { world, seat, clock } = start();
    let joined: () => void = () => {};
    world.onConnect = () =>
      new Promise((resolve) => {
        joined = resolve;
      });
    const a = seat('ann');
    const failed = expect(a.open()).rejects.toMatchObject({ code: 'ERR_TRANSPORT' });
    await clock.advance(5_000);
    await failed;
    joined();
    await a.transport.close();
    expect(world.room.isConnected).toBe(false);
  });
});

describe('a seat with a guest', () => {
  test('subscribes to and hears its guest only', async () => {
    const { world, seats, tracks, ann, bob, clock } = await annAndBob();
    expect([tracks.ann.subscribed, tracks.bob.subscribed]).toEqual([true, true]);
    world.room.emit('trackSubscribed', fakeTrack('TR_ann'), tracks.ann, ann);
    world.room.emit('trackSubscribed', fakeTrack('TR_bob'), tracks.bob, bob);
    expect(world.streams).toHaveLength(2);
    world.streams[0]?.stream.push(frame(1));
    world.streams[1]?.stream.push(frame(2));
    await clock.settle({ turns: 4 });
    expect(seats.ann.frames.map(({ samples }) => samples[0])).toEqual([1]);
    expect(seats.bob.frames.map(({ samples }) => samples[0])).toEqual([2]);
  });

  test('leaves the microphone of its guest when its session ends', async () => {
    const { seats, tracks } = await annAndBob();
    await seats.ann.transport.close();
    expect([tracks.ann.subscribed, tracks.bob.subscribed]).toEqual([false, true]);
  });

  test('leaves it to the other sessions that hear it', async () => {
    const { world, seats, tracks, seat, ann, clock } = await annAndBob();
    const [second, mute] = [seat(null, 'ann'), seat(null, 'ann', { input: false, output: true })];
    await Promise.all([second.open(), mute.open()]);
    world.room.emit('trackSubscribed', fakeTrack('TR_ann'), tracks.ann, ann);
    // Who says something and listens to nobody has nothing to end.
    await mute.transport.close();
    await seats.ann.transport.close();
    expect(tracks.ann.ends).toBe(0);
    expect(world.streams.map(({ stream }) => stream.isCancelled)).toEqual([true, false]);
    second.transport.linkTo('bob');
    await clock.settle({ turns: 1 });
    expect([tracks.ann.ends, tracks.bob.ends]).toEqual([1, 0]);
    // Another session hears bob as well.
    second.transport.linkTo('ann');
    await clock.advance(500);
    expect([tracks.ann.subscribed, tracks.bob.ends]).toEqual([true, 0]);
  });

  test('ends with its guest, and only with that one', async () => {
    const { world, seats, ann, bob } = await annAndBob();
    world.room.leave(ann, WHY.CLIENT_INITIATED);
    expect(seats.ann.events).toEqual([{ type: 'closed', reason: 'the user left' }]);
    expect(seats.bob.events).toEqual([]);
    world.room.emit('dtmfReceived', 1, '1', bob);
    expect(seats.bob.events).toEqual([{ type: 'dtmf', digit: '1' }]);
    expect(seats.ann.events).toHaveLength(1);
  });

  test('reads only what its guest writes; a stream of nobody in particular is closed', async () => {
    const { world, seats, clock } = await annAndBob();
    world.room.receiveText('lk.chat', 'bob', 'hello');
    const stray = world.room.receiveText('lk.chat', 'stranger', 'hello');
    await clock.settle();
    expect(seats.bob.events).toEqual([{ type: 'text', text: 'hello' }]);
    expect(seats.ann.events).toEqual([]);
    expect([stray.wasRead, stray.wasClosed]).toEqual([false, true]);
  });

  test('sends to its guest only; old transcriptions, which cannot be addressed, are not sent', async () => {
    const { world, seats } = await annAndBob();
    const self = seats.ann.transport.connection?.room.localParticipant;
    await (await self?.streamText({ topic: 't' }))?.write('x');
    await (await self?.streamBytes({ topic: 't' }))?.close();
    await self?.publishData(new Uint8Array(1), { topic: 't', reliable: true });
    await self?.publishTranscription({ participantIdentity: 'ann', trackSid: 'x', segments: [] });
    expect(world.room.texts[0]?.destinationIdentities).toEqual(['ann']);
    expect(world.room.byteStreams[0]?.destinationIdentities).toEqual(['ann']);
    expect(world.room.data[0]?.destination_identities).toEqual(['ann']);
    expect(world.room.transcriptions).toEqual([]);
  });

  test('shows the busiest state of all; one that leaves is not shown any more', async () => {
    const { world, seats, clock } = await annAndBob();
    const show = (seat: typeof seats.ann, state: string) =>
      seat.transport.connection?.room.localParticipant?.setAttributes({ 'lk.agent.state': state });
    await show(seats.ann, 'listening');
    await show(seats.bob, 'speaking');
    await show(seats.ann, 'thinking');
    await show(seats.bob, 'listening');
    await show(seats.ann, 'speaking');
    await seats.ann.transport.close();
    await clock.settle();
    expect(world.room.attributes.map((attributes) => attributes['lk.agent.state'])).toEqual([
      'listening',
      'speaking',
      'speaking',
      'thinking',
      'speaking',
      'listening',
    ]);
  });
});

describe('who may hear a track', () => {
  const heardBy = (audience: TrackAudience | undefined) =>
    audience === null || audience === undefined
      ? audience
      : Object.fromEntries(audience.map(({ identity, trackSids }) => [identity, trackSids]));

  test('nobody before it is published, then its guest alone', async () => {
    const { world, audiences, seat } = start();
    world.present.push(new FakeParticipant('ann'), new FakeParticipant('bob'));
    await seat('ann').open();
    expect(world.log.filter((line) => /limit|publish/.test(line))).toEqual([
      'limit some',
      'publish {"source":2}',
      'limit some',
    ]);
    expect(audiences.map(heardBy)).toEqual([
      { ann: [], bob: [] },
      { ann: ['TR_agent'], bob: [] },
    ]);
  });

  test('a second guest hears the second one; who comes in hears neither', async () => {
    const { world, audiences, clock } = await annAndBob();
    world.room.enter(new FakeParticipant('eve'));
    await clock.settle();
    expect(heardBy(audiences.at(-1))).toEqual({ ann: ['TR_agent'], bob: ['TR_agent2'], eve: [] });
  });

  test('a guest who was cut off hears it at once when back', async () => {
    const { world, audiences, ann, clock } = await annAndBob();
    world.room.leave(ann, WHY.SIGNAL_CLOSE);
    world.room.enter(new FakeParticipant('eve'));
    await clock.settle();
    expect(heardBy(audiences.at(-1))).toMatchObject({ ann: ['TR_agent'] });
  });

  test('after a full reconnect it is said again before anybody speaks; when it cannot be said the room is joined anew', async () => {
    const { world, audiences, seats, clock, limits } = await annAndBob();
    const before = audiences.length;
    const order: string[] = [];
    seats.ann.transport.connection?.room.on('reconnected', () =>
      order.push(`speaks after ${audiences.length - before}`),
    );
    world.room.emit('reconnecting');
    world.room.emit('reconnected');
    await clock.settle();
    expect(order).toEqual(['speaks after 1']);
    limits.fail = true;
    world.room.emit('reconnecting');
    world.room.emit('reconnected');
    await clock.settle();
    expect(order).toHaveLength(1);
    expect(seats.ann.events.map(({ type }) => type)).toEqual(['lost']);
  });

  test('everybody, in a room without private tracks: nothing is said at all', async () => {
    const { world, audiences, seat, clock } = start();
    world.present.push(new FakeParticipant('ann'));
    await seat(null).open();
    world.room.enter(new FakeParticipant('bob'));
    await clock.settle();
    expect(audiences).toEqual([]);
  });

  test('a track for everybody stays so beside private ones', async () => {
    const { world, audiences, seat } = start();
    world.present.push(new FakeParticipant('ann'), new FakeParticipant('bob'));
    await seat(null).open();
    const private_ = seat('ann');
    await private_.open();
    expect(heardBy(audiences.at(-1))).toEqual({ ann: ['TR_agent', 'TR_agent2'], bob: ['TR_agent'] });
  });

  test('nobody else, whoever comes in or speaks publicly while it is being published', async () => {
    const { world, audiences, seat, clock } = start();
    world.present.push(new FakeParticipant('ann'));
    let publish = () => {};
    world.onPublish = () => new Promise((resolve) => (publish = resolve));
    const opening = seat('ann').open();
    await clock.settle({ turns: 4 });
    expect(audiences.map(heardBy)).toEqual([{ ann: [] }]);
    world.room.enter(new FakeParticipant('eve'));
    await clock.settle({ turns: 4 });
    expect(heardBy(audiences.at(-1))).toEqual({ ann: [], eve: [] });
    world.onPublish = async () => {};
    await seat(null, 'eve').open();
    expect(heardBy(audiences.at(-1))).toEqual({ ann: ['TR_agent'], eve: ['TR_agent'] });
    publish();
    await opening;
    expect(heardBy(audiences.at(-1))).toEqual({ ann: ['TR_agent', 'TR_agent2'], eve: ['TR_agent'] });
  });

  test('a library that cannot limit listeners publishes nothing', async () => {
    const { world, limits, seat } = start();
    limits.fail = true;
    await expect(seat('ann').open()).rejects.toMatchObject({ code: 'ERR_TRANSPORT' });
    expect(world.log.filter((line) => line.startsWith('publish'))).toEqual([]);
  });

  test('one that fails afterwards takes the track back', async () => {
    const { world, limits, seat } = start();
    const a = seat('ann');
    const opening = a.open();
    world.present.push(new FakeParticipant('ann'));
    const failed = expect(opening).rejects.toMatchObject({ code: 'ERR_TRANSPORT' });
    // The first one passes, the second one does not.
    const original = world.log.push.bind(world.log);
    world.log.push = (line: string) => {
      if (line.startsWith('publish')) limits.fail = true;
      return original(line);
    };
    await failed;
    expect(world.log.filter((line) => /publish/.test(line))).toEqual(['publish {"source":2}', 'unpublish TR_agent']);
  });
});

describe('streams that come before the session they are for', () => {
  test('wait for the seat of their sender', async () => {
    const { world, seat, hold, clock } = start();
    await hold();
    world.room.enter(new FakeParticipant('ann'));
    const recorded = world.room.receiveBytes(PRE_CONNECT_TOPIC, 'ann', new Uint8Array(8));
    await clock.advance(4_000);
    const other = seat('bob');
    await other.open();
    await clock.settle();
    expect([recorded.wasRead, recorded.wasClosed]).toEqual([false, false]);
    await seat('ann').open();
    await clock.settle();
    expect(recorded.wasRead).toBe(true);
  });

  test('are let go after a while, when there are too many, and with the room', async () => {
    const { world, hold, clock } = start();
    const release = await hold();
    const readers = Array.from({ length: 17 }, () => world.room.receiveText('lk.chat', 'ann', 'x'));
    await clock.settle();
    expect(readers.map(({ wasClosed }) => wasClosed).indexOf(true)).toBe(16);
    await clock.advance(5_000);
    expect(readers.every(({ wasClosed }) => wasClosed)).toBe(true);
    const late = world.room.receiveText('lk.chat', 'ann', 'x');
    await release();
    await clock.settle();
    expect(late.wasClosed).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('sessions that see the whole room', () => {
  const encoder = new TextEncoder();

  /** `controlled`: those whose sessions have the channel. */
  async function twoInPublic(from: AgentControlOptions['from'] = 'user', controlled = ['ann', 'bob']) {
    const room = start();
    const [ann, bob] = [new FakeParticipant('ann'), new FakeParticipant('bob')];
    room.world.present.push(ann, bob);
    const seats = { ann: room.seat(null, 'ann'), bob: room.seat(null, 'bob') };
    const sessions = { ann: new ObservedFake(), bob: new ObservedFake() };
    for (const name of ['ann', 'bob'] as const) {
      sessions[name].state = 'idle';
      if (controlled.includes(name))
        attachAgentControl(sessions[name], seats[name].transport, name === 'ann' ? { from } : {});
    }
    await seats.ann.open();
    await seats.bob.open();
    /** What is answered to one request, and to whom. */
    const ask = async (participant: FakeParticipant) => {
      const before = room.world.room.data.length;
      const request = encoder.encode(JSON.stringify({ type: 'interrupt', id: 1 }));
      room.world.room.emit('dataReceived', request, participant, 1, 'agent-control');
      await room.clock.settle();
      return room.world.room.data
        .slice(before)
        .map(({ bytes, destination_identities: to }) => [to, JSON.parse(new TextDecoder().decode(bytes)).type]);
    };
    return { ...room, ann, bob, seats, sessions, ask };
  }

  test('each reads what its own participant writes', async () => {
    const { world, seats, clock } = await twoInPublic();
    world.room.receiveText('lk.chat', 'bob', 'hello');
    world.room.receiveText('lk.chat', 'ann', 'hi');
    await clock.settle();
    expect(seats.bob.events).toEqual([{ type: 'text', text: 'hello' }]);
    expect(seats.ann.events).toEqual([{ type: 'text', text: 'hi' }]);
  });

  test('what is asked of one is answered by that one, once', async () => {
    const { ask, bob, sessions } = await twoInPublic('everyone');
    expect(await ask(bob)).toEqual([[['bob'], 'result']]);
    expect(sessions.ann.calls).toEqual([]);
  });

  test('a session without the channel keeps none that has it from answering', async () => {
    const { ask, bob, sessions } = await twoInPublic('everyone', ['ann']);
    expect(await ask(bob)).toEqual([[['bob'], 'result']]);
    expect(sessions.ann.calls).toHaveLength(1);
  });

  test('of two sessions with one participant the one that has the channel answers, until it stops listening', async () => {
    const { seat, ask, bob, sessions } = await twoInPublic('user', ['ann']);
    const [second, third] = [new ObservedFake(), new ObservedFake()];
    const controls = [second, third].map((session) => {
      session.state = 'idle';
      const { transport, open } = seat(null, 'bob');
      return { control: attachAgentControl(session, transport, {}), open };
    });
    for (const { open } of controls) await open();
    expect(await ask(bob)).toEqual([[['bob'], 'result']]);
    controls[0]?.control.stop();
    expect(await ask(bob)).toEqual([[['bob'], 'result']]);
    expect([sessions.bob, second, third].map(({ calls }) => calls.length)).toEqual([0, 1, 1]);
  });

  test('unless another one names who asks', async () => {
    const { ask, bob, sessions } = await twoInPublic(['bob']);
    expect(await ask(bob)).toHaveLength(2);
    expect([sessions.ann.calls.length, sessions.bob.calls.length]).toEqual([1, 1]);
  });

  test('a participant whose session is to come is not answered by that of another', async () => {
    const { ask, world, bob, ann } = await twoInPublic();
    world.room.leave(bob, WHY.SIGNAL_CLOSE);
    expect(await ask(ann)).toEqual([[['ann'], 'result']]);
    world.room.enter(bob);
    expect(await ask(bob)).toEqual([[['bob'], 'result']]);
  });

  test('a private one is before them, and who is linked after relinking', async () => {
    const { world, seat, seats, clock, ask, ann } = await twoInPublic();
    const own = seat('ann');
    attachAgentControl(Object.assign(new ObservedFake(), { state: 'idle' }), own.transport, {});
    await own.open();
    world.room.receiveText('lk.chat', 'ann', 'hi');
    await clock.settle();
    expect([own.events.length, seats.ann.events.length]).toEqual([1, 0]);
    expect(await ask(ann)).toEqual([[['ann'], 'result']]);
    await own.transport.close();
    seats.ann.transport.linkTo('eve');
    seats.bob.transport.linkTo('ann');
    world.room.receiveText('lk.chat', 'ann', 'hi');
    await clock.settle();
    expect(seats.bob.events).toHaveLength(1);
  });

  test('what nobody is there for yet waits for whoever is linked to its sender, also without a guest', async () => {
    const { world, seat, hold, clock } = start();
    await hold();
    world.present.push(new FakeParticipant('ann'));
    world.room.enter(new FakeParticipant('ann'));
    await seat(null, 'ann').open();
    world.room.enter(new FakeParticipant('bob'));
    const recorded = world.room.receiveBytes(PRE_CONNECT_TOPIC, 'bob', new Uint8Array(8));
    const typed = world.room.receiveText('lk.chat', 'carl', 'x');
    await clock.settle();
    expect([recorded.wasRead, recorded.wasClosed]).toEqual([false, false]);
    const bobs = seat(null, 'bob');
    await bobs.open();
    await clock.settle();
    expect(recorded.wasRead).toBe(true);
    bobs.transport.linkTo('carl');
    await clock.settle();
    expect(typed.wasRead).toBe(false);
    world.room.enter(new FakeParticipant('carl'));
    await clock.settle();
    expect(typed.wasRead).toBe(true);
  });
});

describe('a recording from before the call', () => {
  /** Of a client that says it has recorded. */
  function someoneIn({ world }: ReturnType<typeof start>, identity: string) {
    const participant = new FakeParticipant(identity);
    const publication = Object.assign(microphoneOf(participant), { info: { audioFeatures: [6] } });
    world.present.push(participant);
    const hear = () => {
      publication.track ??= fakeTrack(`TR_${identity}`);
      world.room.emit('trackSubscribed', publication.track, publication, participant);
    };
    const speak = async () => {
      for (const { stream } of world.streams) stream.push(frame(1));
      for (let i = 0; i < 4; i++) await nextLoopTurn();
    };
    return { participant, hear, speak };
  }

  test('is not waited for by the second session of a room', async () => {
    const room = start();
    const ann = someoneIn(room, 'ann');
    const first = room.seat(null, 'ann');
    await first.open();
    ann.hear();
    await room.clock.advance(3_000);
    const second = room.seat(null, 'ann');
    await second.open();
    await ann.speak();
    expect([first.frames.length, second.frames.length]).toEqual([1, 1]);
  });

  test('is waited for by two sessions that begin together: it may come to either', async () => {
    const room = start();
    const ann = someoneIn(room, 'ann');
    const seats = [room.seat(null, 'ann'), room.seat('ann')];
    for (const { open } of seats) await open();
    ann.hear();
    await ann.speak();
    expect(seats.map(({ frames }) => frames.length)).toEqual([0, 0]);
    const pcm = { attributes: { sampleRate: '16000', channels: '1', trackId: 'TR_ann' } };
    room.world.room.receiveBytes(PRE_CONNECT_TOPIC, 'ann', new Uint8Array(640), pcm);
    await room.clock.settle();
    // Of the private one, which gets it.
    expect(seats.map(({ frames }) => frames.length)).toEqual([0, 1]);
    expect(room.problems).toEqual([]);
  });

  test('that somebody else closed is not waited for', async () => {
    const room = start();
    someoneIn(room, 'ann');
    const bob = someoneIn(room, 'bob');
    const { transport, open, frames } = room.seat(null, 'ann');
    await open();
    room.world.room.receiveBytes(PRE_CONNECT_TOPIC, 'bob', new Uint8Array(8), { attributes: { trackId: 'TR_bob' } });
    transport.linkTo('bob');
    bob.hear();
    await bob.speak();
    expect(frames).toHaveLength(1);
  });
});

describe('linking to another participant', () => {
  test('leaves the microphone of the one and takes that of the other, who may still be to come', async () => {
    const { world, seat, clock } = start();
    const [ann, bob] = [new FakeParticipant('ann'), new FakeParticipant('bob')];
    const tracks = { ann: microphoneOf(ann), bob: microphoneOf(bob) };
    world.present.push(ann, bob);
    const { transport, open, events, frames } = seat(null);
    const connection = await open();
    world.room.emit('trackSubscribed', fakeTrack('TR_ann'), tracks.ann, ann);
    transport.linkTo('bob');
    expect(connection.user?.identity).toBe('bob');
    await clock.settle({ turns: 1 });
    expect([tracks.ann.subscribed, tracks.bob.subscribed]).toEqual([false, true]);
    world.streams[0]?.stream.push(frame(1));
    await clock.settle({ turns: 4 });
    expect(frames).toEqual([]);
    world.room.leave(ann, WHY.CLIENT_INITIATED);
    expect(events).toEqual([]);
    transport.linkTo('eve');
    expect(connection.user).toBeNull();
    world.room.enter(new FakeParticipant('eve', KIND.SIP));
    expect(connection.user?.identity).toBe('eve');
    // Null keeps who is linked, and takes the first one after that.
    transport.linkTo(null);
    expect(connection.user?.identity).toBe('eve');
  });

  test('and back at once ends nothing: the server would not begin it again', async () => {
    const { world, seat, clock } = start();
    const [ann, bob] = [new FakeParticipant('ann'), new FakeParticipant('bob')];
    const tracks = { ann: microphoneOf(ann), bob: microphoneOf(bob) };
    world.present.push(ann, bob);
    const { transport, open } = seat(null);
    await open();
    transport.linkTo('bob');
    transport.linkTo('ann');
    await clock.settle({ turns: 1 });
    expect([tracks.ann.subscribed, tracks.bob.subscribed]).toEqual([true, false]);
    expect(tracks.ann.ends).toBe(0);
  });

  test('back while the track is still ending asks for it again, 500 ms after the end: the server joins what is nearer', async () => {
    const { world, seat, clock } = start();
    const [ann, bob] = [new FakeParticipant('ann'), new FakeParticipant('bob')];
    const track = microphoneOf(ann);
    world.present.push(ann, bob);
    const { transport, open } = seat(null);
    await open();
    track.track = fakeTrack('TR_ann');
    transport.linkTo('bob');
    await clock.settle({ turns: 1 });
    transport.linkTo('ann');
    await clock.advance(499);
    expect([track.ends, track.subscribed]).toEqual([1, false]);
    await clock.advance(1);
    expect([track.ends, track.subscribed]).toEqual([1, true]);
    // Later, and the library has not taken the track away yet.
    transport.linkTo('bob');
    await clock.advance(1_000);
    expect(track.subscribed).toBe(false);
    transport.linkTo('ann');
    expect([track.ends, track.subscribed]).toEqual([2, true]);
  });

  test('holds in the next stay as well', async () => {
    const { world, seat } = start();
    world.present.push(new FakeParticipant('ann'), new FakeParticipant('bob'));
    const { transport, open } = seat(null);
    await open();
    transport.linkTo('bob');
    world.room.drop(WHY.UNKNOWN);
    const connection = await open();
    expect(connection.user?.identity).toBe('bob');
  });
});
