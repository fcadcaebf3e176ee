// The history as a model reads it: calls stay beside their outputs, unheard text never existed.
import type { ChatMessage, ChatToolCall } from '../providers/llm.ts';
import type { ChatItem } from './ledger.ts';

/**
 * Messages for the next step. Every tool call has its output right after it, as chat APIs demand: outputs are moved to
 * their call, what a tool said before its output is put before the calls, and a call without an output is left out.
 */
export function messagesOf(instructions: string, items: readonly ChatItem[]): ChatMessage[] {
  const messages: ChatMessage[] = instructions === '' ? [] : [{ role: 'system', content: instructions }];
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
  return messages;
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
