import { describe, expect, it } from 'vitest';
import { nextLoopTurn } from '../../../src/clock.ts';
import type { AgentError } from '../../../src/errors.ts';
import { seededIds } from '../../../src/ids.ts';
import type { ChatChunk, ChatMessage, ChatRequest, ChatTool } from '../../../src/providers/llm.ts';
import type { Intent } from '../../../src/providers/local/intent.ts';
import { intentLlm } from '../../../src/providers/local/intent-llm.ts';
import { llmConformance } from '../../../src/testing/conformance/llm.ts';
import { VirtualClock } from '../../../src/testing/virtual-clock.ts';
import { HELD_OUT } from './heldout.ts';

const tool = (name: string, ...required: string[]): ChatTool => ({
  name,
  description: name,
  parameters: {
    type: 'object',
    properties: Object.fromEntries(required.map((field) => [field, { type: 'string' }])),
    required,
  },
});
const TOOLS = [tool('get_weather', 'location'), tool('get_time', 'location')];
const user = (content: string): ChatMessage => ({ role: 'user', content });
const agent = (content: string): ChatMessage => ({ role: 'assistant', content });

const model = intentLlm({ clock: new VirtualClock(), ids: seededIds() });

async function ask(messages: readonly ChatMessage[], request: Partial<ChatRequest> = {}, llm = model) {
  const chunks: ChatChunk[] = [];
  const signal = new AbortController().signal;
  for await (const chunk of llm.chat({ messages, tools: TOOLS, toolChoice: 'auto', signal, ...request }))
    chunks.push(chunk);
  return {
    text: chunks.map((chunk) => (chunk.type === 'text' ? chunk.text : '')).join(''),
    calls: chunks.flatMap((chunk) => (chunk.type === 'toolCall' ? [`${chunk.name} ${chunk.arguments}`] : [])),
    chunks,
  };
}

describe('the intent model keeps the contract of an Llm', () => {
  for (const { rule, run } of llmConformance(() => intentLlm(), { settle: nextLoopTurn, maxSettles: 5000 }))
    it(rule, run);
});

describe('one sentence', () => {
  it('at least nine of ten sentences it never saw are understood, calls and values included', async () => {
    const names: Record<string, string> = { get_weather: 'weather', get_time: 'time' };
    const replies = new Map<string, string>();
    for (const name of ['moon', 'ocean', 'coffee', 'hello', 'thanks', 'goodbye', 'identity', 'help', 'stop']) {
      const said = { moon: 'tell me about the moon', ocean: 'tell me about the ocean', coffee: 'tell me about coffee' };
      const probe = { identity: 'who are you', ...said }[name] ?? name;
      replies.set((await ask([user(probe)])).text, name);
    }
    const wrong: string[] = [];
    for (const [said, meant] of HELD_OUT) {
      const { text, calls } = await ask([agent('I said something.'), user(said)]);
      const called = calls.map((call) => {
        const [name = '', ...json] = call.split(' ');
        return `${names[name]}(${JSON.parse(json.join(' ')).location})`;
      });
      const spoken = text === 'I said something.' ? 'repeat' : (replies.get(text) ?? '-');
      const got = called.length > 0 ? called.join(' ') : spoken;
      if (got !== meant) wrong.push(`${said} -> ${got}`);
    }
    expect(wrong.length, wrong.join('\n')).toBeLessThanOrEqual(HELD_OUT.length / 10);
  });

  it.each([
    ['What is the weather in Paris?', ['get_weather {"location":"Paris"}']],
    [
      'What is the weather in Paris and what time is it in Tokyo?',
      ['get_weather {"location":"Paris"}', 'get_time {"location":"Tokyo"}'],
    ],
    ['Is it raining in Rio de Janeiro?', ['get_weather {"location":"Rio de Janeiro"}']],
    ['Stop! What time is it in London?', ['get_time {"location":"London"}']],
  ])('%j becomes calls and no text', async (said, expected) => {
    const { text, calls } = await ask([user(said)]);
    expect(calls).toEqual(expected);
    expect(text).toBe('');
  });

  it('out of scope gets an honest answer', async () => {
    expect((await ask([user('Write me a poem about love.')])).text).toContain('offline stand-in');
  });

  it('text comes in small pieces', async () => {
    const { chunks } = await ask([user('tell me about the moon')]);
    expect(chunks.length).toBeGreaterThan(60);
  });
});

