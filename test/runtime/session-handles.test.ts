// What a host is told of what it asked for.
import { expect, test } from 'vitest';
import { startTestCall } from '../../src/testing/index.ts';

test('a text that could not be spoken has failed, also when the apology for it was heard', async () => {
  const call = await startTestCall();
  call.tts.faults.isMute = true;
  const asked = call.session.say('Never heard.');
  await call.until(4_000);
  call.tts.faults.isMute = false;
  await call.until(20_000);
  expect(call.user.listen().map(({ segment }) => call.tts.spoken[segment])).toEqual([
    'I am sorry, I could not do that. Please try again.',
  ]);
  expect(await asked).toEqual({ outcome: 'failed', turn: 1 });
  await call.end();
});

test('a reply that the model failed twice has failed', async () => {
  const call = await startTestCall({ answers: { Hello: { error: new Error('boom') } } });
  const asked = call.session.sendText('Hello');
  await call.until(20_000);
  expect(await asked).toEqual({ outcome: 'failed', turn: 1 });
  expect(call.session.history.map(({ type }) => type)).toEqual(['user', 'assistant']);
  await call.end();
});
