// Calls without sound in one or both directions, on the virtual clock.
import { expect, test } from 'vitest';
import { seededIds } from '../../src/ids.ts';
import { Agent, createRuntime, LoopbackTransport, type SessionOptionsInput, tool } from '../../src/index.ts';
import {
  crash,
  type ScriptedAnswer,
  ScriptedLlm,
  startTestCall,
  type TestCall,
  VirtualClock,
} from '../../src/testing/index.ts';
import { said } from './said.ts';

const errors = (call: Pick<TestCall, 'log'>) =>
  call.log.flatMap(({ name, event }) => (name === 'session_error' ? [(event as { code: string }).code] : []));
const partOf = (call: TestCall, part: string) => call.runtime.registry.whereis(`${call.session.sessionId}/${part}`);

/** A call in text only, with a model and nothing else. */
async function startTextCall(answers: Readonly<Record<string, ScriptedAnswer>>, options: SessionOptionsInput = {}) {
  const clock = new VirtualClock();
  const llm = new ScriptedLlm({ clock, answers });
  const runtime = createRuntime({ clock, ids: seededIds(), providers: { llm } });
  const transport = new LoopbackTransport();
  const look = tool({ name: 'look', description: 'Looks.', execute: () => 'clouds' });
  const agent = new Agent({ instructions: 'Be brief.', tools: [look] });
  const session = runtime.createSession({ agent, transport, options: { audio: false, ...options } });
  const log: { atMs: number; name: string; event: object }[] = [];
  session.onAny((name, event) => log.push({ atMs: clock.now(), name, event }));
  await Promise.all([session.start(), clock.settle()]);
  const startMs = clock.now();
  return {
    clock,
    llm,
    runtime,
    transport,
    session,
    log,
    until: (atMs: number) => clock.advance(startMs + atMs - clock.now()),
    whereis: (part: string) => runtime.registry.whereis(`${session.sessionId}/${part}`),
    end: async () => {
      const closed = runtime.close();
      await clock.advance(5_000);
      await closed;
    },
  };
}

test('a session in text only needs a model and nothing else: no ears, no voice, no loudspeaker', async () => {
  const call = await startTextCall({ Hello: { text: 'Good morning to you.', durationMs: 200 } });
  expect(
    ['vad', 'stt', 'tts', 'playout', 'input', 'output'].filter((part) => call.whereis(part) !== undefined),
  ).toEqual([]);
  expect(call.transport.speaker).toBeNull();
  call.transport.sendText('Hello');
  await call.until(150);
  expect(call.session.state).toBe('responding');
  await call.until(1_000);
  expect(said(call)).toEqual(['user: Hello', 'assistant: Good morning to you.']);
  expect(call.log.filter(({ name }) => name === 'reply_heard').at(-1)?.event).toMatchObject({
    text: 'Good morning to you.',
    isFinal: true,
  });
  const names = new Set(call.log.map(({ name }) => name));
  expect([...names].filter((name) => ['speaking_started', 'tts_complete', 'session_error'].includes(name))).toEqual([]);
  expect(call.log.find(({ name }) => name === 'turn_completed')?.event).toMatchObject({
    outcome: 'completed',
    latency: { firstTokenMs: 100, firstAudioMs: null },
  });
  expect(call.session.state).toBe('idle');
  await call.end();
});

test('microphone frames of a session in text only are not looked at', async () => {
  const call = await startTextCall({});
  for (let atMs = 0; atMs < 2_000; atMs += 100) {
    await call.until(atMs);
    call.transport.pushFrame({ samples: new Int16Array(1_600).fill(9_000), sampleRateHz: 16_000, channels: 1 });
  }
  expect(call.log.map(({ name }) => name)).toEqual(['state_changed', 'session_started']);
  await call.end();
});

test('a transport without a loudspeaker cannot carry a voice, and says how it can be used', async () => {
  const clock = new VirtualClock();
  const call = await startTestCall({ clock });
  const loopback = new LoopbackTransport();
  const session = call.runtime.createSession({
    agent: new Agent({}),
    transport: {
      label: 'silent',
      open: async (given) => loopback.open({ ...given, audio: { input: true, output: false } }),
    },
  });
  const starting = session.start();
  starting.catch(() => {});
  await clock.advance(20_000);
  await expect(starting).rejects.toMatchObject({
    code: 'ERR_TRANSPORT',
    message: expect.stringContaining('output: false'),
  });
  expect(loopback.isOpen).toBe(false);
  await call.end();
});

test('text of a step, its tool calls and the next step stay in order', async () => {
  const call = await startTextCall({
    'How is it?': { text: 'Let me look.', calls: [{ name: 'look' }] },
    clouds: { text: 'There are clouds.' },
  });
  call.transport.sendText('How is it?');
  await call.until(3_000);
  expect(said(call)).toEqual([
    'user: How is it?',
    'assistant: Let me look.',
    'toolCall',
    'toolOutput',
    'assistant: There are clouds.',
  ]);
  await call.end();
});

test('given text is shown as it is, a reply asked for by the host as the model writes it', async () => {
  const call = await startTextCall({ 'Welcome.': { text: 'Ask me anything.' } });
  const greeting = call.session.say('Welcome.');
  await call.until(100);
  expect(await greeting).toMatchObject({ outcome: 'completed' });
  call.session.generateReply();
  await call.until(2_000);
  expect(said(call)).toEqual(['assistant: Welcome.', 'assistant: Ask me anything.']);
  await call.end();
});

