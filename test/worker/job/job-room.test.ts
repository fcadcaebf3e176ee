import { describe, expect, test } from 'vitest';
import type { JobParticipant } from '../../../src/worker/job/job-info.ts';
import { FakeParticipant, KIND, WHY } from '../../transports/livekit/fake-rtc.ts';
import { quietAgent, startTestJob } from '../test-job.ts';

const hanging = () => new Promise<void>(() => {});

describe('joining without a session', () => {
  test('shows who is there; the job hears of each once, and where the agent is', async () => {
    const { world, job, settled, presence } = startTestJob();
    world.present.push(new FakeParticipant('ann'));
    const seen: string[] = [];
    job.addParticipantEntrypoint((_, { identity }) => seen.push(identity));
    await settled(Promise.all([job.joinRoom(), job.joinRoom()]));
    await job.joinRoom();
    world.room.enter(new FakeParticipant('bob', KIND.CONNECTOR));
    expect(seen).toEqual(['ann', 'bob']);
    expect(job.participants.map(({ kind }) => kind)).toEqual(['standard', 'connector']);
    expect(presence).toEqual(['joining', 'joined']);
    expect(world.rooms).toHaveLength(1);
    expect(world.log.filter((line) => line.startsWith('publish'))).toEqual([]);
  });

  test('what the others are goes by the names of the library, not by its numbers', async () => {
    const { world, job, settled } = startTestJob();
    const numbers = { STANDARD: 4, INGRESS: 3, EGRESS: 2, SIP: 0, AGENT: 1, CONNECTOR: 5 };
    Object.assign(world.rtc, { ParticipantKind: numbers });
    world.present.push(...[0, 1, 2, 3, 4, 5, 9].map((kind) => new FakeParticipant(`p${kind}`, kind)));
    await settled(job.joinRoom());
    const kinds = ['sip', 'agent', 'egress', 'ingress', 'standard', 'connector', 'other'];
    expect(job.participants.map(({ kind }) => kind)).toEqual(kinds);
  });

  test('is tried three times, and once when the token is refused', async () => {
    const away = startTestJob();
    away.world.onConnect = () => Promise.reject(new Error('refused'));
    const failed = expect(away.job.joinRoom()).rejects.toMatchObject({ code: 'ERR_TRANSPORT' });
    await away.clock.advance(10_000);
    await failed;
    expect(away.world.rooms).toHaveLength(3);
    // Asked again it is tried again.
    away.world.onConnect = async () => {};
    await away.settled(away.job.joinRoom());
    expect(away.job.presence.state).toBe('joined');
    const refused = startTestJob();
    refused.world.onConnect = () => Promise.reject(new Error('401 unauthorized: eyJh.eyJi.c access_token=abc'));
    const error = await refused.settled(refused.job.joinRoom()).catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ code: 'ERR_TRANSPORT', retryable: false });
    expect(String(error)).not.toMatch(/eyJ|abc/);
    expect(refused.world.rooms).toHaveLength(1);
  });

  test('a server that hangs is given up, and left when it answers after all', async () => {
    const slow = startTestJob();
    slow.world.onConnect = hanging;
    const failed = expect(slow.job.joinRoom()).rejects.toMatchObject({ code: 'ERR_TRANSPORT' });
    await slow.clock.advance(40_000);
    await failed;
    expect(slow.clock.pendingTimers).toBe(0);
  });

  test('who left while the agent was out is gone when it is back', async () => {
    const { world, job, settle, settled, clock } = startTestJob();
    const ann = new FakeParticipant('ann');
    world.present.push(ann, new FakeParticipant('bob'));
    await settled(job.startSession({ agent: quietAgent(clock) }));
    world.present.shift();
    world.room.drop(WHY.UNKNOWN);
    await clock.advance(10_000);
    await settle();
    expect(world.rooms).toHaveLength(2);
    expect(job.participants.map(({ identity }) => identity)).toEqual(['bob']);
  });

  test.each([
    ['that was cut off may come back', WHY.UNKNOWN, 'lost'],
    ['that the server sends away may come back', WHY.SERVER_SHUTDOWN, 'lost'],
    ['that was removed does not', WHY.PARTICIPANT_REMOVED, 'removed'],
    ['whose room is deleted does not', WHY.ROOM_DELETED, 'removed'],
  ])('an agent %s', async (_, why, state) => {
    const { world, job, settled, presence } = startTestJob();
    await settled(job.joinRoom());
    world.room.drop(why);
    expect(presence).toEqual(['joining', 'joined', state]);
  });

  test('an agent that leaves by itself has left', async () => {
    const { world, job, settled, presence, http } = startTestJob();
    world.present.push(new FakeParticipant('ann'));
    await settled(job.joinRoom());
    await settled(job.deleteRoom());
    expect(presence).toEqual(['joining', 'joined', 'left']);
    expect(http.asked.map(({ method }) => method)).toEqual(['DeleteRoom']);
  });

  test('the newest token of the server is used to join again', async () => {
    const { world, job, settled, clock } = startTestJob();
    world.present.push(new FakeParticipant('ann'));
    await settled(job.startSession({ agent: quietAgent(clock) }));
    expect(world.room.connects[0]?.token).toBe('token-of-the-job');
    world.room.token = 'fresh';
    world.room.drop(WHY.UNKNOWN);
    await clock.advance(10_000);
    expect(world.room.connects[0]?.token).toBe('fresh');
  });
});

