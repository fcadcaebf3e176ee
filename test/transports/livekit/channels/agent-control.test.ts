import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AgentError } from '../../../../src/errors.ts';
import {
  type AgentControlOptions,
  agentControlOf,
  attachAgentControl,
} from '../../../../src/transports/livekit/index.ts';
import { FakeParticipant, WHY } from '../fake-rtc.ts';
import { fakeTransport } from '../fake-transport.ts';
import { ObservedFake } from '../observed-session.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

async function start(options?: AgentControlOptions) {
  const { clock, world, transport, problems, events, open } = fakeTransport();
  const anna = new FakeParticipant('anna');
  const ben = new FakeParticipant('ben');
  world.present.push(anna, ben);
  const session = new ObservedFake();
  const control = attachAgentControl(session, transport, options);
  const texts = () => events.flatMap((event) => (event.type === 'text' ? [event.text] : []));
  const connection = await open();
  session.state = 'idle';
  const receive = (bytes: Uint8Array, from: FakeParticipant | null = anna, topic = 'agent-control') =>
    world.room.emit('dataReceived', bytes, from ?? undefined, 1, topic);
  const answers = () =>
    world.room.data.map(({ bytes, topic, reliable, destination_identities }) => {
      expect([topic, reliable]).toEqual(['agent-control', true]);
      return { to: destination_identities, ...JSON.parse(decoder.decode(bytes)) };
    });
  /** The answers to one message. */
  const ask = async (message: unknown, from = anna) => {
    const before = world.room.data.length;
    receive(encoder.encode(typeof message === 'string' ? message : JSON.stringify(message)), from);
    await clock.settle();
    return answers().slice(before);
  };
  return {
    clock,
    world,
    transport,
    session,
    control,
    connection,
    open,
    problems,
    texts,
    receive,
    ask,
    answers,
    anna,
    ben,
  };
}

const errorOf = (answers: readonly { error?: object }[]) => answers[0]?.error;

