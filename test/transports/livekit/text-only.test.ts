// Whole sessions without sound in a room that is not real.
import { expect, test } from 'vitest';
import { seededIds } from '../../../src/ids.ts';
import { Agent, createRuntime, type SessionOptionsInput } from '../../../src/index.ts';
import {
  ScriptedLlm,
  ScriptedStt,
  ScriptedTts,
  ScriptedVad,
  SpokenScript,
  VirtualClock,
} from '../../../src/testing/index.ts';
import { attachRoomIo, livekitTransport } from '../../../src/transports/livekit/index.ts';
import { FakeParticipant, FakeRtcWorld, WHY } from './fake-rtc.ts';

async function start(audio: SessionOptionsInput['audio']) {
  const clock = new VirtualClock();
  const world = new FakeRtcWorld();
  const user = new FakeParticipant('anna');
  const microphone = user.publish('TR_user');
  world.present.push(user);
  const llm = new ScriptedLlm({ clock, answers: { Hello: { text: 'Good morning to you.', durationMs: 500 } } });
  const speech = { vad: new ScriptedVad(), stt: new ScriptedStt(new SpokenScript()), tts: new ScriptedTts() };
  const providers = audio === false ? { llm } : { llm, ...speech, turnDetector: null };
  const runtime = createRuntime({ clock, ids: seededIds(), providers });
  const transport = livekitTransport({ url: 'ws://127.0.0.1:1', token: 'jwt', load: async () => world.rtc });
  const agent = new Agent({ instructions: '' });
  const session = runtime.createSession({ agent, transport, options: audio === undefined ? {} : { audio } });
  attachRoomIo(session, transport);
  await Promise.all([session.start(), clock.settle()]);
  const end = async () => {
    const closed = runtime.close();
    await clock.advance(5_000);
    await closed;
  };
  return { clock, world, room: world.room, user, microphone, session, transport, end };
}

test('in text only nothing is published or subscribed; chat is answered by transcripts that belong to no track', async () => {
  const { clock, world, room, microphone, session, end } = await start(false);
  expect([world.log, world.sources, microphone.subscribed]).toEqual([['connect'], [], false]);
  room.receiveText('lk.chat', 'anna', 'Hello');
  await clock.advance(2_000);
  expect(session.history.map((item) => ('text' in item ? item.text : ''))).toEqual(['Hello', 'Good morning to you.']);
  const [growing, whole] = room.texts;
  expect(room.texts.map(({ topic, text, isClosed }) => [topic, text, isClosed])).toEqual([
    ['lk.transcription', expect.stringMatching(/^Goo/), true],
    ['lk.transcription', 'Good morning to you.', true],
  ]);
  expect(growing?.attributes).toEqual({ 'lk.segment_id': expect.any(String), 'lk.transcription_final': 'false' });
  expect(whole?.attributes).toEqual({ ...growing?.attributes, 'lk.transcription_final': 'true' });
  expect(room.transcriptions).toEqual([]);
  await end();
  expect(world.log).toEqual(['connect', 'text closed', 'text closed', 'disconnect']);
});

test('while words are written the agent is shown as speaking, as front ends know it', async () => {
  const { clock, room, session, end } = await start(false);
  const states = () => room.attributes.map((attributes) => attributes['lk.agent.state']);
  room.receiveText('lk.chat', 'anna', 'Hello');
  await clock.advance(300);
  expect([session.state, states().at(-1)]).toEqual(['responding', 'speaking']);
  await clock.advance(2_000);
  expect(states().filter((state) => state !== 'initializing')).toEqual([
    'listening',
    'thinking',
    'speaking',
    'listening',
  ]);
  await end();
});

test('a reconnect and a user who comes later subscribe nothing either', async () => {
  const { room, user, microphone, end } = await start(false);
  room.emit('reconnecting');
  room.emit('reconnected');
  room.emit('trackPublished', microphone, user);
  expect(microphone.subscribed).toBe(false);
  await end();
});

test('without a voice of its own the agent still hears; without ears it still speaks', async () => {
  const listener = await start({ output: false });
  expect([listener.world.log, listener.microphone.subscribed]).toEqual([['connect'], true]);
  await listener.end();
  const speaker = await start({ input: false });
  expect([speaker.world.log, speaker.microphone.subscribed]).toEqual([['connect', 'publish {"source":2}'], false]);
  await speaker.end();
});

test('a room that is lost is joined again, and the conversation goes on', async () => {
  const { clock, world, room, session, user, end } = await start(false);
  world.present.splice(0, 1, user);
  room.drop(WHY.SIGNAL_CLOSE);
  await clock.advance(2_000);
  expect(world.rooms).toHaveLength(2);
  world.room.receiveText('lk.chat', 'anna', 'Hello');
  await clock.advance(2_000);
  expect(session.history).toHaveLength(2);
  await end();
});
