// Timed conversations on the virtual clock: who speaks when, and what the history says, within 50 ms.
import { expect, test } from 'vitest';
import type { Stt } from '../../src/providers/stt.ts';
import { startTestCall, type TestCall, type TestCallOptions } from '../../src/testing/index.ts';
import { tool } from '../../src/tools/index.ts';

const TOLERANCE_MS = 50;

/** A call in which the user says "Hello" from 0.5 s to 2.5 s. */
async function greeted(options: TestCallOptions): Promise<TestCall> {
  const call = await startTestCall(options);
  call.user.sendSilence(60_000);
  await call.until(500);
  call.user.speak('Hello', { durationMs: 2_000 });
  return call;
}

/** Times at which the session entered a state, in milliseconds. */
function times(call: TestCall, state: string): number[] {
  return call.log
    .filter(({ name, event }) => name === 'state_changed' && (event as { toState: string }).toState === state)
    .filter(({ atMs }) => atMs > 0)
    .map(({ atMs }) => atMs);
}

function expectAt(actual: readonly number[], ...expected: readonly number[]): void {
  expect(actual.map((atMs) => Math.round(atMs))).toHaveLength(expected.length);
  for (const [index, atMs] of expected.entries())
    expect(Math.abs((actual[index] ?? Number.NaN) - atMs)).toBeLessThanOrEqual(TOLERANCE_MS);
}

function spoken(call: TestCall): { startMs: number; durationMs: number }[] {
  return call.user.listen().map(({ atMs, durationMs }) => ({ startMs: atMs, durationMs }));
}

function history(call: TestCall): string[] {
  return call.session.history.map((item) => {
    if (item.type === 'user') return `user: ${item.text}`;
    if (item.type === 'assistant') return `assistant${item.interrupted ? ' (cut)' : ''}: ${item.text}`;
    if (item.type === 'toolCall') return `call: ${item.name} ${item.arguments}`;
    if (item.type === 'toolOutput') return `output: ${item.output}`;
    return item.type;
  });
}

test('an answer begins when the turn is over, the model has spoken and the voice has its first audio', async () => {
  const call = await greeted({
    answers: { Hello: { text: 'Hello, how are you?' } },
    tts: { durations: { 'Hello, how are you?': 2_000 } },
  });
  await call.until(8_000);
  expectAt(times(call, 'listening'), 550);
  expectAt(
    call.log.filter((e) => e.name === 'stt_result' && (e.event as { isFinal: boolean }).isFinal).map((e) => e.atMs),
    2_700,
  );
  expectAt(times(call, 'thinking'), 3_000);
  expectAt(times(call, 'speaking'), 3_500);
  expectAt(times(call, 'idle'), 5_500);
  expect(history(call)).toEqual(['user: Hello', 'assistant: Hello, how are you?']);
  const done = call.log.filter(({ name }) => name === 'turn_completed');
  expect(done.map(({ event }) => event)).toMatchObject([
    { outcome: 'completed', latency: { endpointingMs: 500, transcriptionMs: 200, firstTokenMs: 100, totalMs: 1_000 } },
  ]);
  await call.end();
});

test('a tool is called while its announcement is spoken, and the answer follows when that was heard', async () => {
  const weather = tool({ name: 'get_weather', description: 'Weather.', execute: () => 'sunny' });
  const call = await greeted({
    agent: { tools: [weather] },
    answers: {
      Hello: { text: 'Let me look.', calls: [{ name: 'get_weather', arguments: '{}' }] },
      sunny: { text: 'It is sunny.' },
    },
    tts: { durations: { 'Let me look.': 2_000, 'It is sunny.': 3_000 } },
  });
  await call.until(12_000);
  expectAt(times(call, 'thinking'), 3_000, 5_500);
  expectAt(times(call, 'speaking'), 3_500, 6_000);
  expectAt(times(call, 'idle'), 9_000);
  expect(spoken(call).map(({ durationMs }) => durationMs)).toEqual([2_000, 3_000]);
  expect(history(call)).toEqual([
    'user: Hello',
    'assistant: Let me look.',
    'call: get_weather {}',
    'output: sunny',
    'assistant: It is sunny.',
  ]);
  await call.end();
});