describe('a request of the user', () => {
  test.each([
    [{ type: 'interrupt' }, ['interrupt']],
    [{ type: 'commitTurn' }, ['commitTurn']],
    [{ type: 'clearTurn' }, ['clearTurn']],
    [{ type: 'sendText', text: 'hi' }, ['sendText', 'hi']],
  ])('%o reaches the session and is answered to the sender only', async (message, call) => {
    const { ask, session } = await start();
    expect(await ask({ ...message, id: 7 })).toEqual([
      { to: ['anna'], type: 'result', id: 7, result: call.length > 1 ? { speechId: 'speech_1' } : {} },
    ]);
    expect(session.calls).toEqual([call]);
  });

  test('without an id is done and not answered', async () => {
    const { ask, session } = await start();
    expect(await ask({ type: 'interrupt' })).toEqual([]);
    expect(session.calls).toEqual([['interrupt']]);
  });

  test('for the state is answered with what the session and the room are in', async () => {
    const { ask, session } = await start();
    session.enter('toolExecution');
    session.userState = 'away';
    const [answer] = await ask({ type: 'getState', id: 'a' });
    expect(answer).toMatchObject({
      id: 'a',
      result: {
        sessionId: 's',
        agentId: 'agent_1',
        state: 'toolExecution',
        agentState: 'thinking',
        userState: 'away',
        io: { audioInput: true, videoInput: true, audioOutput: true, transcription: true },
      },
    });
  });

  test('for the history gets the newest words of both sides, as many as one packet holds, and no tools', async () => {
    const { ask, session } = await start();
    const said = (n: number, text: string) => ({ id: `i${n}`, type: 'user', turn: n, createdAtMs: n, text }) as const;
    session.history = [
      said(1, 'hi'),
      { id: 'i2', type: 'toolCall', turn: 1, createdAtMs: 2, callId: 'c', name: 'secret', arguments: '{}' },
      { id: 'i3', type: 'assistant', turn: 1, createdAtMs: 3, text: 'hello', interrupted: true },
    ];
    const [all] = await ask({ type: 'getHistory', id: 1 });
    expect(all?.result).toEqual({
      items: [
        { id: 'i1', role: 'user', text: 'hi', createdAtMs: 1 },
        { id: 'i3', role: 'assistant', text: 'hello', createdAtMs: 3, interrupted: true },
      ],
    });
    const [newest] = await ask({ type: 'getHistory', id: 1, limit: 1 });
    expect(newest?.result.items).toHaveLength(1);
    session.history = Array.from({ length: 100 }, (_, n) => said(n, 'ä'.repeat(1_000)));
    const [many] = await ask({ type: 'getHistory', id: 1 });
    expect(many?.result.items.at(-1).id).toBe('i99');
    expect(many?.result.items.length).toBeGreaterThan(3);
  });

  test('can turn microphone, voice and transcripts off and on again', async () => {
    const { ask, transport } = await start();
    await ask({ type: 'updateIo', audioInput: false, transcription: false });
    expect(transport.switches).toEqual({
      audioInput: false,
      videoInput: true,
      audioOutput: true,
      transcription: false,
    });
    const [answer] = await ask({ type: 'updateIo', id: 1, audioInput: true, videoInput: false });
    expect(answer?.result).toEqual({
      io: { audioInput: true, videoInput: false, audioOutput: true, transcription: false },
    });
  });

  test.each([
    ['say', { text: 'x' }],
    ['generateReply', {}],
    ['updateInstructions', { instructions: 'x' }],
    ['close', {}],
  ] as const)('to `%s` is done only where the host allows it', async (type, body) => {
    const refused = await start();
    expect(errorOf(await refused.ask({ type, id: 1, ...body }))).toMatchObject({
      code: 'ERR_CONTROL_FORBIDDEN',
      field: 'type',
    });
    expect(refused.session.calls).toEqual([]);
    const allowed = await start({ allow: [type] });
    expect(await allowed.ask({ type, id: 1, ...body })).toMatchObject([{ type: 'result' }]);
    expect(allowed.session.calls[0]?.[0]).toBe(type);
    expect(errorOf(await allowed.ask({ type: 'interrupt' }))).toMatchObject({ code: 'ERR_CONTROL_FORBIDDEN' });
  });
});

describe('what is refused is answered with code, field, rule and fix', () => {
  test.each([
    ['no JSON', '{oops', 'ERR_CONTROL_MESSAGE', 'message'],
    ['no object', '[1]', 'ERR_CONTROL_MESSAGE', 'message'],
    ['null', 'null', 'ERR_CONTROL_MESSAGE', 'message'],
    ['no type', '{"id":1}', 'ERR_CONTROL_MESSAGE', 'type'],
    ['an unknown type', '{"type":"fly","id":1}', 'ERR_CONTROL_MESSAGE', 'type'],
    ['a type of the prototype', '{"type":"constructor"}', 'ERR_CONTROL_MESSAGE', 'type'],
    ['an id that is an object', '{"type":"ping","id":{}}', 'ERR_CONTROL_MESSAGE', 'id'],
    ['an unknown field', '{"type":"interrupt","now":true}', 'ERR_CONTROL_MESSAGE', 'now'],
    ['a key of the prototype', '{"type":"interrupt","__proto__":{"x":1}}', 'ERR_CONTROL_MESSAGE', '__proto__'],
    ['a missing field', '{"type":"sendText"}', 'ERR_CONTROL_MESSAGE', 'text'],
    ['a field of the wrong kind', '{"type":"getHistory","limit":"5"}', 'ERR_CONTROL_MESSAGE', 'limit'],
    ['too many bytes', `{"type":"sendText","text":"${'x'.repeat(15_000)}"}`, 'ERR_CONTROL_MESSAGE', 'message'],
    ['nesting', '['.repeat(14_000), 'ERR_CONTROL_MESSAGE', 'message'],
    ['a key as long as a packet', `{"type":"ping","${'k'.repeat(14_000)}":1}`, 'ERR_CONTROL_MESSAGE', /^k+$/],
  ])('%s', async (_, message, code, field) => {
    const { ask, session } = await start();
    const [answer] = await ask(message);
    expect(answer).toMatchObject({ to: ['anna'], type: 'error', error: { code, retryable: false } });
    expect(answer?.error.field).toMatch(field);
    expect([answer?.error.rule, answer?.error.fix]).toEqual([expect.any(String), expect.any(String)]);
    expect(session.calls).toEqual([]);
  });

  test('a text that the session refuses', async () => {
    const { ask, session } = await start();
    session.fault = new AgentError('ERR_TEXT', 'refused', { field: 'text', rule: 'must not be empty', fix: 'f' });
    expect(errorOf(await ask({ type: 'sendText', id: 1, text: ' ' }))).toEqual({
      code: 'ERR_TEXT',
      field: 'text',
      rule: 'must not be empty',
      fix: 'f',
      retryable: false,
    });
  });

  test('a call that throws anything else, without what it said', async () => {
    const { ask, session } = await start();
    session.fault = new Error('password 123');
    const answers = await ask({ type: 'interrupt', id: 1 });
    expect(errorOf(answers)).toMatchObject({ code: 'ERR_CONTROL_FAILED' });
    expect(JSON.stringify(answers)).not.toContain('123');
  });

  test('is told to the host once of its kind in each stay, so that nobody fills the log', async () => {
    const { ask, problems } = await start();
    for (let i = 0; i < 5; i++) await ask('{');
    expect(problems).toEqual(['livekit agent-control: a message was refused']);
  });
});

