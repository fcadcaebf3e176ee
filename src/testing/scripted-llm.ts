// A language model for tests: answers the last message by a table, with timings on the clock.
import { type Clock, sleep } from '../clock.ts';
import { AgentError } from '../errors.ts';
import type { ChatChunk, ChatRequest, Llm } from '../providers/llm.ts';

/** One answer. Times count from the request. */
export interface ScriptedAnswer {
  readonly text?: string;
  readonly calls?: readonly { readonly name: string; readonly arguments?: string }[];
  /** Until the text, which then comes in pieces of three characters. Default 100. */
  readonly firstTokenMs?: number;
  /** Until the tool calls and the end. Default 300. */
  readonly durationMs?: number;
  /** Throws instead of answering. */
  readonly error?: unknown;
  /** Throws after its text. */
  readonly breaksWith?: unknown;
  /** Never answers, and ignores its abort. */
  readonly hangs?: boolean;
}

export interface ScriptedLlmOptions {
  readonly clock: Clock;
  /** Answers by the text of the last message: what the user said, or the output of a tool. */
  readonly answers?: Readonly<Record<string, ScriptedAnswer>>;
  /** For texts the table does not know. Default: an empty reply at once. */
  readonly otherwise?: (lastText: string, request: ChatRequest) => ScriptedAnswer;
}

export class ScriptedLlm implements Llm {
  readonly label = 'scripted llm';
  /** Every request, in order. */
  readonly requests: ChatRequest[] = [];
  readonly #options: ScriptedLlmOptions;
  #callCount = 0;

  constructor(options: ScriptedLlmOptions) {
    this.#options = options;
  }

  async *chat(request: ChatRequest): AsyncGenerator<ChatChunk> {
    this.requests.push(request);
    const { clock, answers = {}, otherwise = () => ({ firstTokenMs: 0, durationMs: 0 }) } = this.#options;
    const last = request.messages.at(-1)?.content ?? '';
    const answer: ScriptedAnswer = Object.hasOwn(answers, last) ? (answers[last] ?? {}) : otherwise(last, request);
    const { text = '', calls = [], firstTokenMs = 100, durationMs = Math.max(300, firstTokenMs) } = answer;
    if (answer.hangs === true) await new Promise(() => {});
    if (firstTokenMs > 0) await sleep(clock, firstTokenMs, request.signal);
    if (answer.error !== undefined) throw answer.error;
    for (let at = 0; at < text.length && !request.signal.aborted; at += 3)
      yield { type: 'text', text: text.slice(at, at + 3) };
    if (answer.breaksWith !== undefined) throw answer.breaksWith;
    if (durationMs > firstTokenMs) await sleep(clock, durationMs - firstTokenMs, request.signal);
    if (request.signal.aborted) throw new AgentError('ERR_CLOSED', 'aborted');
    for (const { name, arguments: args = '{}' } of calls)
      yield { type: 'toolCall', callId: `call_${++this.#callCount}`, name, arguments: args };
    yield { type: 'usage', inputTokens: request.messages.length, outputTokens: text.length };
  }
}