test('sustained speech stops the agent, and the history is cut where it was heard', async () => {
  const call = await greeted({
    answers: { Hello: { text: 'one two three four five six seven eight nine ten' } },
    tts: { durations: { 'one two three four five six seven eight nine ten': 10_000 } },
  });
  await call.until(5_000);
  call.user.speak('Stop!', { durationMs: 1_000 });
  await call.until(8_000);
  expectAt(times(call, 'interrupted'), 5_500);
  expectAt(times(call, 'listening'), 550, 5_500);
  expectAt(times(call, 'thinking'), 3_000, 6_500);
  expectAt(times(call, 'idle'), 6_500);
  expect(spoken(call)).toHaveLength(1);
  expect(Math.abs((spoken(call)[0]?.durationMs ?? 0) - 2_000)).toBeLessThanOrEqual(TOLERANCE_MS);
  expect(history(call)).toEqual(['user: Hello', 'assistant (cut): one two', 'user: Stop!']);
  await call.end();
});

test('with a minimum of words only enough words interrupt, and they are one thing said', async () => {
  const call = await greeted({
    answers: { Hello: { text: 'a long answer' } },
    tts: { durations: { 'a long answer': 5_000 } },
    options: { interruption: { minWords: 3 } },
  });
  await call.until(5_000);
  call.user.speak('Stop!', { durationMs: 1_000, sttDelayMs: 0 });
  await call.until(6_500);
  call.user.speak('ok, stop!', { durationMs: 1_000, sttDelayMs: 0 });
  await call.until(10_000);
  expectAt(times(call, 'interrupted'), 7_500);
  expect(Math.abs((spoken(call)[0]?.durationMs ?? 0) - 4_000)).toBeLessThanOrEqual(TOLERANCE_MS);
  expect(history(call).at(-1)).toBe('user: Stop! ok, stop!');
  await call.end();
});

test.each<[what: string, options: TestCallOptions, interruptedAtMs: number]>([
  ['with a minimum of words', { options: { interruption: { minWords: 2 } } }, 3_100],
  [
    'after a pause that ended without words',
    { user: { canPause: true }, options: { interruption: { falseInterruptionMs: 300 } } },
    3_100,
  ],
])(
  'the only transcript comes after the end of the voice, and still stops the agent: %s',
  async (_what, given, atMs) => {
    const finalsOnly: Stt = {
      label: 'finals only',
      capabilities: { partials: false, languages: ['*'] },
      open: ({ report, clock }) => ({
        begin: () => {},
        write: () => {},
        end: (utterance) => void clock.setTimeout(() => report({ type: 'final', utterance, text: 'Stop now' }), 600),
        discard: () => {},
        close: () => {},
      }),
    };
    const call = await startTestCall({
      agent: { stt: finalsOnly },
      answers: { Hello: { text: 'a long answer' } },
      tts: { durations: { 'a long answer': 9_000 } },
      ...given,
    });
    call.user.sendSilence(20_000);
    call.user.type('Hello');
    await call.until(1_000);
    // Its end is noticed at 2 500 ms, and what was said is known at 3 100 ms.
    call.user.speak('Stop now', { durationMs: 1_000 });
    await call.until(8_000);
    expectAt(times(call, 'interrupted'), atMs);
    expect(history(call)).toEqual(['user: Hello', 'assistant (cut): a', 'user: Stop now']);
    await call.end();
  },
);

test('what was said before the agent began does not stop it when its transcript comes late', async () => {
  const call = await startTestCall({ answers: { Hello: { text: 'hi' } } });
  call.user.sendSilence(12_000);
  call.user.speak('Hello', { durationMs: 1_000, sttDelayMs: 1_500 });
  await call.until(1_700); // its end is noticed at 1 500 ms, its words are known at 3 000 ms
  const handle = call.session.say('one two three four five six seven');
  await call.until(12_000);
  expect(await handle).toMatchObject({ outcome: 'completed' });
  expect(history(call)).toEqual(['assistant: one two three four five six seven', 'user: Hello', 'assistant: hi']);
  await call.end();
});

