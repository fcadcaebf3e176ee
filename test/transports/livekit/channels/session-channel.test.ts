import { AgentSession as pb } from '@livekit/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AgentError } from '../../../../src/errors.ts';
import { loadSessionCodec } from '../../../../src/transports/livekit/channels/session-protocol.ts';
import { attachSessionChannel, type SessionChannelOptions } from '../../../../src/transports/livekit/index.ts';
import { FakeParticipant, KIND, WHY } from '../fake-rtc.ts';
import { fakeTransport } from '../fake-transport.ts';
import { ObservedFake } from '../observed-session.ts';

const TOPIC = 'lk.agent.session';

type Request = NonNullable<NonNullable<ConstructorParameters<typeof pb.SessionRequest>[0]>['request']>;

function requestBytes(request: Request, requestId = 'r'): Uint8Array {
  return new pb.AgentSessionMessage({ message: { case: 'request', value: { requestId, request } } }).toBinary();
}

async function start(options: SessionChannelOptions = {}) {
  await loadSessionCodec(); // so that it takes no real time afterwards
  const { clock, world, transport, problems, open } = fakeTransport();
  world.present.push(new FakeParticipant('anna'), new FakeParticipant('ben'));
  const session = new ObservedFake();
  const stop = attachSessionChannel(session as never, transport, { events: 'always', ...options }); // the items are built by each test
  const connection = await open();
  const settle = () => clock.settle({ turns: 10 });
  await settle();
  const streams = () => world.rooms.flatMap(({ byteStreams }) => byteStreams);
  const messages = () =>
    streams().map(({ topic, destinationIdentities, bytes }) => {
      expect([topic, destinationIdentities]).toEqual([TOPIC, ['anna']]);
      return pb.AgentSessionMessage.fromBinary(Uint8Array.from(bytes)).message;
    });
  /** Events so far, as name and JSON. */
  const events = () =>
    messages().flatMap((message) => {
      if (message.case !== 'event') return [];
      const { createdAt: _, ...event } = message.value.toJson() as Record<string, object>; // a message is an object
      return [event];
    });
  const receive = (bytes: Uint8Array | Error | AsyncIterable<Uint8Array>, from = 'anna') =>
    world.room.receiveBytes(TOPIC, from, bytes);
  /** The answer to one request. */
  const ask = async (request: Request, from = 'anna') => {
    const before = streams().length;
    receive(requestBytes(request, 'r7'), from);
    await settle();
    const [answer] = messages().slice(before);
    if (answer === undefined) return undefined;
    expect(answer).toMatchObject({ case: 'response', value: { requestId: 'r7' } });
    return answer.value?.toJson() as Record<string, never> & { error?: string };
  };
  return { clock, world, transport, session, connection, open, stop, settle, problems, receive, ask, events, streams };
}

const NO_LATENCY = {
  endpointingMs: null,
  transcriptionMs: null,
  firstTokenMs: null,
  firstAudioMs: null,
  totalMs: null,
};
const completed = { mode: 'reply', outcome: 'completed', durationMs: 1, messageCount: 1, latency: NO_LATENCY } as const;

describe('a page that never asks', () => {
  const ping: Request = { case: 'ping', value: new pb.SessionRequest_Ping() };

  test('is told nothing; with its first request it gets the newest events, in order, before the answer', async () => {
    const { session, settle, events, streams, receive } = await start({ events: 'onRequest' });
    for (let i = 0; i < 60; i++) {
      session.emit('user_state_changed', { fromState: 'listening', toState: 'speaking' });
      session.emit('user_state_changed', { fromState: 'speaking', toState: 'listening' });
    }
    await settle();
    expect(streams()).toEqual([]);
    receive(requestBytes(ping));
    await settle();
    expect(streams()).toHaveLength(101);
    expect(events().at(-1)).toEqual({ userStateChanged: { newState: 'US_LISTENING' } });
    session.enter('thinking');
    await settle();
    expect(streams()).toHaveLength(102);
  });

  test('is told from then on when what it sends cannot be read', async () => {
    const { session, settle, streams, receive } = await start({ events: 'onRequest' });
    session.enter('idle');
    receive(new Error('read length exceeded total length'));
    await settle();
    expect(streams()).toHaveLength(1);
  });

  test('is told nothing because another participant asks', async () => {
    const { session, settle, streams, receive } = await start({ events: 'onRequest' });
    session.enter('idle');
    receive(requestBytes(ping), 'ben');
    await settle();
    expect(streams()).toEqual([]);
  });

  test('loses its events to nobody: who is linked after it gets only what is its own', async () => {
    const { session, settle, streams, receive, transport } = await start({ events: 'onRequest' });
    session.enter('idle');
    await settle();
    transport.linkTo('ben');
    session.enter('thinking');
    receive(requestBytes(ping), 'ben');
    await settle();
    expect(streams().map(({ destinationIdentities }) => destinationIdentities)).toEqual([['ben'], ['ben']]);
  });
});

