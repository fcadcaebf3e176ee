import { afterAll, afterEach, expect, test } from 'vitest';
import { disposeLivekit } from '../../src/transports/livekit/index.ts';
import { ANSWER, type LiveCall, startLiveCall } from './call.ts';
import { heardMs, isFinalOf, isSilent, isSound } from './reports.ts';

let call: LiveCall;
afterEach(() => call.end());
afterAll(() => disposeLivekit());

test('what the user says is answered; both sides and the state are seen', async () => {
  call = await startLiveCall({ answer: () => ({ text: ANSWER, firstTokenMs: 500 }) });
  const { user } = call;
  user.send({ type: 'speak', durationMs: 800, hz: 700 });
  await user.until(isSound(true), { what: 'the answer' });
  const said = await user.until(isFinalOf('user'));
  expect(said.text).toBe('hello');
  const answered = await user.until(isFinalOf('agent'));
  expect(answered.text).toBe(ANSWER);
  const silent = await user.until(isSound(false), { what: 'the end of the answer' });
  await user.until(() => heardMs(user.reports) > 1_500, { what: 'all of the answer' });
  expect(silent.rms).toBeGreaterThan(0.1);
  // `initializing` is overtaken where the session is ready before the user is told.
  const states = () => user.states.filter((state) => state !== 'initializing').join(' ');
  await user.until(() => states() === 'listening thinking speaking listening', { what: 'the states' });
  expect(call.problems).toEqual([]);
});

test('a voice over the answer silences it; the transcript ends where the sound ended', async () => {
  let count = 0;
  call = await startLiveCall({
    // Nothing is said to the voice that interrupts: all that is heard is the cut answer.
    answer: () => ({ text: ++count === 1 ? 'a b c d e f g h i j k l m n o p' : '', firstTokenMs: 0, durationMs: 0 }),
  });
  const { user } = call;
  user.send({ type: 'speak', durationMs: 800, hz: 700 });
  await user.until(isSound(true), { what: 'the answer' });
  user.send({ type: 'speak', durationMs: 1_200, hz: 700 });
  const cut = await user.until(isFinalOf('agent'), { what: 'what was heard of it' });
  await user.until(() => isSilent(user.reports), { what: 'silence' });
  const shownMs = cut.text.split(' ').length * 300;
  expect(shownMs).toBeLessThan(16 * 300);
  expect(Math.abs(shownMs - heardMs(user.reports))).toBeLessThan(600);
});

test('typed text is answered', async () => {
  call = await startLiveCall();
  call.user.send({ type: 'type', text: 'good morning' });
  await call.user.until(isSound(true), { what: 'the answer' });
  expect(call.session.history[0]).toMatchObject({ type: 'user', text: 'good morning' });
});

test('when the user leaves the session ends and the agent is out of the room', async () => {
  call = await startLiveCall();
  call.user.send({ type: 'leave' });
  await expect(call.session.whenStopped).resolves.toEqual({ reason: 'the user left' });
  await call.transport.close();
  expect(call.transport.connection?.room.isConnected).toBe(false);
});
