// A reply in a room whose network goes away for a while, with the whole runtime behind it.
import { expect, test } from 'vitest';
import { seededIds } from '../../../src/ids.ts';
import { Agent } from '../../../src/runtime/agent.ts';
import { createRuntime } from '../../../src/runtime/create-runtime.ts';
import { ScriptedLlm } from '../../../src/testing/scripted-llm.ts';
import { ScriptedStt } from '../../../src/testing/scripted-stt.ts';
import { ScriptedTts } from '../../../src/testing/scripted-tts.ts';
import { ScriptedVad } from '../../../src/testing/scripted-vad.ts';
import { SpokenScript } from '../../../src/testing/spoken-script.ts';
import { VirtualClock } from '../../../src/testing/virtual-clock.ts';
import { livekitTransport } from '../../../src/transports/livekit/index.ts';
import { FakeParticipant, FakeRtcWorld, WHY } from './fake-rtc.ts';

async function start(tts = new ScriptedTts()) {
  const clock = new VirtualClock();
  const world = new FakeRtcWorld();
  world.present.push(new FakeParticipant('anna'));
  const text = 'one two three four five six seven eight nine ten eleven twelve';
  const runtime = createRuntime({
    clock,
    ids: seededIds(),
    providers: {
      vad: new ScriptedVad(),
      stt: new ScriptedStt(new SpokenScript()),
      tts,
      llm: new ScriptedLlm({ clock, otherwise: () => ({ text, firstTokenMs: 0, durationMs: 0 }) }),
      turnDetector: null,
    },
  });
  const transport = livekitTransport({ url: 'ws://127.0.0.1:1', token: 'jwt', load: async () => world.rtc });
  const session = runtime.createSession({ agent: new Agent({}), transport });
  const errors: string[] = [];
  session.on('session_error', ({ code, part, message }) => errors.push(`${code} ${part} ${message}`));
  const started = session.start();
  await clock.settle();
  await started;
  // Takes a piece when there is room for it, as the native one: in the pace of speech.
  const { source } = world;
  const take = source.captureFrame.bind(source);
  source.captureFrame = async (frame) => {
    await take(frame);
    await new Promise<void>((resolve) => clock.setTimeout(resolve, (frame.data.length * 1000) / frame.sampleRate));
  };
  const end = async () => {
    const closed = runtime.close();
    await clock.advance(5_000);
    await closed;
  };
  return { clock, world, session, errors, text, end };
}

test('an answer waits for a network that is away for 20 s, and is then heard to its end', async () => {
  const { clock, world, session, errors, text, end } = await start();
  const reply = session.sendText('count');
  await clock.advance(1_000);
  expect(session.state).toBe('speaking');
  const before = world.source.frames.length;
  world.room.emit('reconnecting');
  await clock.advance(20_000);
  expect(session.state).toBe('speaking');
  expect(world.source.frames.length).toBeLessThanOrEqual(before + 1);
  world.room.emit('reconnected');
  await clock.advance(20_000);
  expect((await reply).outcome).toBe('completed');
  expect(errors).toEqual([]);
  expect(session.history.at(-1)).toMatchObject({ type: 'assistant', text });
  await end();
});

test('an answer waits for a room that is lost and can be joined again only after a while', async () => {
  const { clock, world, session, errors, text, end } = await start();
  const reply = session.sendText('count');
  await clock.advance(1_000);
  world.room.emit('reconnecting');
  await clock.advance(2_000);
  const [first] = world.sources;
  const heard = first?.samples.length ?? 0;
  world.onConnect = () =>
    new Promise((_, reject) => clock.setTimeout(() => reject(new Error('signal failure: no answer')), 3_000));
  world.room.drop(WHY.UNKNOWN);
  await clock.advance(8_000);
  expect(session.state).toBe('speaking');
  world.onConnect = async () => {};
  await clock.advance(30_000);
  expect((await reply).outcome).toBe('completed');
  expect(errors).toEqual([]);
  expect(session.history.at(-1)).toMatchObject({ type: 'assistant', text });
  // The rest was said in the room joined anew, from the position that had been played.
  expect(heard).toBeGreaterThan(0);
  expect(world.source).not.toBe(first);
  expect(world.source.samples.length).toBeGreaterThan(0);
  await end();
});

test('a room that cannot be joined again ends the call with one coded error', async () => {
  const { clock, world, session, errors, end } = await start();
  world.onConnect = () => Promise.reject(new Error('401 Unauthorized - invalid token: token is expired'));
  world.room.drop(WHY.UNKNOWN);
  await clock.advance(5_000);
  const { reason } = await session.whenStopped;
  expect(reason).toContain('refused the token');
  expect(errors).toEqual([expect.stringMatching(/^ERR_TRANSPORT transport .*refused the token/)]);
  await end();
});

test('a network that never comes back, nor is given up, does not keep the answer for ever: the room is joined anew', async () => {
  const { clock, world, session, errors, text, end } = await start();
  const reply = session.sendText('count');
  await clock.advance(1_000);
  const [first] = world.rooms;
  world.room.emit('reconnecting');
  await clock.advance(29_000);
  expect(world.room).toBe(first);
  await clock.advance(31_000);
  expect(world.room).not.toBe(first);
  expect((await reply).outcome).toBe('completed');
  expect(errors).toEqual([]);
  expect(session.history.at(-1)).toMatchObject({ type: 'assistant', text });
  await end();
});

test('a reconnect that hangs while nobody speaks: the room is joined anew after 30 s, and the user is answered there', async () => {
  const { clock, world, session, errors, text, end } = await start();
  const [first] = world.rooms;
  world.room.emit('reconnecting');
  await clock.advance(20_000);
  world.room.emit('reconnecting');
  await clock.advance(9_000);
  expect(world.room).toBe(first);
  await clock.advance(6_000);
  expect(world.room).not.toBe(first);
  const reply = session.sendText('count');
  await clock.advance(10_000);
  expect((await reply).outcome).toBe('completed');
  expect([session.state, errors, session.history.at(-1)]).toMatchObject(['idle', [], { type: 'assistant', text }]);
  await end();
});

test('a reconnect that came to its end in time leaves the room as it is', async () => {
  const { clock, world, errors, end } = await start();
  world.room.emit('reconnecting');
  await clock.advance(20_000);
  world.room.emit('reconnected');
  await clock.advance(60_000);
  expect([world.rooms.length, errors]).toEqual([1, []]);
  await end();
  expect(clock.pendingTimers).toBe(0);
});