describe('events', () => {
  test('of the agent are the states that front ends know, on change only', async () => {
    const { session, settle, events } = await start();
    for (const state of ['idle', 'listening', 'processing', 'thinking', 'toolExecution', 'speaking'] as const) {
      session.enter(state);
    }
    session.enter('interrupted');
    session.enter('listening');
    await settle();
    expect(events().map(({ agentStateChanged }) => agentStateChanged)).toEqual([
      { newState: 'AS_LISTENING' }, // the old state is 0, which is left out
      { oldState: 'AS_LISTENING', newState: 'AS_THINKING' },
      { oldState: 'AS_THINKING', newState: 'AS_SPEAKING' },
      { oldState: 'AS_SPEAKING', newState: 'AS_LISTENING' },
    ]);
  });

  test('of the user are state and words, of which only the newest interim version waits', async () => {
    const { session, settle, events, world } = await start();
    session.emit('user_state_changed', { fromState: 'listening', toState: 'speaking' });
    session.emit('user_state_changed', { fromState: 'speaking', toState: 'away' });
    await settle();
    let arrive = () => {};
    world.onSend = () => new Promise<void>((resolve) => (arrive = resolve));
    session.emit('stt_result', { utterance: 1, text: 'g', isFinal: false });
    await settle();
    session.emit('stt_result', { utterance: 1, text: 'go', isFinal: false });
    session.emit('stt_result', { utterance: 1, text: 'goo', isFinal: false });
    session.emit('stt_result', { utterance: 1, text: 'good', isFinal: true });
    world.onSend = async () => {};
    arrive();
    await settle();
    expect(events()).toEqual([
      { userStateChanged: { oldState: 'US_LISTENING' } },
      { userStateChanged: { newState: 'US_AWAY' } },
      { userInputTranscribed: { transcript: 'g' } },
      { userInputTranscribed: { transcript: 'goo' } },
      { userInputTranscribed: { transcript: 'good', isFinal: true } },
    ]);
  });

  test('of the conversation are its items, each once, the words of the agent when they are over', async () => {
    const { session, settle, events } = await start();
    session.history = [{ id: 'u', type: 'user', turn: 1, createdAtMs: 1_500, text: 'hi \ud800' }];
    session.emit('turn_started', { turn: 1, mode: 'reply', attempt: 1 });
    session.history.push({ id: 'a', type: 'assistant', turn: 1, createdAtMs: 2_000, text: 'hel', interrupted: true });
    session.emit('turn_started', { turn: 1, mode: 'reply', attempt: 2 });
    const latency = { ...NO_LATENCY, endpointingMs: 500, firstTokenMs: 250, totalMs: 1_000 };
    session.emit('turn_completed', { ...completed, turn: 1, latency });
    session.emit('turn_completed', { ...completed, turn: 1 });
    await settle();
    expect(events()).toEqual([
      {
        conversationItemAdded: {
          item: {
            message: { id: 'u', role: 'USER', content: [{ text: 'hi \ufffd' }], createdAt: '1970-01-01T00:00:01.500Z' },
          },
        },
      },
      {
        conversationItemAdded: {
          item: {
            message: {
              id: 'a',
              role: 'ASSISTANT',
              content: [{ text: 'hel' }],
              interrupted: true,
              metrics: { endOfTurnDelay: 0.5, llmNodeTtft: 0.25, e2eLatency: 1 },
              createdAt: '1970-01-01T00:00:02Z',
            },
          },
        },
      },
    ]);
  });

  test('of tools tell the call and what the model was told, not the error itself', async () => {
    const { session, settle, events } = await start();
    const call = { callId: 'c1', toolName: 'weather' };
    session.emit('tool_called', { ...call, arguments: '{"city":"Rome"}' });
    session.history = [
      {
        id: 'o',
        type: 'toolOutput',
        turn: 1,
        createdAtMs: 0,
        callId: 'c1',
        name: 'weather',
        output: 'no',
        isError: true,
      },
    ];
    session.emit('tool_error', { ...call, error: 'password 123', durationMs: 5 });
    await settle();
    const functionCall = { callId: 'c1', name: 'weather', arguments: '{"city":"Rome"}' };
    const output = { callId: 'c1', name: 'weather', output: 'no', isError: true };
    expect(events().slice(0, 4)).toEqual([
      { functionToolsStarted: { functionCalls: [functionCall] } },
      { toolExecutionUpdated: { started: { functionCall } } },
      { functionToolsExecuted: { functionCalls: [functionCall], functionCallOutputs: [output] } },
      { toolExecutionUpdated: { ended: { id: 'c1', callId: 'c1', status: 'TC_ERROR' } } },
    ]);
    expect(JSON.stringify(events())).not.toContain('123');
  });

  test('of tools are left out where the host says so, items and history included', async () => {
    const { session, settle, events, ask } = await start({ showTools: false });
    session.emit('tool_called', { callId: 'c', toolName: 'weather', arguments: '{}' });
    session.history = [
      { id: 'i', type: 'toolCall', turn: 1, createdAtMs: 0, callId: 'c', name: 'weather', arguments: '{}' },
    ];
    session.emit('tool_completed', { callId: 'c', toolName: 'weather', result: 'sun', durationMs: 1 });
    session.emit('turn_completed', { ...completed, turn: 1 });
    await settle();
    expect(events()).toEqual([]);
    expect(JSON.stringify(await ask({ case: 'getChatHistory', value: {} }))).not.toContain('weather');
    expect(JSON.stringify(await ask({ case: 'getAgentInfo', value: {} }))).not.toContain('weather');
  });

  test('of a voice over the agent tell whether it stopped it, and a false alarm that it went on', async () => {
    const { session, settle, events, clock } = await start();
    session.enter('speaking');
    session.emit('user_state_changed', { fromState: 'listening', toState: 'speaking' });
    await clock.advance(300);
    session.emit('interruption', { turn: 1, cause: 'voice', playedMs: 1, heardText: 'x' });
    session.emit('user_state_changed', { fromState: 'speaking', toState: 'listening' });
    session.emit('user_state_changed', { fromState: 'listening', toState: 'speaking' });
    session.emit('user_state_changed', { fromState: 'speaking', toState: 'listening' });
    session.enter('paused');
    session.enter('speaking');
    session.emit('interruption', { turn: 1, cause: 'text', playedMs: 1, heardText: 'x' });
    await settle();
    expect(events().flatMap(({ overlappingSpeech = [] }) => overlappingSpeech)).toMatchObject([
      { isInterruption: true, detectionDelay: 0.3, overlapStartedAt: '2026-01-01T00:00:00Z' },
      { overlapStartedAt: '2026-01-01T00:00:00.300Z' },
    ]);
    expect(events()).toContainEqual({ agentFalseInterruption: { resumed: true } });
  });

  test('of usage come at the end of a turn that used something; errors tell their meaning, not their text', async () => {
    const { session, settle, events } = await start();
    session.agent.llm = { label: 'scripted' };
    session.usage = { modelCalls: 1, inputTokens: 10, outputTokens: 5 };
    session.emit('turn_completed', { ...completed, turn: 1 });
    session.emit('turn_completed', { ...completed, turn: 2 });
    session.emit('session_error', { code: 'ERR_PROVIDER', part: 'stt', message: 'password 123' });
    session.emit('session_error', { code: 'toString', part: 'x', message: 'password 123' });
    await settle();
    expect(events()).toEqual([
      {
        sessionUsageUpdated: {
          usage: { modelUsage: [{ llm: { model: 'scripted', inputTokens: 10, outputTokens: 5 } }] },
        },
      },
      { error: { message: 'stt: A speech or language provider failed.' } },
      { error: { message: 'x: something failed' } },
    ]);
  });

  test('are not told to a telephone, which cannot read them', async () => {
    const { world, transport, session, settle, streams } = await start();
    world.room.enter(new FakeParticipant('phone', KIND.SIP));
    transport.linkTo('phone');
    expect(transport.connection?.user?.identity).toBe('phone');
    session.enter('idle');
    await settle();
    expect(streams()).toEqual([]);
  });

  test('that wait when the session turns to another user are not told to that one', async () => {
    const { world, transport, session, settle, streams, receive } = await start();
    let arrive = () => {};
    world.onSend = () => new Promise<void>((resolve) => (arrive = resolve));
    session.enter('idle');
    await settle();
    session.emit('stt_result', { utterance: 1, text: 'my number is 5', isFinal: true });
    receive(requestBytes({ case: 'getChatHistory', value: {} }));
    await settle();
    transport.linkTo('ben');
    world.onSend = async () => {};
    arrive();
    await settle();
    expect(streams().map(({ destinationIdentities }) => destinationIdentities)).toEqual([['anna']]);
  });

  test('are told to nobody while nobody is there', async () => {
    const { world, session, settle, streams } = await start();
    for (const participant of world.present) world.room.leave(participant, WHY.CLIENT_INITIATED);
    session.enter('idle');
    await settle();
    expect(streams()).toEqual([]);
  });
});