describe('a full reconnect, which takes everybody out and lets them in again', () => {
  async function startRoom(...identities: string[]) {
    const room = startTestJob();
    const people = identities.map(
      (identity) => new FakeParticipant(identity, KIND.SIP, { 'sip.callStatus': 'ringing' }),
    );
    room.world.present.push(...people);
    const seen: string[] = [];
    room.job.addParticipantEntrypoint((_, { identity }) => seen.push(identity));
    await room.settled(room.job.joinRoom());
    const names = () => room.job.participants.map(({ identity }) => identity);
    const reconnect = () => {
      for (const person of people) room.world.room.leave(person, WHY.UNKNOWN);
      room.world.room.emit('reconnecting');
    };
    return { ...room, people, seen, names, reconnect };
  }

  test('makes nobody new: no entrypoint runs again, who is held is still the one, a call still rings', async () => {
    const { world, job, clock, seen, reconnect } = await startRoom('ann');
    const [held] = job.participants;
    let outcome = 'waits';
    job.waitForAnswer('ann').then(
      () => (outcome = 'answered'),
      (error: Error) => (outcome = error.message),
    );
    reconnect();
    await clock.advance(20_000);
    expect([outcome, held?.isPresent]).toEqual(['waits', true]);
    world.room.enter(new FakeParticipant('ann', KIND.SIP, { 'sip.callStatus': 'active' }));
    world.room.emit('reconnected');
    await clock.advance(40_000);
    expect(outcome).toBe('answered');
    expect(seen).toEqual(['ann']);
    expect(job.participants).toEqual([held]);
    expect(held?.attributes).toEqual({ 'sip.callStatus': 'active' });
  });

  test('who is not in again has left, shortly after it; also one who left for good meanwhile', async () => {
    const { world, clock, names, people, reconnect } = await startRoom('ann', 'bob', 'carl');
    reconnect();
    const [ann, bob] = people;
    if (ann !== undefined) world.room.enter(ann);
    if (bob !== undefined) world.room.enter(bob);
    world.room.emit('reconnected');
    expect(names()).toEqual(['ann', 'bob', 'carl']);
    if (bob !== undefined) world.room.leave(bob, WHY.CLIENT_INITIATED);
    expect(names()).toEqual(['ann', 'carl']);
    await clock.advance(1_000);
    expect(names()).toEqual(['ann']);
  });

  test('is none after all: who left without a reason is gone after a second', async () => {
    const { world, clock, names, people } = await startRoom('ann', 'bob');
    const [, bob] = people;
    if (bob !== undefined) world.room.leave(bob, WHY.UNKNOWN);
    await clock.advance(1_000);
    expect(names()).toEqual(['ann']);
  });

  test('that never ends fails a job without a session after 30 s, so that the room gets another agent', async () => {
    const { clock, presence, held, reconnect } = await startRoom('ann');
    reconnect();
    await clock.advance(29_000);
    expect(held.failures).toEqual([]);
    await clock.advance(2_000);
    expect([presence.at(-1), held.failures]).toEqual(['lost', ['the room was lost']]);
    expect(clock.pendingTimers).toBe(0);
  });

  test.each([
    ['a reconnect that never ends', 'reconnecting', 31_000],
    ['a server that answers nothing any more after it', 'reconnected', 30_000],
  ] as const)('%s: the room is joined anew, with the session in it', async (_, event, afterMs) => {
    const { world, clock, job, settled, lines } = await startRoom('ann');
    const session = await settled(job.startSession({ agent: quietAgent(clock) }));
    world.onAsk = () => new Promise(() => {});
    world.room.emit(event);
    await clock.advance(afterMs);
    world.onAsk = async () => {};
    await clock.advance(5_000);
    expect(world.rooms).toHaveLength(2);
    expect([world.rooms[0]?.isConnected, world.room.isConnected]).toEqual([false, true]);
    expect([session.state, job.participants.map(({ identity }) => identity)]).toEqual(['idle', ['ann']]);
    expect(lines.filter(({ where }) => where === 'network')).toHaveLength(1);
  });

  test('that fails: who is not in the room joined anew has left, and nothing is waited for', async () => {
    const { world, clock, names, job, settled, reconnect } = await startRoom('ann', 'bob');
    await settled(job.startSession({ agent: quietAgent(clock) }));
    reconnect();
    world.present.shift();
    world.room.drop(WHY.UNKNOWN);
    await clock.advance(5_000);
    expect(names()).toEqual(['bob']);
    expect(world.rooms).toHaveLength(2);
  });
});

