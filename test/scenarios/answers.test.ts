// Every question gets its answer, or is told why not, whatever comes between.
import { expect, test } from 'vitest';
import { startTestCall, type TestCall } from '../../src/testing/index.ts';
import { tool } from '../../src/tools/index.ts';

const said = ({ session }: TestCall) =>
  session.history.map((item) => ('text' in item ? `${item.type}: ${item.text}` : item.type));

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