describe('tools', () => {
  const called = (name: string, callId: string, location: string): ChatMessage => ({
    role: 'assistant',
    content: '',
    toolCalls: [{ callId, name, arguments: JSON.stringify({ location }) }],
  });
  const gave = (name: string, callId: string, content: string, isError = false): ChatMessage => ({
    role: 'tool',
    callId,
    name,
    content,
    isError,
  });

  it('two outputs become one reply that says both', async () => {
    const { text, calls } = await ask([
      user('What is the weather in Paris and what time is it in Tokyo?'),
      {
        role: 'assistant',
        content: '',
        toolCalls: [
          { callId: 'a', name: 'get_weather', arguments: '{"location":"Paris"}' },
          { callId: 'b', name: 'get_time', arguments: '{"location":"Tokyo"}' },
        ],
      },
      gave('get_weather', 'a', '{"location":"Paris","condition":"sunny","temperatureC":21}'),
      gave('get_time', 'b', '{"location":"Tokyo","time":"3:42 PM"}'),
    ]);
    expect(text).toBe('In Paris it is sunny, with 21 degrees Celsius. In Tokyo it is 3:42 PM.');
    expect(calls).toEqual([]);
  });

  it.each([
    [
      'a tool error becomes an apology with the place',
      gave('get_weather', 'a', 'boom: at line 3', true),
      'I am sorry, I could not get the weather for Oslo.',
    ],
    ['plain text is read out', gave('get_weather', 'a', 'Sunny, 21 degrees'), 'Sunny, 21 degrees.'],
    [
      'another shape is read out field by field',
      gave('get_weather', 'a', '{"skyCover":"low","wind":[1,2]}'),
      'sky cover: low, wind: 1, 2.',
    ],
    ['nothing is still an answer', gave('get_weather', 'a', ''), 'Done.'],
    ['a tool no intent knows is read out', gave('get_news', 'a', '"All quiet"'), 'All quiet.'],
  ])('%s', async (_rule, output, expected) => {
    expect((await ask([user('weather in Oslo'), called('get_weather', 'a', 'Oslo'), output])).text).toBe(expected);
  });

  it('a user who speaks after the outputs is answered, not the outputs', async () => {
    const { calls } = await ask([
      user('weather in Oslo'),
      called('get_weather', 'a', 'Oslo'),
      gave('get_weather', 'a', '{}'),
      user('Stop. What time is it in London?'),
    ]);
    expect(calls).toEqual(['get_time {"location":"London"}']);
  });

  it('without the tool, or with toolChoice none, it says that it can not', async () => {
    expect((await ask([user('weather in Oslo')], { tools: [] })).text).toBe('I can not look up the weather right now.');
    expect((await ask([user('weather in Oslo')], { toolChoice: 'none' })).calls).toEqual([]);
  });
});

describe('a conversation', () => {
  it('a missing place is asked for, and the bare answer is enough', async () => {
    const first = await ask([user('What is the weather?')]);
    expect(first.calls).toEqual([]);
    const history = [user('What is the weather?'), agent(first.text)];
    expect((await ask([...history, user('Paris.')])).calls).toEqual(['get_weather {"location":"Paris"}']);
    expect((await ask([...history, user('In Little Hampton.')])).calls).toEqual([
      'get_weather {"location":"Little Hampton"}',
    ]);
    expect((await ask([...history, user('Never mind.')])).calls).toEqual([]);
  });

  it('"and in London?" asks the same for another place', async () => {
    const history = [user('What is the weather in Paris?'), agent('In Paris it is sunny.')];
    expect((await ask([...history, user('And in London?')])).calls).toEqual(['get_weather {"location":"London"}']);
  });

  it('"say that again" says the last reply again', async () => {
    expect((await ask([user('hi'), agent('In Paris it is sunny.'), user('Say that again.')])).text).toBe(
      'In Paris it is sunny.',
    );
  });

  it('a sentence that came in two utterances is one question', async () => {
    const { calls } = await ask([agent('Hello!'), user('I would like to know the'), user('weather in Berlin.')]);
    expect(calls).toEqual(['get_weather {"location":"Berlin"}']);
  });
});

describe('own intents', () => {
  const timer: Intent = {
    name: 'timer',
    examples: ['set a timer for {minutes} minutes', 'wake me in {minutes} minutes'],
    slots: { minutes: 'number', day: 'date' },
    tool: 'set_timer',
    ask: 'For how many minutes?',
    reply: 'I have no timer.',
    answer: ({ args }) => `Your timer for ${String(args.minutes)} minutes runs.`,
  };
  const tools = [tool('set_timer', 'minutes')];

  it.each([
    ['Set a timer for twenty five minutes.', 25],
    ['Set a timer for 1,500 minutes', 1500],
    ['set a timer for a hundred and ten minutes', 110],
  ])('%j finds the number', async (said, minutes) => {
    const { calls } = await ask([user(said)], { tools }, intentLlm({ intents: [timer] }));
    expect(calls).toEqual([`set_timer ${JSON.stringify({ minutes })}`]);
  });

  it('values the tool has no parameter for are not sent, days come as dates', async () => {
    const clock = new VirtualClock({ epochMs: Date.UTC(2026, 0, 1, 12) });
    const withDay = [tool('set_timer', 'minutes', 'day')];
    const llm = intentLlm({ intents: [timer], clock });
    const { calls } = await ask([user('Set a timer for 5 minutes tomorrow')], { tools: withDay }, llm);
    expect(calls).toEqual(['set_timer {"minutes":5,"day":"2026-01-02"}']);
  });

  it('an answer that throws is replaced by the output', async () => {
    const llm = intentLlm({
      intents: [
        {
          ...timer,
          answer: () => {
            throw new Error('no');
          },
        },
      ],
    });
    const messages: ChatMessage[] = [
      user('x'),
      { role: 'tool', callId: 'a', name: 'set_timer', content: 'ok', isError: false },
    ];
    expect((await ask(messages, {}, llm)).text).toBe('ok.');
  });

  it.each([
    [{ intents: [] }, 'intents'],
    [{ intents: [timer, timer] }, 'intents'],
    [{ intents: [{ ...timer, examples: [] }] }, 'intents.0.examples'],
    [{ outOfScope: '' }, 'outOfScope'],
  ])('bad options are refused by name: %#', (options, field) => {
    expect(() => intentLlm(options)).toThrow(expect.objectContaining({ code: 'ERR_OPTION', field }) as AgentError);
  });
});