test('with interruptions off the answer is heard in full, and what was said meanwhile is answered after it', async () => {
  const call = await greeted({
    answers: { Hello: { text: 'a long answer' } },
    tts: { durations: { 'a long answer': 5_000 } },
    options: { interruption: { enabled: false } },
  });
  await call.until(5_000);
  call.user.speak('Stop!', { durationMs: 1_000, sttDelayMs: 0 });
  await call.until(12_000);
  expect(spoken(call)[0]).toMatchObject({ durationMs: 5_000 });
  expect(history(call)).toEqual(['user: Hello', 'assistant: a long answer', 'user: Stop!']);
  await call.end();
});

test('typed text interrupts at once and is answered', async () => {
  const call = await greeted({
    answers: { Hello: { text: 'a long answer' }, 'other thing': { text: 'the other answer' } },
    tts: { durations: { 'a long answer': 15_000, 'the other answer': 1_000 } },
  });
  await call.until(5_000);
  call.user.type('other thing');
  await call.until(8_000);
  expectAt(times(call, 'interrupted'), 5_000);
  expectAt(times(call, 'speaking'), 3_500, 5_500);
  expectAt(times(call, 'idle'), 6_500);
  expect(history(call).slice(-2)).toEqual(['user: other thing', 'assistant: the other answer']);
  await call.end();
});

test('a turn that is committed within its last syllable is answered once, and at once', async () => {
  const call = await greeted({ answers: { Hello: { text: 'Hi.' } } });
  await call.until(2_420);
  call.session.commitTurn();
  await call.until(8_000);
  expectAt(times(call, 'thinking'), 2_620);
  expectAt(times(call, 'speaking'), 3_120);
  expect(history(call)).toEqual(['user: Hello', 'assistant: Hi.']);
  expect(call.log.some(({ name }) => name === 'interruption')).toBe(false);
  await call.end();
});

test('a commit of nothing is no commit of what is said later', async () => {
  const call = await startTestCall({
    answers: { 'My name is': { text: 'Yes?' }, 'My name is Ada': { text: 'Hello, Ada.' } },
    options: { endpointing: { minDelayMs: 1_000 } },
  });
  call.user.sendSilence(20_000);
  call.session.commitTurn();
  await call.until(1_000);
  call.user.speak('My name is', { durationMs: 900, sttDelayMs: 100 });
  await call.until(2_700);
  call.user.speak('Ada', { durationMs: 600, sttDelayMs: 100 });
  await call.until(10_000);
  expect(history(call)).toEqual(['user: My name is Ada', 'assistant: Hello, Ada.']);
  expect(call.llm.requests).toHaveLength(1);
  await call.end();
});

test('what the user says during a reply can be thrown away, and the reply goes on', async () => {
  const call = await greeted({
    answers: { Hello: { text: 'a long answer' } },
    tts: { durations: { 'a long answer': 6_000 } },
    options: { interruption: { minWords: 3 } },
  });
  await call.until(5_000);
  call.user.speak('one two three four', { durationMs: 1_600 });
  await call.until(6_650);
  call.session.clearTurn();
  await call.until(12_000);
  expectAt(times(call, 'idle'), 9_500);
  expect(history(call)).toEqual(['user: Hello', 'assistant: a long answer']);
  await call.end();
});

test('a reply that paused for a voice goes on when that was thrown away', async () => {
  const call = await greeted({
    answers: { Hello: { text: 'a long answer' } },
    tts: { durations: { 'a long answer': 6_000 } },
    user: { canPause: true },
    options: { interruption: { minDurationMs: 500, minWords: 0, falseInterruptionMs: 2_000 } },
  });
  await call.until(5_000);
  call.user.speak('no', { durationMs: 700 });
  await call.until(5_750);
  expectAt(times(call, 'paused'), 5_550);
  call.session.clearTurn();
  await call.until(20_000);
  expectAt(times(call, 'speaking'), 3_500, 5_750);
  expect(history(call)).toEqual(['user: Hello', 'assistant: a long answer']);
  expect(call.session.state).toBe('idle');
  await call.end();
});

