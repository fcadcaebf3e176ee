import { expect, test } from 'vitest';
import { sleep } from '../../src/clock.ts';
import { Agent, type Transport, tool } from '../../src/index.ts';
import { crash, LoopbackUser, prepareTestCall, startTestCall } from '../../src/testing/index.ts';

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

test('what tools collected can be read when the call is over, and not before it began', async () => {
  const note = tool({
    name: 'note',
    description: 'Notes.',
    execute: (_, { userData }) => void userData.set('noted', 7),
  });
  const call = prepareTestCall({ agent: { tools: [note] }, answers: { Hello: { calls: [{ name: 'note' }] } } });
  expect(() => call.session.userData).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
  const seen: unknown[] = [];
  call.session.on('session_stopped', () => seen.push(call.session.userData.get('noted')));
  await Promise.all([call.session.start(), call.clock.settle()]);
  call.user.type('Hello');
  await call.until(2_000);
  call.user.hangUp();
  await call.until(4_000);
  await call.session.whenStopped;
  expect([...seen, call.session.userData.get('noted')]).toEqual([7, 7]);
  await call.end();
});

test.each([
  ['is waited for', 500, 500],
  ['that hangs is left to itself', 60_000, 2_000],
])('a transport that takes its time to let go %s', async (_what, closesInMs, expectedMs) => {
  const call = await startTestCall();
  const transport: Transport = {
    label: 'slow',
    open: async () => ({ sink: null, isOpen: true, close: () => sleep(call.clock, closesInMs) }),
  };
  const session = call.runtime.createSession({ agent: new Agent({}), transport, options: { audio: false } });
  await Promise.all([session.start(), call.clock.settle()]);
  const fromMs = call.clock.now();
  const closed = Promise.all([session.close('enough'), session.close('again')]).then((ends) => [
    call.clock.now() - fromMs,
    ...ends.map(({ reason }) => reason),
  ]);
  await call.clock.advance(100);
  expect(session.state).toBe('closed');
  await call.clock.advance(61_000);
  expect(await closed).toEqual([expectedMs, 'enough', 'enough']);
  await call.end();
});

test('a transport that never answers fails the start with the deadline and what to do about it', async () => {
  const call = await startTestCall();
  const transport: Transport = { label: 'dead', open: () => new Promise(() => {}) };
  const session = call.runtime.createSession({ agent: new Agent({}), transport, options: { audio: false } });
  const errors: unknown[] = [];
  session.on('session_error', (event) => errors.push(event));
  const started = Promise.allSettled([session.start()]);
  await call.clock.advance(20_000);
  expect(session.state).toBe('failed');
  expect(await started).toMatchObject([{ reason: { code: 'ERR_TRANSPORT', field: 'deadlines.connectMs' } }]);
  expect(errors).toMatchObject([
    { code: 'ERR_TRANSPORT', message: expect.stringMatching(/^deadlines\.connectMs: .*Check address and network/u) },
  ]);
  await call.end();
});
