import { describe, expect, it } from 'vitest';
import { nextLoopTurn } from '../../../src/clock.ts';
import type { ChatChunk, ChatRequest, Llm } from '../../../src/providers/llm.ts';
import { llmConformance } from '../../../src/testing/conformance/llm.ts';

let calls = 0;

/** Calls the first tool for the word "weather", and says two words for everything else. */
async function* honest({ messages, tools, toolChoice, signal }: ChatRequest): AsyncGenerator<ChatChunk> {
  if (signal.aborted) return;
  const last = messages.at(-1);
  const tool = tools[0];
  if (last?.role === 'user' && last.content.includes('weather') && tool !== undefined && toolChoice === 'auto') {
    await nextLoopTurn();
    yield { type: 'toolCall', callId: `call_${++calls}`, name: tool.name, arguments: '{}' };
    return;
  }
  for (const text of ['Hello', ' there']) {
    await nextLoopTurn();
    if (signal.aborted) return;
    yield { type: 'text', text };
  }
  yield { type: 'usage', inputTokens: 1, outputTokens: 2 };
}

const made = (chat: Llm['chat']): Llm => ({ label: 'made up', chat });
const rules = (llm: Llm) => llmConformance(() => llm, { settle: nextLoopTurn, maxSettles: 200 });

/** An honest model whose chunks pass through `change`. */
const changing = (change: (chunk: ChatChunk, request: ChatRequest) => ChatChunk[]) =>
  made(async function* (request) {
    for await (const chunk of honest(request)) yield* change(chunk, request);
  });

const isGreeting = ({ messages }: ChatRequest) => messages.at(-1)?.content === 'Hello!';

const villains: readonly (readonly [rule: string, Llm])[] = [
  [
    'a greeting is answered with text',
    changing((chunk) => (chunk.type === 'text' ? [{ ...chunk, text: '' }] : [chunk])),
  ],
  [
    'a step answers: text, or at least one tool call',
    changing((chunk, request) => (isGreeting(request) ? [chunk] : [])),
  ],
  [
    'tool calls have their own ids and name offered tools only',
    changing((chunk) => (chunk.type === 'toolCall' ? [chunk, chunk] : [chunk])),
  ],
  [
    'ids of calls do not repeat over the steps of a conversation',
    changing((chunk) => [chunk.type === 'toolCall' ? { ...chunk, callId: 'call_1' } : chunk]),
  ],
  [
    'no tool is called when none is offered or toolChoice is none',
    made((request) => honest({ ...request, toolChoice: 'auto' })),
  ],
  [
    'tool outputs and tool errors are answered with text',
    changing((chunk, { messages }) => (messages.at(-1)?.role === 'tool' ? [] : [chunk])),
  ],
  [
    'an aborted step stops: no chunk after the abort',
    made(async function* (request) {
      if (!request.signal.aborted) yield* honest({ ...request, signal: new AbortController().signal });
    }),
  ],
  [
    'a step with an aborted signal yields nothing',
    made((request) =>
      request.signal.aborted ? honest({ ...request, signal: new AbortController().signal }) : honest(request),
    ),
  ],
  [
    'a reader may stop early',
    made((request) => {
      const inner = honest(request)[Symbol.asyncIterator]();
      return {
        [Symbol.asyncIterator]: () => ({ next: () => inner.next(), return: () => new Promise<never>(() => {}) }),
      };
    }),
  ],
  [
    'the request is not changed',
    made((request) => {
      if (request.messages.length > 2) (request.messages as unknown[]).pop(); // the rule is about code that does this
      return honest(request);
    }),
  ],
  [
    'hostile messages end, with text or an AgentError',
    made((request) => {
      if (request.messages.length === 0) throw new TypeError('messages[0] is undefined');
      return honest(request);
    }),
  ],
  [
    'two steps at once do not mix',
    (() => {
      let request: ChatRequest;
      return made((next) => {
        request = next;
        return (async function* () {
          await nextLoopTurn();
          yield* honest(request);
        })();
      });
    })(),
  ],
  [
    'usage comes at most once and counts tokens',
    changing((chunk) => (chunk.type === 'usage' ? [chunk, chunk] : [chunk])),
  ],
];

describe('the rules of an Llm', () => {
  it('hold for an honest one', async () => {
    for (const { rule, run } of rules(made(honest))) await expect(run(), rule).resolves.toBeUndefined();
  });

  it('have one villain each', () => {
    expect(villains.map(([rule]) => rule)).toEqual(rules(made(honest)).map(({ rule }) => rule));
  });

  it.each(villains)('%s: a villain is caught', async (rule, villain) => {
    const found = rules(villain).find((candidate) => candidate.rule === rule);
    await expect(found?.run()).rejects.toThrow();
  });
});
