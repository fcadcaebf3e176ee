// What may go wrong between the agent and its room, on the wire and by decision of the server.
import { setTimeout as delay } from 'node:timers/promises';
import { SimulateScenarioKind } from '@livekit/rtc-node';
import { afterAll, afterEach, describe, expect, inject, test, vi } from 'vitest';
import { disposeLivekit } from '../../src/transports/livekit/index.ts';
import { roomClient } from './api-clients.ts';
import { comesBack, type LiveCall, simulate, startLiveCall, talk, talkAgain, toldOf } from './call.ts';
import { heardMs, isFinalOf, isSound } from './reports.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

const access = inject('livekit');
const server = roomClient(access);
let call: LiveCall | null = null;
let wire: TcpProxy | null = null;
afterEach(async () => {
  wire?.flow();
  await call?.end();
  await wire?.close();
  call = null;
  wire = null;
});
afterAll(() => disposeLivekit());

const LONG = Array.from({ length: 30 }, (_, i) => `w${i}`).join(' '); // 9 s
const longAnswer = () => ({ text: LONG, firstTokenMs: 0, durationMs: 0 });

const errorsOf = ({ log }: LiveCall) => log.filter(({ name }) => name === 'session_error').map(({ event }) => event);

describe('the signalling wire', () => {
  test('stalls for five seconds in mid-answer: the voice goes on, and what was shown late is whole', async () => {
    wire = await startTcpProxy(access.url);
    call = await startLiveCall({ url: wire.url, answer: longAnswer });
    call.user.send({ type: 'speak', durationMs: 600, hz: 700 });
    const sound = await call.user.until(isSound(true));
    wire.stall();
    await delay(5_000);
    wire.flow();
    const said = await call.user.until(isFinalOf('agent'), { limitMs: 20_000 });
    expect(said.text).toBe(LONG);
    const { reports } = call.user;
    await call.user.until(() => heardMs(reports) > 8_000, { what: 'the whole answer' });
    // Nor was it held up: between its first sample and its last there is little else.
    const end = reports.findLast(isSound(false));
    expect((end?.positionMs ?? Number.POSITIVE_INFINITY) - sound.positionMs - heardMs(reports)).toBeLessThan(1_000);
    expect(errorsOf(call)).toEqual([]);
  }, 60_000);

  test('is slow, 400 ms each way: the room is joined, and the call is held', async () => {
    wire = await startTcpProxy(access.url);
    wire.slow(400);
    call = await startLiveCall({ url: wire.url });
    await talk(call);
    expect(errorsOf(call)).toEqual([]);
  }, 60_000);

  test('is cut in mid-answer for five seconds: the answer is heard to its end', async () => {
    wire = await startTcpProxy(access.url);
    call = await startLiveCall({ url: wire.url, answer: longAnswer });
    call.user.send({ type: 'speak', durationMs: 600, hz: 700 });
    await call.user.until(isSound(true));
    await delay(1_000);
    wire.cut();
    await delay(5_000);
    wire.mend();
    const said = await call.user.until(isFinalOf('agent'), { limitMs: 40_000, what: 'the end of the answer' });
    expect(said.text).toBe(LONG);
    const { reports } = call.user;
    await call.user.until(() => heardMs(reports) > 8_000, { what: 'the sound of all of it' });
    expect(errorsOf(call)).toEqual([]);
  }, 90_000);
});

describe('the token', () => {
  test('expires while the agent is in the room: it joins again with the one the server has renewed', async () => {
    // The server takes a token for a minute longer than it says: this one for 20 s, in which the room has to be joined.
    call = await startLiveCall({ tokenSeconds: [-40] });
    await delay(21_000);
    await talk(call);
    await comesBack(call, SimulateScenarioKind.SIMULATE_SERVER_LEAVE);
    await talkAgain(call);
  }, 60_000);

  test('is expired when the agent has to join again: the session ends with one clear error', async () => {
    call = await startLiveCall({ tokenSeconds: [3_600, -100] });
    await simulate(call, SimulateScenarioKind.SIMULATE_SERVER_LEAVE);
    await call.session.whenStopped;
    expect(errorsOf(call)).toEqual([
      expect.objectContaining({ code: 'ERR_TRANSPORT', message: expect.stringContaining('refused the token') }),
    ]);
  }, 60_000);
});