describe('a request of the user', () => {
  test('is answered under its id', async () => {
    const { ask, session } = await start();
    session.state = 'speaking';
    session.userState = 'away';
    expect(await ask({ case: 'ping', value: {} })).toMatchObject({ pong: {} });
    expect(await ask({ case: 'getSessionState', value: {} })).toMatchObject({
      getSessionState: { agentState: 'AS_SPEAKING', userState: 'US_AWAY', agentId: 'agent_1' },
    });
    expect(await ask({ case: 'getAgentInfo', value: {} })).toMatchObject({
      getAgentInfo: { id: 'agent_1', tools: ['weather'] },
    });
    expect(await ask({ case: 'getSessionUsage', value: {} })).toMatchObject({ getSessionUsage: { usage: {} } });
  });

  test('for the framework names this package and its version', async () => {
    const { receive, world } = await start();
    receive(requestBytes({ case: 'getFrameworkInfo', value: {} }));
    // The file of the package is read in real time.
    while (world.room.byteStreams.at(-1)?.isClosed !== true) await new Promise((resolve) => setImmediate(resolve));
    const bytes = Uint8Array.from(world.room.byteStreams[0]?.bytes ?? []);
    expect(pb.AgentSessionMessage.fromBinary(bytes).toJson()).toMatchObject({
      response: { getFrameworkInfo: { sdk: 'livekitex-agent', sdkVersion: expect.stringMatching(/^\d+\.\d+\./) } },
    });
  });

  test('for the instructions is left without them unless the host shows them', async () => {
    const hidden = await start();
    expect(JSON.stringify(await hidden.ask({ case: 'getAgentInfo', value: {} }))).not.toContain('Be brief');
    const shown = await start({ showInstructions: true });
    expect(await shown.ask({ case: 'getAgentInfo', value: {} })).toMatchObject({
      getAgentInfo: { instructions: 'Be brief.' },
    });
  });

  test('for the history gets every kind of item, and of a very long one the newest part', async () => {
    const { ask, session } = await start();
    const at = { turn: 1, createdAtMs: 0 };
    session.history = [
      { id: '1', type: 'user', ...at, text: 'hi' },
      { id: '2', type: 'toolCall', ...at, callId: 'c', name: 'n', arguments: '{}' },
      { id: '3', type: 'toolOutput', ...at, callId: 'c', name: 'n', output: 'o', isError: false },
      { id: '4', type: 'agentHandoff', ...at, fromAgentId: 'a', toAgentId: 'b' },
      { id: '5', type: 'assistant', ...at, text: 'hello', interrupted: false },
    ];
    const answer = await ask({ case: 'getChatHistory', value: {} });
    expect(answer?.getChatHistory).toMatchObject({
      items: [
        { message: { id: '1', role: 'USER' } },
        { functionCall: { id: '2', callId: 'c' } },
        { functionCallOutput: { id: '3', output: 'o' } },
        { agentHandoff: { id: '4', oldAgentId: 'a', newAgentId: 'b' } },
        { message: { id: '5', role: 'ASSISTANT' } },
      ],
    });
    session.history = Array.from({ length: 50 }, (_, n) => ({
      id: `${n}`,
      type: 'user' as const,
      ...at,
      text: 'x'.repeat(10_000),
    }));
    const long = await ask({ case: 'getChatHistory', value: {} });
    const items = (long?.getChatHistory as { items: { message: { id: string } }[] } | undefined)?.items ?? [];
    expect([items.length, items.at(-1)?.message.id]).toEqual([20, '49']);
  });

  test('for the statistics gets the kinds that hold no address', async () => {
    const { ask, world } = await start();
    const stat = (json: object) => ({ toJson: () => json });
    world.onStats = async () => ({
      publisherStats: [stat({ candidatePair: { candidatePair: { currentRoundTripTime: 0.05 } } })],
      subscriberStats: [
        stat({ inboundRtp: { stream: { kind: 'audio' }, inbound: { jitterBufferEmittedCount: '48000' } } }),
        stat({ localCandidate: { candidate: { address: '10.0.0.1' } } }),
      ],
    });
    const answer = await ask({ case: 'getRtcStats', value: {} });
    expect(answer?.getRtcStats).toEqual({
      publisherStats: [{ candidatePair: { candidatePair: { currentRoundTripTime: 0.05 } } }],
      subscriberStats: [{ inboundRtp: { stream: { kind: 'audio' }, inbound: { jitterBufferEmittedCount: '48000' } } }],
    });
  });

  test.each([
    ['fail', () => Promise.reject(new Error('password 123')), { error: 'the request failed' }],
    ['hang', () => new Promise<never>(() => {}), { getRtcStats: {} }],
  ])('for statistics that %s is answered all the same', async (_, onStats, answer) => {
    const { receive, world, clock, settle, streams } = await start();
    world.onStats = onStats;
    receive(requestBytes({ case: 'getRtcStats', value: {} }));
    await settle();
    await clock.advance(2_000);
    await settle();
    const bytes = Uint8Array.from(streams()[0]?.bytes ?? []);
    expect(pb.AgentSessionMessage.fromBinary(bytes).toJson()).toMatchObject({ response: answer });
  });

  test('can turn microphone, voice and transcripts off, each by itself', async () => {
    const { ask, transport } = await start();
    expect(await ask({ case: 'updateIo', value: { input: { audioEnabled: false } } })).toMatchObject({ updateIo: {} });
    await ask({ case: 'updateIo', value: { output: { transcriptionEnabled: false } } });
    expect(transport.switches).toEqual({
      audioInput: false,
      videoInput: true,
      audioOutput: true,
      transcription: false,
    });
    await ask({
      case: 'updateIo',
      value: { input: { audioEnabled: true, videoEnabled: false }, output: { audioEnabled: false } },
    });
    expect(transport.switches).toEqual({
      audioInput: true,
      videoInput: false,
      audioOutput: false,
      transcription: false,
    });
    expect((await ask({ case: 'updateIo', value: { output: { videoEnabled: true } } }))?.error).toMatch(/videoEnabled/);
  });

  test('with typed text is answered with what the agent did about it', async () => {
    const { receive, session, settle, streams } = await start();
    const item = { turn: 2, createdAtMs: 0 };
    session.history = [{ id: 'old', type: 'assistant', ...item, turn: 1, text: 'before', interrupted: false }];
    receive(requestBytes({ case: 'runInput', value: { text: 'hi' } }));
    await settle();
    expect(session.calls).toEqual([['sendText', 'hi']]);
    expect(streams()).toEqual([]);
    session.history = [
      ...session.history,
      { id: 'u', type: 'user', ...item, text: 'hi' },
      { id: 'a', type: 'assistant', ...item, text: 'hello', interrupted: false },
    ];
    session.settleReply();
    await settle();
    const bytes = Uint8Array.from(streams()[0]?.bytes ?? []);
    expect(pb.AgentSessionMessage.fromBinary(bytes).toJson()).toMatchObject({
      response: { runInput: { items: [{ message: { id: 'a', content: [{ text: 'hello' }] } }] } },
    });
  });

  test('with typed text whose reply is long is answered in time, with what there is', async () => {
    const { receive, clock, settle, streams } = await start();
    receive(requestBytes({ case: 'runInput', value: { text: 'hi' } }));
    await clock.advance(3_999);
    await settle();
    expect(streams()).toHaveLength(0);
    await clock.advance(1);
    await settle();
    expect(streams()).toHaveLength(1);
  });

  test.each([
    ['that the session refuses', { case: 'runInput', value: { text: '' } } as const, /^ERR_TEXT: text/],
    ['of a kind that is not there', { case: 'finalizeSimulation', value: {} } as const, /finalizeSimulation/],
    ['without a kind', { case: undefined } as const, /empty request/],
  ])('%s is answered with an error', async (_, request, error) => {
    const { ask, session } = await start();
    session.fault = new AgentError('ERR_TEXT', 'refused', { field: 'text' });
    expect((await ask(request))?.error).toMatch(error);
  });
});

