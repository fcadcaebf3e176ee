// The history as a model reads it: calls stay beside their outputs, unheard text never existed.
import type { ChatMessage, ChatToolCall } from '../providers/llm.ts';
import type { ChatItem } from './ledger.ts';

/** Remembers the part of the history that cannot change any more, so that a request of a long call costs what is new in it. */
export class ChatView {
  #settled: readonly ChatMessage[] = NONE;
  /** Items in `#settled`. */
  #upTo = 0;

  /** As `messagesOf`, of a history that only grew at its end since the last time, or whose changes were told. */
  messages(instructions: string, items: readonly ChatItem[]): ChatMessage[] {
    const upTo = settledEnd(items, this.#upTo);
    if (upTo > this.#upTo) this.#settled = this.#settled.concat(build(items.slice(this.#upTo, upTo)));
    this.#upTo = upTo;
    return [...system(instructions), ...this.#settled, ...build(items.slice(upTo))];
  }

  /** The item at `index` was changed, removed or put there. */
  changed(index: number): void {
    if (index >= this.#upTo) return;
    this.#settled = NONE;
    this.#upTo = 0;
  }
}

const NONE: readonly ChatMessage[] = [];

/**
 * Messages for the next step. Every tool call has its output right after it, as chat APIs demand: outputs are moved to
 * their call, what a tool said before its output is put before the calls, and a call without an output is left out.
 */
export function messagesOf(instructions: string, items: readonly ChatItem[]): ChatMessage[] {
  return [...system(instructions), ...build(items)];
}

function system(instructions: string): readonly ChatMessage[] {
  return instructions === '' ? NONE : [{ role: 'system', content: instructions }];
}

/** The last user item before which every call has its output: nothing after it is told with something before it. */
function settledEnd(items: readonly ChatItem[], from: number): number {
  const open = new Set<string>();
  let end = from;
  for (let i = from; i < items.length; i++) {
    const item = items[i];
    if (item?.type === 'toolCall') open.add(item.callId);
    else if (item?.type === 'toolOutput') open.delete(item.callId);
    else if (item?.type === 'user' && open.size === 0) end = i;
  }
  return end;
}

/** Frozen, since later requests share them and models are not ours. */
function build(items: readonly ChatItem[]): readonly ChatMessage[] {
  const messages: ChatMessage[] = [];
  const outputs = new Map<string, { readonly at: number; readonly item: OutputItem }>();
  for (const [at, item] of items.entries()) if (item.type === 'toolOutput') outputs.set(item.callId, { at, item });
  const told = new Set<ChatItem>();
  for (let i = 0; i < items.length; i++) {
    const item = items[i];
    if (item === undefined) break;
    if (item.type === 'user') messages.push({ role: 'user', content: item.text });
    else if (item.type === 'assistant') {
      if (!told.has(item)) pushAssistant(messages, item.text);
    } else if (item.type === 'toolCall') {
      const calls: ChatToolCall[] = [];
      for (; i < items.length; i++) {
        const next = items[i];
        if (next?.type !== 'toolCall' || next.turn !== item.turn) break;
        if (outputs.has(next.callId)) calls.push({ callId: next.callId, name: next.name, arguments: next.arguments });
      }
      const last = Math.max(i, ...calls.map(({ callId }) => outputs.get(callId)?.at ?? i));
      for (const aside of asidesOf(items, i, last)) {
        told.add(aside);
        pushAssistant(messages, aside.text);
      }
      i--;
      pushCalls(messages, calls);
      for (const { callId } of calls) {
        const output = outputs.get(callId)?.item;
        if (output === undefined) continue;
        messages.push({ role: 'tool', callId, name: output.name, content: output.output, isError: output.isError });
      }
    }
  }
  for (const message of messages) freeze(message);
  return messages;
}

function freeze(message: ChatMessage): void {
  Object.freeze(message);
  if (message.role !== 'assistant' || message.toolCalls === undefined) return;
  Object.freeze(message.toolCalls);
  for (const call of message.toolCalls) Object.freeze(call);
}

type AssistantItem = Extract<ChatItem, { type: 'assistant' }>;
type OutputItem = Extract<ChatItem, { type: 'toolOutput' }>;

/** What the agent said from item `from` on and before `last`, the last output of these calls: it was said while they ran. */
function asidesOf(items: readonly ChatItem[], from: number, last: number): readonly AssistantItem[] {
  const turn = items[from - 1]?.turn;
  return items.slice(from, last).filter((item) => item.type === 'assistant' && item.turn === turn) as AssistantItem[]; // by the filter
}

function pushAssistant(messages: ChatMessage[], text: string): void {
  if (text !== '') messages.push({ role: 'assistant', content: text });
}

/** Text and calls of one step are one message. */
function pushCalls(messages: ChatMessage[], calls: readonly ChatToolCall[]): void {
  if (calls.length === 0) return;
  const last = messages.at(-1);
  if (last?.role === 'assistant' && last.toolCalls === undefined)
    messages[messages.length - 1] = { ...last, toolCalls: calls };
  else messages.push({ role: 'assistant', content: '', toolCalls: calls });
}
