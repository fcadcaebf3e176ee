import { expect, test } from 'vitest';
import { messagesOf } from '../../src/runtime/chat-view.ts';
import type { ChatItem } from '../../src/runtime/ledger.ts';

const at = { turn: 1, createdAtMs: 0 };
const user = (text: string): ChatItem => ({ type: 'user', id: 'u', ...at, text });
const assistant = (text: string): ChatItem => ({ type: 'assistant', id: 'a', ...at, text, interrupted: false });
const call = (callId: string, turn = 1): ChatItem => ({
  type: 'toolCall',
  id: 'c',
  createdAtMs: 0,
  turn,
  callId,
  name: 'look',
  arguments: '{}',
});
const output = (callId: string): ChatItem => ({
  type: 'toolOutput',
  id: 'o',
  ...at,
  callId,
  name: 'look',
  output: `of ${callId}`,
  isError: false,
});
const asked = (callId: string) => ({ callId, name: 'look', arguments: '{}' });
const told = (callId: string) => ({ role: 'tool', callId, name: 'look', content: `of ${callId}`, isError: false });

test('instructions come first, and none are left out', () => {
  expect(messagesOf('Be kind.', [user('Hi')])).toEqual([
    { role: 'system', content: 'Be kind.' },
    { role: 'user', content: 'Hi' },
  ]);
  expect(messagesOf('', [])).toEqual([]);
});

test('text and calls of one step are one message, with the outputs right behind it', () => {
  const items = [user('Hi'), assistant('Let me look.'), call('1'), call('2'), output('2'), user('Well?'), output('1')];
  expect(messagesOf('', items)).toEqual([
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: 'Let me look.', toolCalls: [asked('1'), asked('2')] },
    told('1'),
    told('2'),
    { role: 'user', content: 'Well?' },
  ]);
});

test('what a tool said while it ran is told before its call, so that nothing stands between call and output', () => {
  const items = [
    user('Hi'),
    assistant('Let me look.'),
    call('1'),
    call('2'),
    assistant('One moment.'),
    output('1'),
    assistant('Almost there.'),
    output('2'),
    assistant('It rains.'),
  ];
  expect(messagesOf('', items)).toEqual([
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: 'Let me look.' },
    { role: 'assistant', content: 'One moment.' },
    { role: 'assistant', content: 'Almost there.', toolCalls: [asked('1'), asked('2')] },
    told('1'),
    told('2'),
    { role: 'assistant', content: 'It rains.' },
  ]);
});

test('a call without an output is left out', () => {
  expect(messagesOf('', [user('Hi'), call('1')])).toEqual([{ role: 'user', content: 'Hi' }]);
});

test('calls of two turns are two messages', () => {
  const messages = messagesOf('', [call('1'), call('2', 2), output('1'), output('2')]);
  expect(messages.map(({ role }) => role)).toEqual(['assistant', 'tool', 'assistant', 'tool']);
});

test('an answer that is not audible yet is not told to the model', () => {
  expect(messagesOf('', [user('Hi'), assistant('')])).toEqual([{ role: 'user', content: 'Hi' }]);
});
