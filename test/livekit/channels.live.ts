import { setTimeout as delay } from 'node:timers/promises';
import { AgentSession as pb } from '@livekit/protocol';
import { afterAll, afterEach, expect, inject, test, vi } from 'vitest';
import {
  type AgentControl,
  type AgentControlOptions,
  attachAgentControl,
  attachSessionChannel,
  disposeLivekit,
} from '../../src/transports/livekit/index.ts';
import { ANSWER, type LiveCall, startLiveCall } from './call.ts';
import { RemoteUser } from './remote-user.ts';
import { isFinalOf, isSound } from './reports.ts';
import { tokenFor } from './tokens.ts';
import type { UserReport } from './user-protocol.ts';

let call: LiveCall;
let others: RemoteUser[] = [];
afterEach(async () => {
  await Promise.all(others.map((user) => user.end()));
  others = [];
  await call.end();
});
afterAll(() => disposeLivekit());

const base64 = (bytes: Uint8Array | string) => Buffer.from(bytes).toString('base64');

type Received = Extract<UserReport, { type: 'data' | 'bytes' }>;
const isReceived =
  (type: 'data' | 'bytes', fits: (received: Received) => boolean) =>
  (report: UserReport): report is Received =>
    report.type === type && fits(report);

async function start(options?: AgentControlOptions, text = ANSWER): Promise<AgentControl> {
  let control: AgentControl | undefined;
  call = await startLiveCall({
    answer: () => ({ text, firstTokenMs: 0, durationMs: 0 }),
    prepare: ({ session, transport }) => {
      control = attachAgentControl(session, transport, options);
      attachSessionChannel(session, transport);
    },
  });
  if (control === undefined) throw new Error('the call was not prepared');
  return control;
}

const jsonOf = (received: Received) => JSON.parse(Buffer.from(received.base64, 'base64').toString());

/** Sends one control message, and gives the answer with its id. */
async function ask(message: { readonly id: number; readonly type: string }, user = call.user) {
  user.send({ type: 'data', topic: 'agent-control', base64: base64(JSON.stringify(message)), to: ['agent'] });
  const fits = (received: Received) => jsonOf(received).id === message.id;
  return jsonOf(await user.until(isReceived('data', fits), { what: `the answer to ${message.type}` }));
}

const messageOf = (received: Received) =>
  pb.AgentSessionMessage.fromBinary(Buffer.from(received.base64, 'base64')).message;

/** Sends one request of the session channel, and gives the answer as JSON. */
async function request(what: NonNullable<pb.SessionRequest['request']>, requestId: string = what.case ?? '') {
  const message = new pb.AgentSessionMessage({ message: { case: 'request', value: { requestId, request: what } } });
  call.user.send({ type: 'bytes', topic: 'lk.agent.session', base64: base64(message.toBinary()), to: ['agent'] });
  const fits = (received: Received) => {
    const answer = messageOf(received);
    return answer.case === 'response' && answer.value.requestId === requestId;
  };
  const answer = messageOf(await call.user.until(isReceived('bytes', fits), { limitMs: 5_000, what: requestId }));
  return answer.value?.toJson() as Record<string, object>; // a message is an object
}

/** Events of the session channel that the user has, in order, by name. */
const events = () =>
  call.user.reports.flatMap((report) => {
    if (report.type !== 'bytes') return [];
    const message = messageOf(report);
    return message.case === 'event' ? [message.value.event] : [];
  });

test('the user asks for the state, types, and interrupts by control messages', async () => {
  const long = Array.from({ length: 30 }, (_, i) => `w${i}`).join(' '); // 9 s
  await start({}, long);
  const { user, session } = call;
  expect(await ask({ type: 'getState', id: 1 })).toMatchObject({ type: 'result', result: { agentState: 'listening' } });
  expect(await ask({ type: 'sendText', id: 2, text: 'good morning' } as never)).toMatchObject({ type: 'result' });
  await user.until((report) => report.type === 'transcript' && report.identity === 'agent', { what: 'a word' });
  expect(await ask({ type: 'interrupt', id: 3 })).toEqual({ type: 'result', id: 3, result: {} });
  const cut = await user.until(isFinalOf('agent'));
  expect(long.startsWith(cut.text)).toBe(true);
  expect(cut.text.length).toBeLessThan(long.length);
  expect(session.history[0]).toMatchObject({ type: 'user', text: 'good morning' });
});

test('what may not be asked is refused, by whom it may not too; the host has messages of its own', async () => {
  const control = await start({ handlers: { 'cart.add': ({ item }) => ({ added: item ?? null }) } });
  const { user, room } = call;
  expect(await ask({ type: 'say', id: 1, text: 'x' } as never)).toMatchObject({
    type: 'error',
    error: { code: 'ERR_CONTROL_FORBIDDEN', field: 'type' },
  });
  expect(await ask({ type: 'cart.add', id: 2, item: 'tea' } as never)).toMatchObject({ result: { added: 'tea' } });
  control.send({ type: 'cart', total: 3 });
  await user.until(isReceived('data', (received) => jsonOf(received).total === 3));
  const stranger = new RemoteUser();
  others.push(stranger);
  await stranger.join(inject('livekit').url, await tokenFor(inject('livekit'), { identity: 'stranger', room }));
  // What comes from somebody whom the agent has not seen yet has no sender.
  const seen = () => call.transport.connection?.room.remoteParticipants.has('stranger');
  await vi.waitFor(() => expect(seen()).toBe(true), { timeout: 10_000 });
  stranger.send({ type: 'data', topic: 'agent-control', base64: base64('{"type":"interrupt"}'), to: ['agent'] });
  const refusal = await stranger.until(isReceived('data', () => true));
  expect(jsonOf(refusal)).toMatchObject({ type: 'error', id: null, error: { code: 'ERR_CONTROL_FORBIDDEN' } });
  // What the user is sent comes in order: a refusal that was sent to both would be there by now.
  await ask({ type: 'getState', id: 3 });
  expect(user.reports.filter(({ type }) => type === 'data')).toHaveLength(4);
});