test('typed text interrupts a reply; what was shown of it stays', async () => {
  const call = await startTextCall({
    Story: { text: 'Once upon a time.', firstTokenMs: 100, durationMs: 3_000 },
    Stop: { text: 'As you like.' },
  });
  call.transport.sendText('Story');
  await call.until(1_000);
  call.transport.sendText('Stop');
  await call.until(3_000);
  expect(said(call)).toEqual(['user: Story', 'assistant: Once upon a time.', 'user: Stop', 'assistant: As you like.']);
  expect(call.session.history[1]).toMatchObject({ interrupted: true });
  expect(call.log.find(({ name }) => name === 'interruption')?.event).toMatchObject({
    cause: 'text',
    heardText: 'Once upon a time.',
  });
  await call.end();
});

test('a turn that dies before its first word is tried again, one that dies in mid-sentence ends with the apology', async () => {
  const call = await startTextCall(
    { Hello: { text: 'Good morning.', durationMs: 2_000 } },
    { fallbackMessage: 'Once more, please.' },
  );
  call.transport.sendText('Hello');
  await call.until(50);
  expect(crash(call.whereis('turn:1.1.reply'))).toBe(true);
  await call.until(500);
  expect(call.session.history.at(-1)).toMatchObject({ type: 'assistant' });
  expect(crash(call.whereis('turn:1.2.reply'))).toBe(true);
  await call.until(3_000);
  expect(said(call)).toEqual(['user: Hello', 'assistant: Good morning.', 'assistant: Once more, please.']);
  expect(call.llm.requests).toHaveLength(2);
  expect(call.session.state).toBe('idle');
  await call.end();
});

test('the conversation dies in the middle of a reply: the new one adopts it and the text is whole', async () => {
  const call = await startTextCall({ Hello: { text: 'Good morning.', durationMs: 2_000 } });
  call.transport.sendText('Hello');
  await call.until(500);
  expect(crash(call.whereis('conversation'))).toBe(true);
  await call.until(4_000);
  expect(said(call)).toEqual(['user: Hello', 'assistant: Good morning.']);
  expect(call.session.state).toBe('idle');
  await call.end();
});

test.each([
  ['never answers', { hangs: true }, 10_000],
  ['stops in mid-sentence', { text: 'Well', durationMs: 60_000 }, 10_100],
])('a model that %s meets its deadline, and the apology is written', async (_what, answer, atMs) => {
  const call = await startTextCall({ Hello: answer }, { fallbackMessage: 'Once more, please.' });
  call.transport.sendText('Hello');
  await call.until(atMs - 200);
  expect(call.session.state).not.toBe('idle');
  await call.until(atMs + 200);
  expect(said(call).at(-1)).toBe('assistant: Once more, please.');
  expect(errors(call)).toEqual(['ERR_DEADLINE']);
  await call.end();
});

test('a model that takes its time between words is not taken for a mute voice', async () => {
  const call = await startTextCall({ Hello: { text: 'Well.', durationMs: 9_000 } });
  call.transport.sendText('Hello');
  await call.until(12_000);
  expect([said(call).at(-1), errors(call)]).toEqual(['assistant: Well.', []]);
  await call.end();
});

test('typed in, spoken out: no ears are opened', async () => {
  const call = await startTestCall({
    answers: { Hello: { text: 'Good morning.' } },
    options: { audio: { input: false } },
  });
  expect([partOf(call, 'stt'), partOf(call, 'vad')]).toEqual([undefined, undefined]);
  call.user.speak('Nobody hears me');
  await call.until(3_000);
  call.user.type('Hello');
  await call.until(6_000);
  expect(said(call)).toEqual(['user: Hello', 'assistant: Good morning.']);
  expect(call.user.listen().reduce((sum, { durationMs }) => sum + durationMs, 0)).toBeCloseTo(600, 0);
  await call.end();
});

test('spoken in, written out: an answer to half a sentence waits and is joined with the rest', async () => {
  const call = await startTestCall({
    answers: {
      'What is it': { text: 'What?', firstTokenMs: 400 },
      'like outside': { text: 'It is sunny.' },
    },
    options: { audio: { output: false }, endpointing: { minDelayMs: 300 } },
  });
  expect([partOf(call, 'tts'), partOf(call, 'playout')]).toEqual([undefined, undefined]);
  call.user.speak('What is it', { durationMs: 900, sttDelayMs: 100 });
  // Committed 300 ms after the voice and answered 400 ms later: by then the user goes on.
  await call.until(1_500);
  expect(call.session.state).toBe('thinking');
  call.user.speak('like outside', { durationMs: 900, sttDelayMs: 100 });
  await call.until(6_000);
  expect(said(call)).toEqual(['user: What is it', 'user: like outside', 'assistant: It is sunny.']);
  expect(call.tts.spoken).toEqual(['']);
  await call.end();
});

test('spoken in, written out: a voice over the reply interrupts it', async () => {
  const call = await startTestCall({
    answers: { Story: { text: 'Once upon a time.', durationMs: 5_000 }, 'Stop now': { text: 'As you like.' } },
    options: { audio: { output: false } },
  });
  call.user.speak('Story', { durationMs: 600 });
  await call.until(2_500);
  call.user.speak('Stop now', { durationMs: 900 });
  await call.until(8_000);
  expect(said(call)).toEqual([
    'user: Story',
    'assistant: Once upon a time.',
    'user: Stop now',
    'assistant: As you like.',
  ]);
  await call.end();
});