test('a text right after `say` cuts it unheard, unless it must be heard', async () => {
  const spokenOf = async (allowInterruptions: boolean) => {
    const call = await startTestCall({ answers: { Hello: { text: 'the answer' } } });
    const handle = call.session.say('Welcome.', { allowInterruptions });
    call.session.sendText('Hello');
    await call.until(10_000);
    const { outcome } = await handle;
    const said = history(call);
    await call.end();
    return [outcome, ...said];
  };
  expect(await spokenOf(true)).toEqual(['interrupted', 'user: Hello', 'assistant: the answer']);
  expect(await spokenOf(false)).toEqual(['completed', 'assistant: Welcome.', 'user: Hello', 'assistant: the answer']);
});

test('what must be heard is spoken to its end while the user talks, and the user is answered then', async () => {
  const call = await startTestCall({
    answers: { Hello: { text: 'the answer' } },
    tts: { durations: { 'Welcome.': 4_000 } },
  });
  call.session.say('Welcome.', { allowInterruptions: false });
  await call.until(1_000);
  call.user.speak('Hello', { durationMs: 1_500 });
  await call.until(10_000);
  expect(history(call)).toEqual(['assistant: Welcome.', 'user: Hello', 'assistant: the answer']);
  expect(spoken(call)[0]?.durationMs).toBe(4_000);
  await call.end();
});

test('speech before the first sound takes the answer back: nothing is played, both things said are answered', async () => {
  const call = await greeted({
    answers: { Hello: { text: 'never heard', durationMs: 1_000 }, again: { text: 'heard' } },
  });
  await call.until(3_000);
  call.user.speak('again', { durationMs: 1_000 });
  await call.until(4_400);
  expectAt(times(call, 'interrupted'), 3_500);
  expectAt(times(call, 'listening'), 550, 3_500);
  expect(times(call, 'speaking')).toEqual([]);
  await call.until(8_000);
  expect(history(call)).toEqual(['user: Hello', 'user: again', 'assistant: heard']);
  expect(spoken(call)).toHaveLength(1);
  await call.end();
});

test('a noise before the first sound only delays the answer', async () => {
  const call = await greeted({
    answers: { Hello: { text: 'an answer', firstTokenMs: 50, durationMs: 50 } },
    tts: { durations: { 'an answer': 5_000 }, firstAudioMs: 50 },
    user: { canPause: true },
  });
  await call.until(3_000);
  call.user.speak('', { durationMs: 300 });
  await call.until(10_000);
  expectAt(times(call, 'speaking'), 3_800);
  expect(spoken(call)).toMatchObject([{ durationMs: 5_000 }]);
  await call.end();
});

test('what was said just before the end is in the history', async () => {
  const call = await startTestCall();
  call.user.sendSilence(3_000);
  await call.until(50);
  call.user.speak('bye', { durationMs: 150, sttDelayMs: 300 });
  await call.until(200);
  const closed = call.session.close();
  await call.until(2_200);
  await closed;
  expect(history(call)).toEqual(['user: bye']);
  await call.end();
});

test('an answer that waits for the user to stop talking does not begin when the user hangs up', async () => {
  const call = await startTestCall({ answers: { Hello: { text: 'the answer' } } });
  call.user.speak('', { durationMs: 3_000 });
  await call.until(500);
  call.user.type('Hello');
  await call.until(2_000);
  expect(call.session.state).toBe('responding');
  call.user.hangUp();
  await call.until(5_000);
  expect(call.log.filter(({ name }) => name === 'speaking_started')).toEqual([]);
  expect(spoken(call)).toEqual([]);
  await call.end();
});

test('a loudspeaker that hangs does not wedge the call: after an interruption the next answer is spoken', async () => {
  const call = await greeted({
    answers: { Hello: { text: 'swallowed' }, Next: { text: 'spoken' } },
    tts: { durations: { swallowed: 2_000, spoken: 2_000 } },
  });
  await call.until(2_900);
  call.user.transport.speaker?.freeze();
  await call.until(3_600);
  call.session.interrupt();
  call.user.transport.speaker?.thaw();
  call.user.type('Next');
  await call.until(8_000);
  expect(spoken(call)).toMatchObject([{ durationMs: 2_000 }]);
  expect(history(call)).toEqual(['user: Hello', 'user: Next', 'assistant: spoken']);
  await call.end();
});