test('the session channel answers every kind of request, and tells what happens', async () => {
  await start();
  const { user } = call;
  expect(await request({ case: 'ping', value: new pb.SessionRequest_Ping() })).toMatchObject({ pong: {} });
  user.send({ type: 'speak', durationMs: 800, hz: 700 });
  await user.until(isSound(true), { what: 'the answer' });
  const stats = await request({ case: 'getRtcStats', value: new pb.SessionRequest_GetRTCStats() });
  const kinds = JSON.stringify(stats);
  expect(kinds).toContain('jitterBufferEmittedCount');
  expect(kinds).toContain('currentRoundTripTime');
  expect(kinds).not.toContain('127.0.0.1');
  await user.until(isFinalOf('agent'));
  await user.until(
    isReceived('bytes', (each) => (messageOf(each).value?.toJsonString() ?? '').includes('sessionUsage')),
  );
  expect(await request({ case: 'getChatHistory', value: new pb.SessionRequest_GetChatHistory() })).toMatchObject({
    getChatHistory: {
      items: [
        { message: { role: 'USER', content: [{ text: 'hello' }] } },
        { message: { role: 'ASSISTANT', content: [{ text: ANSWER }] } },
      ],
    },
  });
  expect(await request({ case: 'getSessionState', value: new pb.SessionRequest_GetSessionState() })).toMatchObject({
    getSessionState: { agentState: 'AS_LISTENING' },
  });
  for (const [name, value] of [
    ['getAgentInfo', new pb.SessionRequest_GetAgentInfo()],
    ['getSessionUsage', new pb.SessionRequest_GetSessionUsage()],
    ['getFrameworkInfo', new pb.SessionRequest_GetFrameworkInfo()],
  ] as const)
    expect(await request({ case: name, value } as never)).toMatchObject({ [name]: {} });
  const names = events().map((event) => event.case);
  for (const name of ['agentStateChanged', 'userStateChanged', 'userInputTranscribed', 'conversationItemAdded'])
    expect(names).toContain(name);
  const items = events().flatMap((event) => (event.case === 'conversationItemAdded' ? [event.value.toJson()] : []));
  expect(items).toMatchObject([
    { item: { message: { role: 'USER' } } },
    { item: { message: { role: 'ASSISTANT', metrics: { e2eLatency: expect.any(Number) } } } },
  ]);
  expect(call.problems).toEqual([]);
});

test('the user runs typed text to its answer, with the voice of the agent turned off', async () => {
  await start();
  const quiet = new pb.SessionRequest_UpdateIO({ output: { audioEnabled: false } });
  expect(await request({ case: 'updateIo', value: quiet })).toMatchObject({ updateIo: {} });
  const answer = await request({ case: 'runInput', value: new pb.SessionRequest_RunInput({ text: 'hi' }) });
  expect(answer).toMatchObject({
    runInput: { items: [{ message: { content: [{ text: expect.stringMatching(/^one/) }] } }] },
  });
  expect(call.user.reports.filter(isSound(true))).toEqual([]);
});

test('garbage and floods on both channels do not disturb the call', async () => {
  const control = await start();
  const { user } = call;
  const noise = Uint8Array.from({ length: 5_000 }, (_, i) => (i * 7_919) % 256);
  user.send({ type: 'bytes', topic: 'lk.agent.session', base64: base64(noise), to: ['agent'] });
  user.send({ type: 'bytes', topic: 'lk.agent.session', base64: base64(new Uint8Array(300_000)), to: ['agent'] });
  user.send({ type: 'data', topic: 'agent-control', base64: base64(noise), to: ['agent'] });
  user.send({ type: 'data', topic: 'agent-control', base64: base64('['.repeat(14_000)), to: ['agent'] });
  user.send({ type: 'data', topic: 'agent-control', base64: base64('{"type":"ping"}'), to: ['agent'], repeat: 2_000 });
  user.send({ type: 'speak', durationMs: 800, hz: 700 });
  await user.until(isSound(true), { what: 'the answer' });
  await user.until(isFinalOf('agent'));
  await user.until(isReceived('data', (each) => jsonOf(each).error?.code === 'ERR_CONTROL_BUSY'));
  await vi.waitFor(() => expect(control.counters.received).toBe(2_002), { timeout: 20_000 });
  await delay(500); // ten more may be asked then
  expect(await ask({ type: 'getState', id: 9 })).toMatchObject({ result: { agentState: 'listening' } });
  expect(await request({ case: 'ping', value: new pb.SessionRequest_Ping() })).toMatchObject({ pong: {} });
  expect(control.counters.dropped).toBeGreaterThan(1_000);
  expect(call.problems.map(({ where }) => where).sort()).toEqual([
    'livekit agent-control: a message was refused',
    'livekit agent-control: messages beyond the limit are dropped',
    'livekit lk.agent.session: a request was not answered',
  ]);
});