describe('what is not taken', () => {
  test('of anyone else, its stream is closed unread and nothing is answered', async () => {
    const { receive, settle, streams, problems } = await start();
    const reader = receive(requestBytes({ case: 'ping', value: {} }), 'ben');
    await settle();
    expect([reader.wasClosed, streams().length, problems.length]).toEqual([true, 0, 0]);
  });

  test('of whoever asks while nobody is linked is answered when they are linked, and only then', async () => {
    const { world, receive, settle, streams, clock } = await start();
    for (const participant of world.present) world.room.leave(participant, WHY.UNKNOWN);
    receive(requestBytes({ case: 'ping', value: {} }), 'ben');
    receive(requestBytes({ case: 'ping', value: {} }), 'anna');
    await settle();
    expect(streams()).toEqual([]);
    world.room.enter(new FakeParticipant('anna'));
    await settle();
    expect(streams()).toHaveLength(1);
    await clock.advance(5_000);
    await settle();
    expect(streams()).toHaveLength(1);
  });

  test('a stream that breaks, is too long, or never ends harms nobody', async () => {
    const { receive, ask, clock, settle, problems } = await start();
    receive(new Error('read length exceeded total length specified in stream header'));
    receive(new Uint8Array(64_001));
    const endless = receive(
      (async function* () {
        await new Promise(() => {});
      })(),
    );
    await clock.advance(5_000);
    await settle();
    expect(endless.wasClosed).toBe(true);
    expect(problems).toEqual(['livekit lk.agent.session: a request was not answered']);
    expect(await ask({ case: 'ping', value: {} })).toMatchObject({ pong: {} });
  });

  test('a request that is too long is not done', async () => {
    const { receive, session, settle, problems } = await start();
    receive(requestBytes({ case: 'runInput', value: { text: 'x'.repeat(64_000) } }));
    await settle();
    expect(session.calls).toEqual([]);
    expect(problems).toHaveLength(1);
  });

  test('more than twenty in a row, each answered, are closed unread', async () => {
    const { ask, clock } = await start();
    for (let i = 0; i < 20; i++) expect(await ask({ case: 'ping', value: {} })).toMatchObject({ pong: {} });
    expect(await ask({ case: 'ping', value: {} })).toBeUndefined();
    await clock.advance(200);
    expect(await ask({ case: 'ping', value: {} })).toMatchObject({ pong: {} });
  });

  test('more than eight at once are closed unread', async () => {
    const { receive, clock, settle, problems, ask } = await start();
    const never = () =>
      (async function* () {
        await new Promise(() => {});
      })();
    const readers = Array.from({ length: 10 }, () => receive(never()));
    await settle();
    expect(readers.filter(({ wasClosed }) => wasClosed)).toHaveLength(2);
    await clock.advance(6_000);
    await settle();
    const burst = Array.from({ length: 1_000 }, () => receive(new Uint8Array()));
    await settle();
    expect(burst.filter(({ wasClosed }) => wasClosed).length).toBeGreaterThan(980);
    expect(problems).toHaveLength(2);
    await clock.advance(6_000);
    expect(await ask({ case: 'ping', value: {} })).toMatchObject({ pong: {} });
  });

  test('an event or answer that a participant sends back is left alone', async () => {
    const { receive, settle, streams, problems } = await start();
    receive(new pb.AgentSessionMessage({ message: { case: 'event', value: {} } }).toBinary());
    receive(new Uint8Array());
    await settle();
    expect([streams().length, problems.length]).toEqual([0, 0]);
  });

  test('whatever the bytes are, nothing throws and nothing piles up', async () => {
    const { receive, clock, settle, connection, problems } = await start();
    const real = requestBytes({ case: 'runInput', value: { text: 'what is the weather in Rome?' } }, 'request-1');
    const mutated = fc
      .array(fc.record({ at: fc.nat(real.length - 1), to: fc.nat(255) }), { maxLength: 8 })
      .map((edits) => {
        const bytes = Uint8Array.from(real);
        for (const { at, to } of edits) bytes[at] = to;
        return bytes;
      });
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      mutated,
      mutated.map((all) => all.slice(0, -3)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(bytes, { maxLength: 8 }), async (messages) => {
        for (const message of messages) receive(message);
        await clock.advance(5_000);
      }),
      { numRuns: 60 },
    );
    // A struct inside a struct, as deep as the limit allows.
    let nested: Uint8Array = new Uint8Array();
    for (let i = 0; i < 200; i++) nested = Uint8Array.from([0x0a, nested.length & 0x7f, ...nested]);
    receive(nested);
    await settle();
    // Each kind of problem is told once, however often it comes.
    expect(new Set(problems).size).toBe(problems.length);
    await connection.close();
  });
});

