import { expect, test } from 'vitest';
import { INPUT_FORMAT } from '../../../../src/audio/frame.ts';
import { nextLoopTurn } from '../../../../src/clock.ts';
import type { LivekitTransportOptions } from '../../../../src/transports/livekit/index.ts';
import { FakeParticipant, fakeTrack, KIND, WHY } from '../fake-rtc.ts';
import { fakeTransport } from '../fake-transport.ts';

const TOPIC = 'lk.agent.pre-connect-audio-buffer';
const RECORDED = { audioFeatures: [0, 6] };
const PCM = { attributes: { sampleRate: '16000', channels: '1', trackId: 'TR_user' } };

/** A room with a user whose microphone is published; what the session hears, as one number for each 20 ms. */
async function start(given: Partial<LivekitTransportOptions> = {}, info: object | null = RECORDED) {
  const problems: unknown[] = [];
  const { clock, world, frames, open } = fakeTransport({
    options: { onProblem: ({ error }) => problems.push(error), ...given },
  });
  const user = new FakeParticipant('anna');
  const publication = user.publish('TR_user');
  if (info !== null) Object.assign(publication, { info });
  world.present.push(user);
  const connection = await open();
  const settled = async () => {
    for (let i = 0; i < 5; i++) await nextLoopTurn();
  };
  const { room } = world;
  return {
    clock,
    world,
    room,
    user,
    publication,
    frames,
    problems,
    open,
    connection,
    settled,
    heard: () => frames.flatMap(({ samples }) => [...samples].filter((_, i) => i % 320 === 0)),
    /** The server has subscribed the agent to the microphone. */
    subscribe: (sid = 'TR_user', of = publication) => room.emit('trackSubscribed', fakeTrack(sid), of, user),
    /** Live audio, 20 ms for each value. */
    speak: async (...values: number[]) => {
      for (const value of values)
        world.streams.at(-1)?.stream.push({ data: new Int16Array(320).fill(value), sampleRate: 16_000, channels: 1 });
      for (let i = 0; i < 5 + 2 * values.length; i++) await nextLoopTurn();
    },
    receive: (bytes: Parameters<typeof room.receiveBytes>[2], from = 'anna', format: object = PCM) =>
      room.receiveBytes(TOPIC, from, bytes, format),
  };
}

/** Raw samples, 20 ms for each value. */
function pcm(...values: number[]): Uint8Array {
  const samples = new Int16Array(values.length * 320);
  for (const [index, value] of values.entries()) samples.fill(value, index * 320, (index + 1) * 320);
  return new Uint8Array(samples.buffer);
}

/** A recording that is still being made: `send` adds to it, `end` ends it, with an error or without. */
function growing() {
  const chunks: (Uint8Array | Error | null)[] = [];
  let wake = () => {};
  const add = (chunk: Uint8Array | Error | null) => {
    chunks.push(chunk);
    wake();
  };
  async function* iterate() {
    for (;;) {
      while (chunks.length === 0)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      const chunk = chunks.shift() ?? null;
      if (chunk === null) return;
      if (chunk instanceof Error) throw chunk;
      yield chunk;
    }
  }
  return {
    bytes: iterate(),
    send: (...values: number[]) => add(pcm(...values)),
    end: (error?: Error) => add(error ?? null),
  };
}

