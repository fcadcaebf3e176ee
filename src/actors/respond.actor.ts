// One step of a reply: the model's stream becomes text for the voice and recorded tool calls.
import type { AudioFrame } from '../audio/frame.ts';
import type { TextWriter } from '../audio/output-link.ts';
import { AgentError, toAgentError } from '../errors.ts';
import type { ChatChunk, ChatMessage, ChatTool, Llm } from '../providers/llm.ts';

/** What one step works with; read from the ledger when the step begins. */
export interface RespondScope {
  readonly llm: Llm;
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly ChatTool[];
  readonly writer: TextWriter;
  now(): number;
  /** False when another incarnation of the turn has taken over: this one must not write any more. */
  isCurrent(): boolean;
  /** Opens the history item of this step's text and returns its id. */
  beginItem(): string;
  /** Before each piece of text goes to the voice. */
  onText(): void;
  /** Records a call; returns false for one that was recorded before. */
  onCall(call: { readonly callId: string; readonly name: string; readonly arguments: string }): boolean;
  onUsage(inputTokens: number, outputTokens: number): void;
  /** The first text, the first call, then at most two a second. */
  onProgress(isFirstText: boolean): void;
  onEnd(text: string): void;
}

/** Ready-made text: `say`, the fallback, with its audio when that was made beforehand. */
export interface ReciteScope extends Pick<RespondScope, 'writer' | 'beginItem' | 'onText' | 'onEnd'> {
  readonly text: string;
  readonly frames: readonly AudioFrame[] | undefined;
}

const PROGRESS_EVERY_MS = 500;

/**
 * Returns the number of tool calls that were recorded.
 * @throws AgentError `ERR_PROVIDER` when the model failed, and when all it did was to call tools where it may call none
 */
export async function respond(scope: RespondScope, isLastStep: boolean, signal: AbortSignal): Promise<number> {
  let itemId: string | null = null;
  let text = '';
  let calls = 0;
  let refusedCalls = 0;
  let progressAtMs = Number.NEGATIVE_INFINITY;
  const progress = (isFirstText: boolean) => {
    const now = scope.now();
    if (!isFirstText && now - progressAtMs < PROGRESS_EVERY_MS) return;
    scope.onProgress(isFirstText);
    progressAtMs = now;
  };
  const { llm, messages, tools } = scope;
  const toolChoice = isLastStep || tools.length === 0 ? 'none' : 'auto';
  const take = (chunk: ChatChunk) => {
    if (!scope.isCurrent()) return calls;
    switch (chunk.type) {
      case 'text': {
        const piece = String(chunk.text).toWellFormed();
        if (piece === '') return;
        const isFirst = itemId === null;
        if (itemId === null) {
          itemId = scope.beginItem();
          scope.writer.begin(itemId);
        }
        text += piece;
        scope.onText();
        scope.writer.write(piece);
        progress(isFirst);
        return;
      }
      case 'toolCall':
        if (toolChoice === 'none') {
          refusedCalls++;
          return;
        }
        if (scope.onCall(callOf(chunk))) calls++;
        progress(false);
        return;
      case 'usage':
        scope.onUsage(chunk.inputTokens, chunk.outputTokens);
        return;
    }
  };
  const stream = new ChunkReader(() => llm.chat({ messages, tools, toolChoice, signal }), llm.label, signal);
  try {
    for (let chunk = await stream.next(); chunk !== null; chunk = await stream.next()) take(chunk);
  } finally {
    stream.release();
  }
  // Silence would be the answer.
  if (refusedCalls > 0 && text.trim() === '' && scope.isCurrent())
    throw new AgentError('ERR_PROVIDER', `${llm.label} called a tool though it was asked for words`, {
      fix: 'Look whether the model honours `toolChoice`, or raise `maxToolSteps`',
    });
  if (itemId !== null) {
    scope.writer.end();
    scope.onEnd(text);
  }
  return calls;
}

/** Hands ready-made text, or its ready-made audio, to the output link. */
export function recite({ text, frames, writer, beginItem, onText, onEnd }: ReciteScope): void {
  const spoken = text.toWellFormed();
  const itemId = beginItem();
  onText();
  if (frames !== undefined) {
    writer.play(itemId, spoken, frames);
  } else {
    writer.begin(itemId);
    writer.write(spoken);
    writer.end();
  }
  onEnd(spoken);
}

function callOf(chunk: Extract<ChatChunk, { type: 'toolCall' }>): { callId: string; name: string; arguments: string } {
  return { callId: String(chunk.callId), name: String(chunk.name), arguments: String(chunk.arguments) };
}

/**
 * Reads a stream that may ignore its signal, hang or throw; ends at once when the signal aborts. A class and not a
 * generator: each layer of generator costs several turns of the promise queue for every token.
 */
class ChunkReader {
  readonly #open: () => AsyncIterable<ChatChunk>;
  readonly #label: string;
  readonly #signal: AbortSignal;
  readonly #onAbort = () => this.#stop();
  #iterator: AsyncIterator<ChatChunk> | undefined;
  #stop: () => void = () => {};

  constructor(open: () => AsyncIterable<ChatChunk>, label: string, signal: AbortSignal) {
    this.#open = open;
    this.#label = label;
    this.#signal = signal;
    signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** The next chunk; null at the end and after an abort. */
  next(): Promise<ChatChunk | null> {
    return new Promise((resolve, reject) => {
      if (this.#signal.aborted) return resolve(null);
      this.#stop = () => resolve(null);
      const fail = (error: unknown) => reject(toAgentError(error, 'ERR_PROVIDER', `${this.#label} failed`));
      try {
        this.#iterator ??= this.#open()[Symbol.asyncIterator]();
        Promise.resolve(this.#iterator.next()).then((step) => {
          if (step.done === true) resolve(null);
          else if (typeof step.value === 'object' && step.value !== null) resolve(step.value);
          else fail(new AgentError('ERR_PROVIDER', `${this.#label} sent a chunk that is not an object`));
        }, fail);
      } catch (error) {
        fail(error);
      }
    });
  }

  release(): void {
    this.#signal.removeEventListener('abort', this.#onAbort);
    // Not awaited: a stream that ignores its end must not hold the turn.
    if (this.#signal.aborted) abandon(this.#iterator);
  }
}

function abandon(iterator: AsyncIterator<unknown> | undefined): void {
  try {
    Promise.resolve(iterator?.return?.()).catch(() => {});
  } catch {
    // A stream that throws when it is let go has nothing left to say.
  }
}
