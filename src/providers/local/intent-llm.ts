// The offline stand-in for a language model: intents instead of thought, behind the same streaming chat contract.
import { z } from 'zod';
import { type Clock, realClock } from '../../clock.ts';
import { toAgentError } from '../../errors.ts';
import { type Ids, randomIds } from '../../ids.ts';
import { parseOptions } from '../../options.ts';
import type { ChatChunk, ChatMessage, ChatRequest, ChatTool, Llm } from '../llm.ts';
import { type Intent, intentSchema } from './intent.ts';
import { sayOutcome } from './intent-answer.ts';
import { DEMO_INTENTS } from './intent-demo.ts';
import { type Dialogue, type Understanding, understandingOf, type Wish } from './intent-understanding.ts';

export interface IntentLlmOptions {
  /** What it understands. Default {@link DEMO_INTENTS}: weather, time, small talk and a few topics. */
  readonly intents?: readonly Intent[];
  /** Said when nothing matches. Default: that it is an offline stand-in, and what it can do. */
  readonly outOfScope?: string;
  readonly clock?: Clock;
  readonly ids?: Ids;
}

const OUT_OF_SCOPE =
  'I am sorry, I did not get that. I am only an offline stand-in for a language model. ' +
  'You can ask me for the weather or the time in a city.';

const optionsSchema = z.object({
  intents: z
    .array(intentSchema)
    .min(1, 'must hold at least one intent')
    .refine((intents) => new Set(intents.map(({ name }) => name)).size === intents.length, 'must have unique names')
    .optional(),
  outOfScope: z.string().min(1, 'must not be empty').default(OUT_OF_SCOPE),
});

/**
 * A model that works without network and weights. It calls the tools of its intents, several in one step when several
 * things are asked, and answers with templates. It is deterministic and understands English only.
 * @throws AgentError `ERR_OPTION`
 */
export function intentLlm(options: IntentLlmOptions = {}): Llm {
  const { clock = realClock, ids = randomIds } = options;
  const { outOfScope } = parseOptions(optionsSchema, { ...options }, 'intentLlm');
  const intents = options.intents ?? DEMO_INTENTS;
  let understanding: Understanding | undefined; // learned at the first request, so that making a model costs nothing

  async function* step(request: ChatRequest): AsyncGenerator<ChatChunk> {
    const outcomes = sayOutcomes(request.messages, intents);
    if (outcomes !== undefined) return yield* streamed(outcomes);
    understanding ??= understandingOf(intents);
    const dialogue = dialogueOf(request.messages, clock.wallNow());
    const wishes = dialogue.text.trim() === '' ? [] : await understanding.understand(dialogue);
    const deeds = wishes.map((wish) => decide(wish, request, dialogue));
    const text = deeds.flatMap((deed) => (deed.say === undefined ? [] : [deed.say])).join(' ');
    const calls = deeds.flatMap((deed) => (deed.call === undefined ? [] : [deed.call]));
    if (text !== '') yield* streamed(text);
    else if (calls.length === 0) yield* streamed(outOfScope);
    for (const call of calls) yield { type: 'toolCall', callId: ids.next('call'), ...call };
  }

  return {
    label: 'intents',
    async *chat(request) {
      if (request.signal.aborted) return;
      try {
        for await (const chunk of step(request)) {
          if (request.signal.aborted) return;
          yield chunk;
        }
      } catch (thrown) {
        throw toAgentError(thrown, 'ERR_PROVIDER', 'the offline model failed');
      }
    },
  };
}

interface Deed {
  readonly say?: string;
  readonly call?: { readonly name: string; readonly arguments: string };
}

/** Call the tool, ask for what is missing, or just answer. */
function decide({ intent, args }: Wish, { tools, toolChoice }: ChatRequest, { lastReply }: Dialogue): Deed {
  if (intent.repeatsLastReply === true) return { say: lastReply.trim() === '' ? intent.reply : lastReply };
  const tool = tools.find(({ name }) => name === intent.tool);
  if (tool === undefined || toolChoice === 'none') return { say: intent.reply };
  const missing = requiredOf(tool).filter((name) => args[name] === undefined);
  if (missing.length > 0 && intent.ask !== undefined) return { say: intent.ask };
  const known = Object.entries(args).filter(([name]) => takes(tool, name));
  return { call: { name: tool.name, arguments: JSON.stringify(Object.fromEntries(known)) } };
}

function requiredOf({ parameters }: ChatTool): readonly string[] {
  const required = parameters.required;
  return Array.isArray(required) ? required.filter((name): name is string => typeof name === 'string') : [];
}

/** A tool without a list of properties takes anything. */
function takes({ parameters }: ChatTool, name: string): boolean {
  const properties = parameters.properties;
  return typeof properties !== 'object' || properties === null || Object.hasOwn(properties, name);
}

/** Trailing tool outputs as one reply, or undefined when the last word is not a tool's. */
function sayOutcomes(messages: readonly ChatMessage[], intents: readonly Intent[]): string | undefined {
  const first = messages.findLastIndex((message) => message.role !== 'tool') + 1;
  const outputs = messages.slice(first).filter((message) => message.role === 'tool');
  if (outputs.length === 0) return undefined;
  const asked = messages[first - 1];
  const calls = asked?.role === 'assistant' ? (asked.toolCalls ?? []) : [];
  const said = outputs.map(({ callId, name, content, isError }) =>
    sayOutcome({
      intent: intents.find(({ tool }) => tool === name),
      arguments: calls.find((call) => call.callId === callId)?.arguments ?? '{}',
      content,
      isError,
    }),
  );
  return [...new Set(said)].join(' '); // two calls that failed alike deserve one apology
}

/** The user may have spoken several times since the last reply; all of it is one question. */
function dialogueOf(messages: readonly ChatMessage[], nowMs: number): Dialogue {
  const spoken = messages.filter((message) => message.role === 'user' || message.role === 'assistant');
  const lastReplyAt = spoken.findLastIndex(({ role, content }) => role === 'assistant' && content.trim() !== '');
  const since = spoken.slice(lastReplyAt + 1).filter(({ role }) => role === 'user');
  return {
    text: since.map(({ content }) => content).join(' '),
    earlierText: spoken.slice(0, lastReplyAt + 1).findLast(({ role }) => role === 'user')?.content ?? '',
    lastReply: spoken[lastReplyAt]?.content ?? '',
    nowMs,
  };
}

/** Word by word, as a remote model would send it. */
function* streamed(text: string): Generator<ChatChunk> {
  for (const piece of text.match(/\s*\S+|\s+$/g) ?? []) yield { type: 'text', text: piece };
}
