// The promises of the Llm contract as rules that any adapter can be run against.
import { AgentError } from '../../errors.ts';
import type { ChatChunk, ChatMessage, ChatRequest, ChatTool, Llm } from '../../providers/llm.ts';
import {
  type ConformanceOptions,
  type ConformanceRule,
  HOSTILE_TEXTS,
  must,
  type Setting,
  settingOf,
  until,
} from './rule.ts';

export interface LlmConformanceOptions extends ConformanceOptions {
  /** A question that makes this model call one of `tools`. Default: the weather in Paris, `get_weather {location}`. */
  readonly toolQuestion?: string;
  readonly tools?: readonly ChatTool[];
  /** What the tool answers. Default: a sunny day as JSON. */
  readonly toolOutput?: string;
}

const WEATHER: ChatTool = {
  name: 'get_weather',
  description: 'The weather in a city.',
  parameters: { type: 'object', properties: { location: { type: 'string' } }, required: ['location'] },
};

/** Rules of the {@link Llm} contract. `make` gives a new adapter each time; run every rule, in any order. */
export function llmConformance(make: () => Llm, options: LlmConformanceOptions = {}): readonly ConformanceRule[] {
  const setting = settingOf(options);
  const question: ChatMessage = { role: 'user', content: options.toolQuestion ?? 'What is the weather in Paris?' };
  const tools = options.tools ?? [WEATHER];
  const output = options.toolOutput ?? '{"location":"Paris","condition":"sunny","temperatureC":21}';
  const rule = (name: string, run: (llm: Llm) => Promise<void>): ConformanceRule => ({
    rule: name,
    run: async () => run(make()),
  });
  const ask = (llm: Llm, request: Partial<ChatRequest>) => collect(setting, llm, request);

  return [
    rule('a greeting is answered with text', async (llm) => {
      const chunks = await ask(llm, { messages: [{ role: 'user', content: 'Hello!' }], tools });
      must(textOf(chunks).trim() !== '', 'no text came for a greeting');
      for (const chunk of chunks)
        if (chunk.type === 'text') must(typeof chunk.text === 'string' && chunk.text !== '', 'a text chunk was empty');
    }),

    rule('a step answers: text, or at least one tool call', async (llm) => {
      const chunks = await ask(llm, { messages: [question], tools });
      must(textOf(chunks).trim() !== '' || callsOf(chunks).length > 0, 'the step gave neither text nor a call');
    }),

    rule('tool calls have their own ids and name offered tools only', async (llm) => {
      const calls = callsOf(await ask(llm, { messages: [question], tools }));
      must(calls.length > 0, `no tool call came for ${JSON.stringify(question.content)}`);
      const names = new Set(tools.map((tool) => tool.name));
      for (const call of calls) {
        must(names.has(call.name), `${call.name} was called but not offered`);
        must(call.callId !== '', 'a call has an empty id');
        must(typeof call.arguments === 'string', 'arguments must be JSON text');
      }
      const ids = new Set(calls.map((call) => call.callId));
      must(ids.size === calls.length, 'two calls of one step share an id');
    }),

    rule('ids of calls do not repeat over the steps of a conversation', async (llm) => {
      const first = callsOf(await ask(llm, { messages: [question], tools }));
      const second = callsOf(await ask(llm, { messages: [question], tools }));
      const seen = new Set(first.map((call) => call.callId));
      must(!second.some((call) => seen.has(call.callId)), 'a later step used the id of an earlier call again');
    }),

    rule('no tool is called when none is offered or toolChoice is none', async (llm) => {
      const offered = await ask(llm, { messages: [question], tools, toolChoice: 'none' });
      must(callsOf(offered).length === 0, 'a tool was called although toolChoice is none');
      const without = await ask(llm, { messages: [question], tools: [] });
      must(callsOf(without).length === 0, 'a tool was called although none was offered');
    }),

    rule('tool outputs and tool errors are answered with text', async (llm) => {
      for (const isError of [false, true]) {
        const messages = [question, ...exchange(tools[0]?.name ?? '', isError ? 'service down' : output, isError)];
        const chunks = await ask(llm, { messages, tools, toolChoice: 'none' });
        must(textOf(chunks).trim() !== '', `no text came after a tool ${isError ? 'error' : 'output'}`);
      }
    }),

    rule('an aborted step stops: no chunk after the abort', async (llm) => {
      const abort = new AbortController();
      const request = { messages: [{ role: 'user', content: 'Hello!' } as const], tools, signal: abort.signal };
      let after = 0;
      const reading = (async () => {
        for await (const _ of llm.chat(requestOf(request))) {
          if (abort.signal.aborted) after++;
          abort.abort();
        }
      })();
      await settled(setting, reading, 'the stream went on after the abort');
      must(after === 0, `${after} chunks came after the abort`);
    }),

    rule('a step with an aborted signal yields nothing', async (llm) => {
      const abort = new AbortController();
      abort.abort();
      let count = 0;
      const reading = (async () => {
        const request = { messages: [{ role: 'user', content: 'Hello!' } as const], tools, signal: abort.signal };
        for await (const _ of llm.chat(requestOf(request))) count++;
      })();
      await settled(setting, reading, 'the stream did not end');
      must(count === 0, `${count} chunks came although the signal was aborted before`);
    }),

    rule('a reader may stop early', async (llm) => {
      const reading = (async () => {
        for await (const _ of llm.chat(requestOf({ messages: [{ role: 'user', content: 'Hello!' }], tools }))) break;
      })();
      await settled(setting, reading, 'leaving the loop hangs');
    }),

    rule('the request is not changed', async (llm) => {
      const messages: ChatMessage[] = [question, ...exchange(tools[0]?.name ?? '', output, false)];
      const before = JSON.stringify({ messages, tools });
      await ask(llm, { messages, tools });
      must(JSON.stringify({ messages, tools }) === before, 'messages or tools were changed');
    }),

    rule('hostile messages end, with text or an AgentError', async (llm) => {
      const odd: readonly ChatMessage[][] = [
        [],
        [{ role: 'system', content: 'Be brief.' }],
        [{ role: 'assistant', content: 'Hello.' }],
        [{ role: 'tool', callId: 'x', name: 'nobody_called_me', content: '{', isError: false }],
        [question, ...exchange(tools[0]?.name ?? '', '{"broken":', false)],
        [question, ...exchange(tools[0]?.name ?? '', 'null', false)],
        ...HOSTILE_TEXTS.map((content): ChatMessage[] => [{ role: 'user', content }]),
        [{ role: 'user', content: 'what is '.repeat(12_500) }],
      ];
      for (const messages of odd) {
        try {
          await ask(llm, { messages, tools });
        } catch (thrown) {
          const shown = JSON.stringify(messages).slice(0, 60);
          must(
            thrown instanceof AgentError,
            `${shown} made it throw something else than an AgentError: ${String(thrown)}`,
          );
        }
      }
    }),

    rule('two steps at once do not mix', async (llm) => {
      const hello: Partial<ChatRequest> = { messages: [{ role: 'user', content: 'Hello!' }], tools };
      const [one, two] = await Promise.all([ask(llm, hello), ask(llm, { messages: [question], tools })]);
      must(callsOf(one).length === 0 && textOf(one) !== '', 'the greeting got the answer of the other step');
      must(callsOf(two).length > 0, 'the question got the answer of the other step');
    }),

    rule('usage comes at most once and counts tokens', async (llm) => {
      const usages = (await ask(llm, { messages: [{ role: 'user', content: 'Hello!' }], tools })).filter(isUsage);
      must(usages.length <= 1, `usage came ${usages.length} times`);
      for (const { inputTokens, outputTokens } of usages)
        must(
          Number.isInteger(inputTokens) && inputTokens >= 0 && Number.isInteger(outputTokens) && outputTokens >= 0,
          `usage must be whole numbers >= 0, got ${inputTokens} and ${outputTokens}`,
        );
    }),
  ];
}