describe('a job for one participant', () => {
  const person: JobParticipant = {
    sid: 'PA_1',
    identity: 'bob',
    name: '',
    metadata: '',
    attributes: {},
    kind: 'standard',
  };

  for (const kind of ['participant', 'publisher'] as const) {
    test(`of kind ${kind}: its session talks to that one, although another was there first`, async () => {
      const { world, job, settled, clock } = startTestJob({ kind, participant: person });
      const [ann, bob] = [new FakeParticipant('ann'), new FakeParticipant('bob')];
      const tracks = [ann.publish('TR_ann'), bob.publish('TR_bob')];
      world.present.push(ann, bob);
      const session = await settled(job.startSession({ agent: quietAgent(clock) }));
      expect(tracks.map(({ subscribed }) => subscribed)).toEqual([false, true]);
      world.room.leave(ann, WHY.CLIENT_INITIATED);
      await clock.advance(3_000);
      expect(session.state).not.toBe('closed');
      world.room.leave(bob, WHY.CLIENT_INITIATED);
      await clock.advance(3_000);
      expect((await session.whenStopped).reason).toBe('the user left');
    });
  }

  test('ends when that one never comes', async () => {
    const { world, job, settled, clock } = startTestJob({ kind: 'participant', participant: person });
    world.present.push(new FakeParticipant('ann'));
    const session = await settled(job.startSession({ agent: quietAgent(clock) }));
    await clock.advance(29_000);
    expect(session.state).not.toBe('closed');
    await clock.advance(3_000);
    expect((await session.whenStopped).reason).toBe('the user did not come back');
  });

  test('another one can be asked for', async () => {
    const { world, job, settled, clock } = startTestJob({ kind: 'participant', participant: person });
    const ann = new FakeParticipant('ann');
    const track = ann.publish('TR_ann');
    world.present.push(ann, new FakeParticipant('bob'));
    await settled(job.startSession({ agent: quietAgent(clock), participant: 'ann' }));
    expect(track.subscribed).toBe(true);
  });
});

describe('linking a session to another participant', () => {
  test('is refused for a private one, which sees nobody else', async () => {
    const { world, job, settled, clock } = startTestJob();
    world.present.push(new FakeParticipant('ann'), new FakeParticipant('bob'));
    const options = { agent: quietAgent(clock), participant: 'ann', isPrivate: true };
    const session = await settled(job.startSession(options));
    expect(() => job.linkTo(session, 'bob')).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }));
  });

  test('goes by the session', async () => {
    const { world, job, settled, clock } = startTestJob();
    const [ann, bob] = [new FakeParticipant('ann'), new FakeParticipant('bob')];
    const tracks = [ann.publish('TR_ann'), bob.publish('TR_bob')];
    world.present.push(ann, bob);
    const session = await settled(job.startSession({ agent: quietAgent(clock), participant: 'ann' }));
    job.linkTo(session, 'bob');
    await clock.settle({ turns: 1 });
    expect(tracks.map(({ subscribed }) => subscribed)).toEqual([false, true]);
    // Whom it was for first may stay away for long.
    world.room.leave(ann, WHY.SIGNAL_CLOSE);
    await clock.advance(60_000);
    expect(session.state).not.toBe('closed');
    await settled(Promise.all([session.close(), clock.advance(2_000)]));
    expect(() => job.linkTo(session, 'ann')).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
  });
});
