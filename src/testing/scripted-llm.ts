// A language model for tests: answers the last message by a table, with timings on the clock.
import { type Clock, sleep } from '../clock.ts';
import { AgentError } from '../errors.ts';
import type { ChatChunk, ChatRequest, Llm, LlmCapabilities } from '../providers/llm.ts';

/** One answer. Times count from the request. */
export interface ScriptedAnswer {
  readonly text?: string;
  /** Left out where the request allows no tools. */
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
  /** Declares that it takes images; they are in `requests`. Default false. */
  readonly seesImages?: boolean;
}

export class ScriptedLlm implements Llm {
  readonly label = 'scripted llm';
  readonly capabilities: LlmCapabilities;
  /** Every request, in order. */
  readonly requests: ChatRequest[] = [];
  readonly #options: ScriptedLlmOptions;
  readonly #streams = new Set<(error: unknown) => void>();
  #callCount = 0;

  constructor(options: ScriptedLlmOptions) {
    this.#options = options;
    this.capabilities = { images: options.seesImages ?? false };
  }

  /** Breaks every answer in progress. */
  breakStreams(error: unknown = new AgentError('ERR_PROVIDER', 'the model broke')): void {
    for (const fail of [...this.#streams]) fail(error);
  }

  async *chat(request: ChatRequest): AsyncGenerator<ChatChunk> {
    let fail: (error: unknown) => void = () => {};
    const broken = new Promise<never>((_, reject) => {
      fail = reject;
    });
    broken.catch(() => {});
    this.#streams.add(fail);
    try {
      yield* this.#answer(request, broken);
    } finally {
      this.#streams.delete(fail);
    }
  }

  async *#answer(request: ChatRequest, broken: Promise<never>): AsyncGenerator<ChatChunk> {
    this.requests.push(request);
    const { clock, answers = {}, otherwise = () => ({ firstTokenMs: 0, durationMs: 0 }) } = this.#options;
    const last = request.messages.at(-1)?.content ?? '';
    const answer: ScriptedAnswer = Object.hasOwn(answers, last) ? (answers[last] ?? {}) : otherwise(last, request);
    const { text = '', calls = [], firstTokenMs = 100, durationMs = Math.max(300, firstTokenMs) } = answer;
    if (answer.hangs === true) await broken;
    if (firstTokenMs > 0) await Promise.race([sleep(clock, firstTokenMs, request.signal), broken]);
    if (answer.error !== undefined) throw answer.error;
    for (let at = 0; at < text.length && !request.signal.aborted; at += 3)
      yield { type: 'text', text: text.slice(at, at + 3) };
    if (answer.breaksWith !== undefined) throw answer.breaksWith;
    if (durationMs > firstTokenMs)
      await Promise.race([sleep(clock, durationMs - firstTokenMs, request.signal), broken]);
    if (request.signal.aborted) throw new AgentError('ERR_CLOSED', 'aborted');
    const mayCall = request.toolChoice !== 'none' && request.tools.length > 0;
    for (const { name, arguments: args = '{}' } of mayCall ? calls : [])
      yield { type: 'toolCall', callId: `call_${++this.#callCount}`, name, arguments: args };
    yield { type: 'usage', inputTokens: request.messages.length, outputTokens: text.length };
  }
}