describe('a right is taken away and given back', () => {
  const ALL = { canPublish: true, canSubscribe: true, canPublishData: true, canUpdateMetadata: true };
  const take = async ({ room, problems }: LiveCall, right: keyof typeof ALL) => {
    const before = problems.length;
    await server.updateParticipant(room, 'agent', { permission: { ...ALL, [right]: false } });
    await vi.waitFor(() => expect(problems).toHaveLength(before + 1), { timeout: 10_000 });
  };
  const giveBack = async ({ room, transport }: LiveCall, right: keyof typeof ALL) => {
    const isBack = new Promise<void>((resolve) => {
      transport.connection?.onRightGivenBack((back) => back === right && resolve());
    });
    await server.updateParticipant(room, 'agent', { permission: ALL });
    await isBack;
  };
  const problemsOf = ({ problems }: LiveCall) =>
    problems.map(({ where, error }) => [where, (error as { code?: string }).code, (error as { field?: string }).field]);

  test('to publish: the agent is shown and not heard, then heard again', async () => {
    call = await startLiveCall();
    await talk(call);
    await take(call, 'canPublish');
    let from = call.user.reports.length;
    call.user.send({ type: 'speak', durationMs: 600, hz: 700 });
    await call.user.until(isFinalOf('agent'), { from, what: 'the words of the answer' });
    expect(call.user.reports.slice(from).filter(isSound(true))).toEqual([]);
    from = call.user.reports.length;
    await giveBack(call, 'canPublish');
    await call.user.until(({ type }) => type === 'track', { from, what: 'the new track' });
    await talk(call);
    await take(call, 'canPublish');
    from = call.user.reports.length;
    await giveBack(call, 'canPublish');
    await call.user.until(({ type }) => type === 'track', { from, what: 'the next track' });
    await talk(call);
    expect(problemsOf(call)).toEqual([
      ['livekit permission', 'ERR_TRANSPORT', 'canPublish'],
      ['livekit permission', 'ERR_TRANSPORT', 'canPublish'],
    ]);
  }, 90_000);

  test('to subscribe: the agent still speaks and reads, then hears again', async () => {
    call = await startLiveCall();
    await take(call, 'canSubscribe');
    const from = call.user.reports.length;
    call.user.send({ type: 'speak', durationMs: 600, hz: 700 });
    await call.user.until(({ type }) => type === 'said', { from });
    await delay(2_000); // were it heard, it would be answered by now
    expect(call.user.reports.slice(from).filter(isSound(true))).toEqual([]);
    call.user.send({ type: 'type', text: 'can you read me?' });
    await call.user.until(isSound(true), { from, what: 'an answer to the chat' });
    await call.user.until(isSound(false), { from });
    expect(call.session.history.flatMap((item) => (item.type === 'user' ? [item.text] : []))).toEqual([
      'can you read me?',
    ]);
    await giveBack(call, 'canSubscribe');
    await talkAgain(call);
    expect(problemsOf(call)).toEqual([['livekit permission', 'ERR_TRANSPORT', 'canSubscribe']]);
  }, 90_000);

  test('to send data: the agent is heard without a word shown, then shown again', async () => {
    call = await startLiveCall();
    await take(call, 'canPublishData');
    const from = call.user.reports.length;
    call.user.send({ type: 'speak', durationMs: 600, hz: 700 });
    await call.user.until(isSound(true), { from });
    await call.user.until(isSound(false), { from });
    expect(call.user.reports.slice(from).filter(({ type }) => type === 'transcript')).toEqual([]);
    await giveBack(call, 'canPublishData');
    await talk(call);
    expect(problemsOf(call)).toEqual([['livekit permission', 'ERR_TRANSPORT', 'canPublishData']]);
  }, 90_000);

  test('to show its state: the state is shown as soon as it may be', async () => {
    let answer = 'one two three four five six';
    call = await startLiveCall({ answer: () => ({ text: answer, firstTokenMs: 0, durationMs: 0 }) });
    await talk(call);
    // The first `listening` is the one before the answer.
    const { user } = call;
    await user.until(() => user.states.join(' ').endsWith('speaking listening'), { what: 'the states' });
    await take(call, 'canUpdateMetadata');
    const from = call.user.states.length;
    await talk(call);
    expect(call.user.states.slice(from)).toEqual([]);
    answer = LONG;
    const said = call.user.reports.length;
    call.user.send({ type: 'speak', durationMs: 600, hz: 700 });
    await call.user.until(isSound(true), { from: said });
    await giveBack(call, 'canUpdateMetadata');
    await call.user.until(() => (call?.user.states.length ?? 0) > from, { what: 'a state' });
    expect(call.user.states[from]).toBe('speaking');
    expect(problemsOf(call)).toEqual([['livekit permission', 'ERR_TRANSPORT', 'canUpdateMetadata']]);
  }, 90_000);
});

test('a microphone that goes, and is published late, is heard as the one before', async () => {
  call = await startLiveCall();
  await talk(call);
  call.user.send({ type: 'microphone', on: false });
  await delay(3_000);
  const late = toldOf(call, 'trackSubscribed');
  call.user.send({ type: 'microphone', on: true });
  await late;
  await talkAgain(call);
  const next = toldOf(call, 'trackSubscribed');
  call.user.send({ type: 'microphone', on: true }); // the next one takes over
  await next;
  await talkAgain(call);
  expect(call.problems).toEqual([]);
}, 60_000);