function requestOf(request: Partial<ChatRequest>): ChatRequest {
  return { messages: [], tools: [], toolChoice: 'auto', signal: new AbortController().signal, ...request };
}

async function collect(setting: Setting, llm: Llm, request: Partial<ChatRequest>): Promise<ChatChunk[]> {
  const chunks: ChatChunk[] = [];
  let thrown: { readonly error: unknown } | undefined;
  let ended = false;
  const reading = (async () => {
    for await (const chunk of llm.chat(requestOf(request))) chunks.push(chunk);
  })().then(
    () => {
      ended = true;
    },
    (error: unknown) => {
      thrown = { error };
      ended = true;
    },
  );
  await until(setting, () => ended, 'the step never ended');
  await reading;
  if (thrown !== undefined) throw thrown.error;
  return chunks;
}

/** Waits for the end of `reading`, whether it ends well or not. */
async function settled(setting: Setting, reading: Promise<void>, otherwise: string): Promise<void> {
  let ended = false;
  const mark = () => {
    ended = true;
  };
  reading.then(mark, mark);
  await until(setting, () => ended, otherwise);
}

function exchange(name: string, content: string, isError: boolean): ChatMessage[] {
  return [
    { role: 'assistant', content: '', toolCalls: [{ callId: 'call_1', name, arguments: '{"location":"Paris"}' }] },
    { role: 'tool', callId: 'call_1', name, content, isError },
  ];
}

type Usage = Extract<ChatChunk, { type: 'usage' }>;
const isUsage = (chunk: ChatChunk): chunk is Usage => chunk.type === 'usage';
const textOf = (chunks: readonly ChatChunk[]) =>
  chunks.map((chunk) => (chunk.type === 'text' ? chunk.text : '')).join('');
const callsOf = (chunks: readonly ChatChunk[]) => chunks.flatMap((chunk) => (chunk.type === 'toolCall' ? [chunk] : []));