describe('who may control', () => {
  test('by default the linked user only; anyone else is refused, and told so a few times', async () => {
    const { ask, ben, session, control } = await start();
    expect(await ask({ type: 'interrupt', id: 1 }, ben)).toMatchObject([
      { to: ['ben'], type: 'error', error: { code: 'ERR_CONTROL_FORBIDDEN', field: 'sender' } },
    ]);
    for (let i = 0; i < 50; i++) await ask({ type: 'interrupt' }, ben);
    expect(control.counters).toMatchObject({ received: 51, refused: 5, dropped: 46 });
    expect(session.calls).toEqual([]);
  });

  test('what the user sends while the agent still joins is done when they are linked', async () => {
    const { world, anna, ben, ask, answers, clock, session } = await start();
    for (const participant of [anna, ben]) world.room.leave(participant, WHY.UNKNOWN);
    expect(await ask({ type: 'interrupt', id: 1 })).toEqual([]);
    world.room.enter(anna);
    await clock.settle();
    expect(answers()).toMatchObject([{ to: ['anna'], type: 'result', id: 1 }]);
    expect(session.calls).toHaveLength(1);
  });

  test('what comes while nobody is linked is refused when nobody comes', async () => {
    const { world, anna, ben, receive, answers, clock, control } = await start();
    for (const participant of [anna, ben]) world.room.leave(participant, WHY.UNKNOWN);
    for (let i = 0; i < 1_000; i++) receive(encoder.encode('{"type":"interrupt"}'), ben);
    await clock.advance(2_000);
    expect(answers()[0]).toMatchObject({ error: { code: 'ERR_CONTROL_FORBIDDEN' } });
    expect(control.counters).toMatchObject({ received: 1_000, answered: 0 });
    expect(control.counters.refused + control.counters.dropped).toBe(1_000);
  });

  test.each([[{ from: ['ben'] }], [{ from: 'everyone' as const }]])('with %o others too', async (options) => {
    const { ask, ben, session } = await start(options);
    await ask({ type: 'interrupt' }, ben);
    await ask({ type: 'interrupt' });
    expect(session.calls).toHaveLength(2);
  });

  test('what a server sent, or is on another topic, is left alone', async () => {
    const { receive, session, clock, texts, control, anna } = await start();
    const message = encoder.encode('{"type":"interrupt"}');
    receive(message, null, 'agent-control');
    receive(message, anna, 'other');
    await clock.settle();
    expect(session.calls).toEqual([]);
    expect(texts()).toEqual([]);
    expect(control.counters.received).toBe(0);
  });

  test('chat is taken from its stream, and the older message that front ends send beside it is not', async () => {
    const { receive, world, texts, clock, anna } = await start();
    receive(encoder.encode('{"id":"x","timestamp":1,"message":"hello"}'), anna, 'lk-chat-topic');
    world.room.receiveText('lk.chat', 'anna', 'hello');
    await clock.settle();
    expect(texts()).toEqual(['hello']);
  });
});

