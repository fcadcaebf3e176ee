import { describe, expect, test } from 'vitest';
import type { SessionEventMap, SessionEventName, SessionState } from '../../../../src/events.ts';
import { attachRoomIo } from '../../../../src/transports/livekit/index.ts';
import { FakeParticipant, WHY } from '../fake-rtc.ts';
import { fakeTransport } from '../fake-transport.ts';

/** A session of which only the events are real. */
class FakeSession {
  state: SessionState = 'connecting';
  readonly #listeners = new Set<(name: SessionEventName, event: SessionEventMap[SessionEventName]) => unknown>();

  onAny(listener: (name: SessionEventName, event: SessionEventMap[SessionEventName]) => unknown): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  emit<N extends SessionEventName>(name: N, event: Omit<SessionEventMap[N], 'sessionId'>): void {
    const told = { sessionId: 's', ...event } as SessionEventMap[N]; // the missing field is added here
    for (const listener of this.#listeners) listener(name, told);
  }

  enter(toState: SessionState): void {
    const fromState = this.state;
    this.state = toState;
    this.emit('state_changed', { fromState, toState });
  }

  get isObserved(): boolean {
    return this.#listeners.size > 0;
  }
}

async function start() {
  const { clock, world, transport, problems, open } = fakeTransport();
  const user = new FakeParticipant('anna');
  user.publish('TR_user');
  world.present.push(user);
  const session = new FakeSession();
  const stop = attachRoomIo(session, transport);
  const connection = await open();
  await clock.settle();
  const states = () => world.room.attributes.map((attributes) => attributes['lk.agent.state']);
  return { clock, world, transport, problems, session, stop, open, connection, states, room: world.room };
}

describe('the state of the agent', () => {
  test('is not held up by an answer of the server that the library has lost', async () => {
    const { clock, world, session, states, problems } = await start();
    world.onSend = () =>
      new Promise((_, reject) => clock.setTimeout(() => reject(new Error('request timeout')), 5_000));
    session.enter('listening');
    await clock.settle();
    world.onSend = async () => {};
    session.enter('thinking');
    await clock.advance(1_000);
    expect(states().at(-1)).toBe('thinking');
    await clock.advance(10_000);
    expect(problems).toEqual([]);
  });

  test('is shown again when the room is back: what was sent meanwhile may be lost', async () => {
    const { clock, session, states, room } = await start();
    session.enter('idle');
    await clock.settle();
    room.emit('reconnecting');
    session.enter('listening');
    await clock.settle();
    const before = states().length;
    room.emit('reconnected');
    await clock.settle();
    expect(states().slice(before)).toEqual(['listening']);
  });

  test('is shown as front ends know it, on change only', async () => {
    const { clock, session, states } = await start();
    const path: SessionState[] = [
      'idle',
      'listening',
      'processing',
      'thinking',
      'toolExecution',
      'responding',
      'speaking',
    ];
    for (const state of [...path, 'paused', 'speaking', 'interrupted', 'listening', 'closing'] as SessionState[]) {
      session.enter(state);
      await clock.settle();
    }
    expect(states()).toEqual([
      'initializing',
      'listening',
      'thinking',
      'speaking',
      'listening',
      'speaking',
      'listening',
    ]);
  });

  test('that was overtaken while the network was slow is not sent', async () => {
    const { clock, world, session, states } = await start();
    let arrive = () => {};
    world.onSend = () => new Promise<void>((resolve) => (arrive = resolve));
    session.enter('idle');
    await clock.settle();
    session.enter('thinking');
    session.enter('speaking');
    world.onSend = async () => {};
    arrive();
    await clock.settle();
    expect(states()).toEqual(['initializing', 'listening', 'speaking']);
  });

  test('is shown as soon as the server allows it again', async () => {
    const { clock, world, session, states, room } = await start();
    session.enter('idle');
    await clock.settle();
    world.permission = { canUpdateMetadata: false };
    room.emit('tokenRefreshed');
    world.onSend = () => new Promise(() => {}); // the server gives no answer to what it does not allow
    session.enter('thinking');
    await clock.settle();
    session.enter('speaking');
    await clock.settle();
    world.onSend = async () => {};
    world.permission = { canUpdateMetadata: true };
    room.emit('tokenRefreshed');
    await clock.settle();
    expect(states()).toEqual(['initializing', 'listening', 'speaking']);
  });

  test('is shown again when the right had gone and come back before anybody noticed', async () => {
    const { clock, world, session, states, room } = await start();
    session.enter('idle');
    await clock.settle();
    world.permission = { canUpdateMetadata: false };
    session.enter('thinking'); // sent, and dropped by the server without a word
    await clock.settle();
    room.emit('tokenRefreshed');
    world.permission = { canUpdateMetadata: true };
    await clock.advance(1_000);
    expect(states()).toEqual(['initializing', 'listening', 'thinking', 'thinking']);
  });

  test('is shown again in the room that is joined after a loss', async () => {
    const { clock, world, session, states, open } = await start();
    session.enter('idle');
    await clock.settle();
    world.room.drop(WHY.UNKNOWN);
    await open();
    await clock.settle();
    expect(states()).toEqual(['listening']);
  });
});

describe('transcripts', () => {
  test('of the user are whole streams under one segment, in the name of the user, interim and final', async () => {
    const { clock, session, room } = await start();
    session.emit('stt_result', { utterance: 3, text: 'good', isFinal: false });
    await clock.settle();
    session.emit('stt_result', { utterance: 3, text: 'good morning', isFinal: true });
    await clock.settle();
    session.emit('stt_result', { utterance: 3, text: 'and more', isFinal: true });
    await clock.settle();
    const segments = room.texts.map(({ attributes }) => attributes?.['lk.segment_id']);
    expect(room.texts.map(({ text, isClosed }) => [text, isClosed])).toEqual([
      ['good', true],
      ['good morning', true],
      ['and more', true],
    ]);
    expect(segments[0]).toBe(segments[1]);
    expect(segments[2]).not.toBe(segments[1]); // a second final of one utterance would replace the first
    for (const { topic, senderIdentity, attributes } of room.texts) {
      expect([topic, senderIdentity, attributes?.['lk.transcribed_track_id']]).toEqual([
        'lk.transcription',
        'anna',
        'TR_user',
      ]);
    }
    expect(room.texts.map(({ attributes }) => attributes?.['lk.transcription_final'])).toEqual([
      'false',
      'true',
      'true',
    ]);
  });

  test('of the agent are whole streams under one segment, longer as more is heard, and none is ever left open', async () => {
    const { clock, session, room } = await start();
    const heard = async (text: string, isFinal = false) => {
      session.emit('reply_heard', { turn: 1, itemId: 'item_1', text, isFinal });
      await clock.settle();
    };
    await heard('Hello ');
    await heard('Hello there ');
    await heard('Hello there ');
    await heard('Hello there my friend', true);
    expect(
      room.texts.map(({ text, isClosed, attributes }) => [text, isClosed, attributes?.['lk.transcription_final']]),
    ).toEqual([
      ['Hello ', true, 'false'],
      ['Hello there ', true, 'false'],
      ['Hello there my friend', true, 'true'],
    ]);
    const [first, , last] = room.texts;
    expect(first?.attributes?.['lk.segment_id']).toBe(last?.attributes?.['lk.segment_id']);
    expect(last?.attributes?.['lk.transcribed_track_id']).toBe('TR_agent');
    expect(first?.senderIdentity).toBeUndefined();
  });

  test('that were cut end with what was heard', async () => {
    const { clock, session, room } = await start();
    session.emit('reply_heard', { turn: 1, itemId: 'item_1', text: 'Hello there ', isFinal: false });
    await clock.settle();
    session.emit('reply_heard', { turn: 1, itemId: 'item_1', text: 'Hello', isFinal: true });
    await clock.settle();
    expect(room.texts.at(-1)).toMatchObject({ text: 'Hello', isClosed: true });
    expect(room.texts.every(({ isClosed }) => isClosed)).toBe(true);
  });

  test('are sent in the older form too, tied to the track of the speaker', async () => {
    const { clock, session, room } = await start();
    session.emit('stt_result', { utterance: 1, text: 'hi', isFinal: true });
    session.emit('reply_heard', { turn: 1, itemId: 'item_1', text: 'Hello', isFinal: true });
    await clock.settle();
    expect(room.transcriptions).toMatchObject([
      { participantIdentity: 'anna', trackSid: 'TR_user', segments: [{ text: 'hi', final: true }] },
      { participantIdentity: 'agent', trackSid: 'TR_agent', segments: [{ id: 'item_1', text: 'Hello', final: true }] },
    ]);
  });

  test('are not published while they are turned off', async () => {
    const { clock, transport, session, room } = await start();
    session.emit('reply_heard', { turn: 1, itemId: 'item_1', text: 'Hello ', isFinal: false });
    await clock.settle();
    transport.switches.transcription = false;
    session.emit('reply_heard', { turn: 1, itemId: 'item_1', text: 'Hello there', isFinal: true });
    session.emit('stt_result', { utterance: 1, text: 'hi', isFinal: true });
    await clock.settle();
    expect(room.texts.map(({ text, isClosed }) => [text, isClosed])).toEqual([['Hello ', true]]);
  });

  test('that wait in a slow network are sent before the agent leaves', async () => {
    const { clock, world, session, connection, room } = await start();
    let arrive = () => {};
    world.onSend = () => new Promise<void>((resolve) => (arrive = resolve));
    session.emit('reply_heard', { turn: 1, itemId: 'item_1', text: 'Hello ', isFinal: false });
    session.emit('reply_heard', { turn: 1, itemId: 'item_1', text: 'Hello there', isFinal: true });
    await clock.settle();
    const left = connection.close();
    world.onSend = async () => {};
    arrive();
    await left;
    expect(room.texts.at(-1)).toMatchObject({ text: 'Hello there', isClosed: true });
    expect(world.log.lastIndexOf('text closed')).toBeLessThan(world.log.indexOf('disconnect'));
  });

  test('a room that refuses them does not stop the state, nor the call', async () => {
    const { clock, world, session, room } = await start();
    world.onSend = () => Promise.reject(new Error('not allowed'));
    session.emit('stt_result', { utterance: 1, text: 'hi', isFinal: true });
    await clock.settle();
    world.onSend = async () => {};
    session.enter('idle');
    await clock.settle();
    expect(room.texts).toEqual([]);
    expect(room.attributes.at(-1)).toEqual({ 'lk.agent.state': 'listening' });
  });
});

test('after the end of the session nothing is observed any more', async () => {
  const { session } = await start();
  session.emit('session_stopped', { reason: 'done', durationMs: 1 });
  expect(session.isObserved).toBe(false);
});
