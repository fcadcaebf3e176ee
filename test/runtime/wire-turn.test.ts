import { expect, test } from 'vitest';
import type { ChatRequest, Llm } from '../../src/providers/llm.ts';
import { startTestCall } from '../../src/testing/index.ts';
import { tool } from '../../src/tools/index.ts';

test('a model that gives every call the same id still reads each output with its own call', async () => {
  const requests: ChatRequest[] = [];
  const llm: Llm = {
    label: 'repeating',
    async *chat(request) {
      requests.push(request);
      const last = request.messages.at(-1);
      if (last?.role === 'user')
        yield { type: 'toolCall', callId: 'call', name: 'look', arguments: JSON.stringify({ at: last.content }) };
      else yield { type: 'text', text: 'Seen.' };
    },
  };
  const parameters = { type: 'object', properties: { at: { type: 'string' } } } as const;
  const look = tool({ name: 'look', description: 'Looks.', parameters, execute: ({ at }) => `seen ${at}` });
  const call = await startTestCall({ agent: { llm, tools: [look] } });
  call.session.sendText('one');
  await call.until(5_000);
  call.session.sendText('two');
  await call.until(10_000);
  const outputs = requests.at(-1)?.messages.flatMap((each) => (each.role === 'tool' ? [each.content] : []));
  expect(outputs).toEqual(['seen one', 'seen two']);
  await call.end();
});