describe('a type of the host', () => {
  test('is handled with its fields and its sender, and answered with what the handler gives', async () => {
    const seen: unknown[] = [];
    const { ask, control } = await start({
      handlers: {
        'cart.add': async (message, sender) => {
          seen.push([message, sender]);
          return { count: 1 };
        },
      },
    });
    expect(await ask({ type: 'cart.add', id: 'x', item: 'tea' })).toMatchObject([{ id: 'x', result: { count: 1 } }]);
    expect(seen).toEqual([[{ item: 'tea' }, { identity: 'anna' }]]);
    const stop = control.onControl('other', () => undefined);
    expect(await ask({ type: 'other', id: 1 })).toMatchObject([{ result: {} }]);
    stop();
    expect(errorOf(await ask({ type: 'other', id: 1 }))).toMatchObject({ field: 'type' });
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('password 123');
      },
      'ERR_CONTROL_FAILED',
    ],
    ['rejects with an error of its own', () => Promise.reject(new AgentError('ERR_TEXT', 'x')), 'ERR_TEXT'],
    ['hangs', () => new Promise(() => {}), 'ERR_TIMEOUT'],
    ['gives what is no JSON', () => 1n, 'ERR_CONTROL_FAILED'],
    ['gives too much', () => 'x'.repeat(20_000), 'ERR_CONTROL_FAILED'],
  ])('whose handler %s is answered with an error', async (_, handler, code) => {
    const { ask, clock, answers } = await start({ handlers: { own: handler } });
    await ask({ type: 'own', id: 1 });
    await clock.advance(10_000);
    expect(answers()).toMatchObject([{ type: 'error', id: 1, error: { code } }]);
    expect(JSON.stringify(answers())).not.toContain('123');
  });

  test('runs a bounded number of times at once', async () => {
    let running = 0;
    const { receive, clock, answers } = await start({ handlers: { own: () => new Promise(() => running++) } });
    for (let id = 0; id < 30; id++) receive(encoder.encode(JSON.stringify({ type: 'own', id })));
    await clock.settle();
    expect(running).toBe(16);
    expect(answers()).toHaveLength(14);
    expect(errorOf(answers())).toMatchObject({ code: 'ERR_CONTROL_BUSY', retryable: true });
  });

  test.each(['interrupt', 'result', 'error', ''])('cannot be called %o', async (type) => {
    const { control } = await start();
    expect(() => control.onControl(type, () => {})).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }));
  });
});

describe('messages of the host', () => {
  test('go to the user, or to whom they are for', async () => {
    const { control, session, answers, clock } = await start();
    expect(agentControlOf(session)).toBe(control);
    expect(control.send({ type: 'cart', total: 3 })).toBe(true);
    expect(control.send({ type: 'cart', total: 4 }, ['ben'])).toBe(true);
    await clock.settle();
    expect(answers()).toEqual([
      { to: ['anna'], type: 'cart', total: 3 },
      { to: ['ben'], type: 'cart', total: 4 },
    ]);
  });

  test('are not sent when nobody is there, and refused when they are too large', async () => {
    const { control, world, anna, ben, connection } = await start();
    expect(() => control.send({ type: 'cart', text: 'x'.repeat(20_000) })).toThrow(
      expect.objectContaining({ code: 'ERR_CONTROL_FAILED' }),
    );
    world.room.leave(ben, WHY.CLIENT_INITIATED);
    world.room.leave(anna, WHY.CLIENT_INITIATED);
    expect(control.send({ type: 'cart' })).toBe(false);
    await connection.close();
    expect(control.send({ type: 'cart' }, ['anna'])).toBe(false);
  });
});

