import { expect, test } from 'vitest';
import { Agent } from '../../src/index.ts';
import { crash, LoopbackUser, startTestCall } from '../../src/testing/index.ts';

test('a session that is closed while it starts is over at once, and its start finds that out', async () => {
  const call = await startTestCall();
  const user = new LoopbackUser({ clock: call.clock });
  const agent = new Agent({});
  const session = call.runtime.createSession({ agent, transport: user.transport });
  const starting = session.start();
  const end = session.close('never mind');
  expect(session.state).toBe('closed');
  await expect(end).resolves.toEqual({ reason: 'never mind' });
  await expect(starting).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  await expect(session.start()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  expect(call.runtime.sessions).toEqual([call.session]);
  expect(user.transport.isOpen).toBe(false);
  expect(agent.state).toBe('configured');
  await call.end();
});

test('a session that gives up in mid-sentence keeps the words it knows and tells that the rest is missing', async () => {
  const call = await startTestCall();
  call.user.speak('one two three', { sttDelayMs: 1_000 });
  // The first two words are known half a second after the voice.
  await call.until(1_500);
  while (!call.log.some(({ name }) => name === 'session_stopped')) {
    crash(call.runtime.registry.whereis(`${call.session.sessionId}/conversation`));
    await call.clock.advance(1);
  }
  expect(call.session.history).toMatchObject([{ type: 'user', text: 'one two' }]);
  const errors = call.log.filter(({ name }) => name === 'session_error').map(({ event }) => event);
  expect(errors).toMatchObject([
    { part: 'session', code: 'ERR_SESSION' },
    { part: 'stt', message: 'the call ended before the last transcript came' },
  ]);
  await call.end();
});