describe('the channel', () => {
  test('writes one stream at a time, and has closed each before the agent leaves', async () => {
    const { world, session, connection, settle, streams } = await start();
    let arrive = () => {};
    world.onSend = () => new Promise<void>((resolve) => (arrive = resolve));
    session.enter('idle');
    session.enter('thinking');
    await settle();
    expect(streams()).toHaveLength(0);
    const closing = connection.close();
    world.onSend = async () => {};
    arrive();
    await settle();
    await closing;
    expect(streams().map(({ isClosed }) => isClosed)).toEqual([true, true]);
  });

  test('that cannot send tells it once and goes on', async () => {
    const { world, session, settle, streams, problems } = await start();
    world.onSend = () => Promise.reject(new Error('not allowed'));
    session.enter('idle');
    session.enter('speaking');
    await settle();
    world.onSend = async () => {};
    session.enter('thinking');
    await settle();
    expect(problems).toEqual(['livekit lk.agent.session: a message was not sent']);
    expect(streams()).toHaveLength(1);
  });

  test('closes the stream of a message that could not be written', async () => {
    const { world, session, settle, streams } = await start();
    const { localParticipant } = world.room;
    if (localParticipant === undefined) throw new Error('nobody is in the room');
    const { streamBytes } = localParticipant;
    localParticipant.streamBytes = async (options) => ({
      ...(await streamBytes(options)),
      write: () => Promise.reject(new Error('the network is gone')),
    });
    session.enter('idle');
    await settle();
    expect(streams().map(({ isClosed }) => isClosed)).toEqual([true]);
  });

  test('goes on in a room joined anew, and tells nothing twice', async () => {
    const { world, session, settle, open, events, ask } = await start();
    session.history = [{ id: 'u', type: 'user', turn: 1, createdAtMs: 0, text: 'hi' }];
    session.emit('turn_started', { turn: 1, mode: 'reply', attempt: 1 });
    await settle();
    world.room.drop(WHY.UNKNOWN);
    await open();
    await settle();
    session.emit('turn_completed', { ...completed, turn: 1 });
    expect(await ask({ case: 'ping', value: {} })).toMatchObject({ pong: {} });
    expect(events()).toHaveLength(1);
  });

  test('ends with the session', async () => {
    const { session, ask } = await start();
    session.emit('session_stopped', { reason: 'done', durationMs: 1 });
    expect(session.isObserved).toBe(false);
    expect(await ask({ case: 'ping', value: {} })).toBeUndefined();
  });

  test('names an option that is wrong', async () => {
    for (const [field, value] of [
      ['showTools', 'no'],
      ['events', 'sometimes'],
    ] as const)
      await expect(start({ [field]: value } as never)).rejects.toMatchObject({ code: 'ERR_OPTION', field });
  });
});