describe('the channel', () => {
  test('goes on in a room joined anew', async () => {
    const { world, open, ask, session } = await start();
    world.room.drop(WHY.UNKNOWN);
    await open();
    expect(await ask({ type: 'interrupt', id: 1 })).toMatchObject([{ type: 'result' }]);
    expect(session.calls).toHaveLength(1);
  });

  test('ends with the session', async () => {
    const { ask, session } = await start();
    session.emit('session_stopped', { reason: 'done', durationMs: 1 });
    expect(await ask({ type: 'ping', id: 1 })).toEqual([]);
    expect(session.isObserved).toBe(false);
  });

  test('has sent the answer to `close` before the agent leaves', async () => {
    const { world, session, connection, receive, answers, clock } = await start({ allow: ['close'] });
    let arrive = () => {};
    world.onSend = () => new Promise<void>((resolve) => (arrive = resolve));
    receive(encoder.encode('{"type":"close","id":1}'));
    expect(session.calls).toEqual([['close', 'closed by a control message']]);
    const closing = connection.close();
    await clock.settle();
    expect(world.log).not.toContain('disconnect');
    arrive();
    await clock.settle();
    await closing;
    expect(answers()).toHaveLength(1);
  });

  test('that cannot send harms nobody', async () => {
    const { world, ask, session, problems } = await start();
    world.onSend = () => Promise.reject(new Error('not allowed'));
    await ask({ type: 'interrupt', id: 1 });
    await ask({ type: 'interrupt', id: 2 });
    world.onSend = () => new Promise(() => {});
    await ask({ type: 'interrupt', id: 3 });
    expect(session.calls).toHaveLength(3);
    expect(problems).toEqual(['livekit agent-control: a message was not sent']);
  });
});

test.each([
  [{ from: 'nobody' }, 'from'],
  [{ from: [''] }, 'from'],
  [{ allow: ['fly'] }, 'allow.0'],
  [{ handlers: { own: 1 } }, 'handlers'],
  [{ verbs: [] }, 'verbs'],
])('the option %o is refused by name', async (options, field) => {
  await expect(start(options as AgentControlOptions)).rejects.toMatchObject({ code: 'ERR_OPTION', field });
});

describe('whatever is sent', () => {
  test('ten thousand messages at once cost forty calls and a few answers', async () => {
    const { receive, session, control, clock, world, problems } = await start();
    const message = encoder.encode('{"type":"interrupt","id":1}');
    for (let i = 0; i < 10_000; i++) receive(message);
    await clock.settle();
    expect(session.calls).toHaveLength(40);
    expect(world.room.data).toHaveLength(41);
    expect(control.counters).toEqual({ received: 10_000, answered: 40, refused: 1, dropped: 9_960 });
    expect(problems).toHaveLength(2);
    await clock.advance(1_000);
    receive(message);
    await clock.settle();
    expect(session.calls).toHaveLength(41);
  });

  test('bytes, JSON and lone surrogates never throw, and never touch a prototype', async () => {
    const { receive, clock, control } = await start({ from: 'everyone' });
    const types = ['interrupt', 'sendText', 'getHistory', 'updateIo', '__proto__', 'say', 'x', '\ud800'];
    const body = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.jsonValue({ maxDepth: 3, noUnicodeString: false }).map((value) => encoder.encode(JSON.stringify(value))),
      fc
        .record({
          type: fc.oneof(fc.constantFrom(...types), fc.jsonValue()),
          id: fc.jsonValue(),
          text: fc.oneof(fc.constant('\ud800'), fc.jsonValue()),
          limit: fc.jsonValue(),
          constructor: fc.jsonValue(),
        })
        .map((value) => encoder.encode(JSON.stringify({ ...value, ['__proto__']: { polluted: 1 } }))),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(body, { maxLength: 20 }), async (messages) => {
        for (const message of messages) receive(message);
        await clock.advance(2_000);
      }),
      { numRuns: 40 },
    );
    expect(control.counters.dropped).toBe(0);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
    const { answered, refused, received } = control.counters;
    expect(answered + refused).toBe(received);
  });
});
