// Every question gets its answer, or is told why not, whatever comes between.
import { describe, expect, test } from 'vitest';
import { type Clock, sleep } from '../../src/clock.ts';
import type { Llm } from '../../src/providers/llm.ts';
import { crash, startTestCall, type TestCall } from '../../src/testing/index.ts';
import { tool } from '../../src/tools/index.ts';
import { said } from './said.ts';

test('a noise between an announcement and the answer only delays the answer', async () => {
  const look = tool({ name: 'look', description: 'Looks.', execute: () => 'sunny' });
  const call = await startTestCall({
    agent: { tools: [look] },
    answers: {
      Question: { text: 'Let me look.', calls: [{ name: 'look' }] },
      sunny: { text: 'It is sunny.', firstTokenMs: 1_500 },
    },
  });
  call.user.sendSilence(30_000);
  call.user.type('Question');
  // The announcement is heard from 500 to 1 400 ms.
  await call.until(1_500);
  call.user.speak('', { durationMs: 700 });
  await call.until(15_000);
  expect(said(call)).toEqual([
    'user: Question',
    'assistant: Let me look.',
    'toolCall',
    'toolOutput',
    'assistant: It is sunny.',
  ]);
  expect(call.log.find(({ name }) => name === 'interruption')?.event).toMatchObject({ cause: 'voice', playedMs: 0 });
  await call.end();
});

describe('an attempt that finds tool calls of the one before', () => {
  const slowLook = (clock: () => Clock) =>
    tool({ name: 'look', description: 'Looks.', execute: () => sleep(clock(), 2_000).then(() => 'sunny') });
  const whole = ['user: Question', 'toolCall', 'toolOutput', 'assistant: It is sunny.'];
  const output = ({ session }: TestCall) => session.history.find(({ type }) => type === 'toolOutput');

  test('because the model broke after the call gives the tool its time', async () => {
    let requests = 0;
    const llm: Llm = {
      label: 'breaking',
      async *chat() {
        if (++requests > 1) return yield { type: 'text', text: 'It is sunny.' };
        yield { type: 'toolCall', callId: 'call_1', name: 'look', arguments: '{}' };
        throw new Error('the line broke');
      },
    };
    const call: TestCall = await startTestCall({ agent: { llm, tools: [slowLook(() => call.clock)] } });
    call.user.type('Question');
    await call.until(8_000);
    expect(said(call)).toEqual(whole);
    expect(output(call)).toMatchObject({ output: 'sunny', isError: false });
    await call.end();
  });

  test.each([
    [1, 'none'],
    [2, 'auto'],
  ])(
    'counts the step of the calls once: with %i tool steps the next one is asked with %s',
    async (maxToolSteps, toolChoice) => {
      const call: TestCall = await startTestCall({
        agent: { tools: [slowLook(() => call.clock)] },
        answers: { Question: { calls: [{ name: 'look' }] }, sunny: { text: 'It is sunny.' } },
        options: { maxToolSteps },
      });
      call.user.type('Question');
      await call.until(1_000);
      crash(call.runtime.registry.whereis(`${call.session.sessionId}/turn:1.1.reply`));
      await call.until(8_000);
      expect(said(call)).toEqual(whole);
      expect(output(call)).toMatchObject({ output: 'sunny', isError: false });
      expect(call.llm.requests.map((request) => request.toolChoice)).toEqual(['auto', toolChoice]);
      await call.end();
    },
  );

  test.each(Array.from({ length: 6 }, (_, turns) => [turns]))(
    'goes on when they are done, also when they end while it begins: %i turns of the promise queue before the crash',
    async (turns) => {
      let finish: (output: string) => void = () => {};
      const done = new Promise<string>((resolve) => {
        finish = resolve;
      });
      const look = tool({ name: 'look', description: 'Looks.', timeoutMs: 20_000, execute: () => done });
      const call = await startTestCall({
        agent: { tools: [look] },
        answers: { Question: { calls: [{ name: 'look' }] }, sunny: { text: 'It is sunny.' } },
      });
      call.user.type('Question');
      await call.until(1_000);
      finish('sunny');
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      crash(call.runtime.registry.whereis(`${call.session.sessionId}/turn:1.1.reply`));
      await call.until(4_000);
      expect(said(call)).toEqual(whole);
      await call.end();
    },
  );
});

test('a model that calls a tool where it may call none, and says nothing, is apologised for', async () => {
  let requests = 0;
  const llm: Llm = {
    label: 'stubborn',
    async *chat() {
      requests++;
      yield { type: 'toolCall', callId: `call_${requests}`, name: 'look', arguments: '{}' };
    },
  };
  const look = tool({ name: 'look', description: 'Looks.', execute: () => 'sunny' });
  const options = { maxToolSteps: 0, fallbackMessage: 'Once more, please.' };
  const call = await startTestCall({ agent: { llm, tools: [look] }, options });
  call.user.type('Question');
  await call.until(10_000);
  expect(said(call)).toEqual(['user: Question', 'assistant: Once more, please.']);
  expect(call.log.filter(({ name }) => name === 'session_error').map(({ event }) => event)).toMatchObject([
    { code: 'ERR_PROVIDER', part: 'turn', message: expect.stringContaining('stubborn') },
  ]);
  await call.end();
});

test.each([
  ['no noise', 20_000],
  ['a noise over its end', 2_000],
])('a question whose answer was cut unheard is answered after what the host has to say: %s', async (_what, atMs) => {
  const answer = { text: 'The answer.', firstTokenMs: 3_000 };
  // Asked again, the model reads what the host said meanwhile last.
  const call = await startTestCall({ answers: { Question: answer, 'one two': answer } });
  call.user.sendSilence(30_000);
  await call.until(500);
  call.user.type('Question');
  call.session.say('one two');
  // Takes the answer back at 1 000 ms; the text of the host waits for its end, and is heard from 1 700 to 2 300 ms.
  call.user.speak('', { durationMs: 700 });
  await call.until(atMs);
  call.user.speak('', { durationMs: 400 });
  await call.until(30_000);
  expect(said(call)).toEqual(['user: Question', 'assistant: one two', 'assistant: The answer.']);
  await call.end();
});