test('what was recorded before is heard first, then what waited, then the rest, each once and in order', async () => {
  const { subscribe, speak, receive, settled, heard, frames, problems } = await start();
  const recording = growing();
  receive(recording.bytes);
  recording.send(1, 2, 3);
  subscribe();
  await speak(6, 7);
  expect(heard()).toEqual([]);
  recording.send(4, 5);
  recording.end();
  await settled();
  expect(heard()).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(frames).toHaveLength(1); // one burst, which is dated back as a whole
  await speak(8);
  expect(heard()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(problems).toEqual([]);
});

test('a recording that comes after the microphone opened is waited for, when the client says that there is one', async () => {
  const { clock, subscribe, speak, receive, settled, heard } = await start();
  subscribe();
  await speak(3);
  await clock.advance(2_900);
  receive(pcm(1, 2));
  await settled();
  expect(heard()).toEqual([1, 2, 3]);
});

test('without a recording nothing waits', async () => {
  const { subscribe, speak, heard } = await start({}, null);
  subscribe();
  await speak(1);
  expect(heard()).toEqual([1]);
});

test('a recording that was announced and never comes is given up after three seconds; the live audio is whole', async () => {
  const { clock, subscribe, speak, receive, heard, problems, settled } = await start();
  subscribe();
  await speak(1, 2);
  await clock.advance(3_000);
  expect(heard()).toEqual([1, 2]);
  const late = receive(pcm(9));
  await settled();
  await speak(3);
  expect(heard()).toEqual([1, 2, 3]);
  expect(late.wasClosed).toBe(true);
  expect(problems).toEqual([expect.objectContaining({ code: 'ERR_AUDIO_FRAME', field: 'pre-connect audio' })]);
});

test('a recording that hangs in the middle is heard as far as it came', async () => {
  const { clock, subscribe, speak, receive, heard, settled, problems } = await start();
  const recording = growing();
  const reader = receive(recording.bytes);
  recording.send(1, 2);
  subscribe();
  await speak(4);
  await clock.advance(3_000);
  expect(heard()).toEqual([1, 2, 4]);
  expect(reader.wasClosed).toBe(true);
  recording.send(3);
  recording.end(new Error('Disconnected while receiving'));
  await settled();
  expect(heard()).toEqual([1, 2, 4]);
  expect(problems).toEqual([]);
});

test('a stream that breaks keeps what came: of older clients without a word, of others with one line', async () => {
  for (const [text, count] of [
    ['read length exceeded total length specified in stream header', 0],
    ['stream closed abnormally', 1],
  ] as const) {
    const { subscribe, speak, receive, heard, settled, problems } = await start();
    const recording = growing();
    receive(recording.bytes);
    recording.send(1);
    recording.end(new Error(text));
    await settled();
    subscribe();
    await speak(2);
    expect(heard()).toEqual([1, 2]);
    expect(problems).toHaveLength(count);
  }
});

test('garbage is dropped with one line, and the call goes on', async () => {
  const { subscribe, speak, receive, heard, settled, problems } = await start();
  receive(new TextEncoder().encode('not a recording of any kind'), 'anna', { mimeType: 'audio/webm;codecs=opus' });
  await settled();
  subscribe();
  await speak(1);
  expect(heard()).toEqual([1]);
  expect(problems).toEqual([expect.objectContaining({ code: 'ERR_AUDIO_FRAME' })]);
});

test('a recording longer than any client makes is cut there, with one line', async () => {
  const { subscribe, speak, receive, frames, settled, problems } = await start();
  const endless = async function* () {
    for (;;) yield pcm(...Array.from({ length: 50 }, () => 1));
  };
  receive(endless());
  await settled();
  subscribe();
  await speak(2);
  expect((frames[0]?.samples.length ?? 0) / INPUT_FORMAT.sampleRateHz).toBeLessThanOrEqual(12.1);
  expect(problems).toEqual([expect.objectContaining({ rule: expect.stringContaining('11000 ms') })]);
});

test('one of somebody else is closed unread, and a second one of the user too', async () => {
  const { room, receive, subscribe, speak, heard, settled, problems } = await start();
  room.enter(new FakeParticipant('eve'));
  room.enter(new FakeParticipant('other agent', KIND.AGENT));
  for (const identity of ['eve', 'other agent', 'nobody']) {
    const reader = receive(pcm(9), identity);
    await settled();
    expect([reader.wasRead, reader.wasClosed]).toEqual([false, true]);
  }
  expect(problems).toEqual([]);
  receive(pcm(1));
  const second = receive(pcm(9));
  await settled();
  subscribe();
  await speak(2);
  expect(heard()).toEqual([1, 2]);
  expect([second.wasRead, second.wasClosed]).toEqual([false, true]);
});

test('one that came while the agent was still on its way in is heard', async () => {
  const { clock, world, frames, open } = fakeTransport();
  const user = new FakeParticipant('anna');
  const publication = user.publish('TR_user');
  world.present.push(user);
  world.onConnect = async (room) => void room.receiveBytes(TOPIC, 'anna', pcm(1), PCM);
  await open();
  await clock.settle();
  world.room.emit('trackSubscribed', fakeTrack('TR_user'), publication, user);
  expect(frames.map(({ samples }) => samples[0])).toEqual([1]);
});

test('one whose microphone opens much later is not played into another conversation', async () => {
  const { clock, receive, subscribe, speak, heard, settled, problems } = await start({}, null);
  receive(pcm(1));
  await settled();
  await clock.advance(10_001);
  subscribe();
  await speak(2);
  expect(heard()).toEqual([2]);
  expect(problems).toHaveLength(1);
});

test('a user who goes takes the recording along', async () => {
  const { room, user, receive, settled, frames } = await start();
  const recording = growing();
  const reader = receive(recording.bytes);
  recording.send(1);
  await settled();
  room.leave(user, WHY.CLIENT_INITIATED);
  expect(reader.wasClosed).toBe(true);
  const next = new FakeParticipant('ben');
  room.enter(next);
  room.emit('trackSubscribed', fakeTrack('TR_ben'), next.publish('TR_ben'), next);
  await settled();
  expect(frames).toEqual([]);
});

test('a microphone that closes while a recording is waited for gives what was said', async () => {
  const { room, publication, user, subscribe, speak, heard } = await start();
  const track = fakeTrack('TR_user');
  room.emit('trackSubscribed', track, publication, user);
  await speak(1, 2);
  room.emit('trackUnsubscribed', track, publication, user);
  expect(heard()).toEqual([1, 2]);
  // The same track again, after a reconnect of the library: its client has nothing recorded any more.
  subscribe();
  await speak(3);
  expect(heard()).toEqual([1, 2, 3]);
});

test('in a room that is joined anew the track that was heard before is heard at once', async () => {
  const { world, open, publication, user, subscribe, speak, heard, clock } = await start();
  subscribe();
  await speak(1);
  await clock.advance(3_000);
  world.room.drop(WHY.UNKNOWN);
  await open();
  world.room.emit('trackSubscribed', fakeTrack('TR_user'), publication, user);
  await speak(2);
  expect(heard()).toEqual([1, 2]);
});

test('turned off, recordings are not asked for and live audio never waits', async () => {
  const { receive, subscribe, speak, heard } = await start({ preConnectAudio: false });
  const reader = receive(pcm(9));
  subscribe();
  await speak(1);
  expect(heard()).toEqual([1]);
  expect(reader.wasRead).toBe(false);
});

test('while the microphone is turned off for the agent, what was recorded is silence too', async () => {
  const { connection, receive, subscribe, heard, settled } = await start();
  connection.switches.audioInput = false;
  receive(pcm(9));
  await settled();
  subscribe();
  expect(heard()).toEqual([0]);
});
