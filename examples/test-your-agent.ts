// A test of an agent: a whole spoken call, with its tool and an interruption, in some milliseconds and without network.
import assert from 'node:assert/strict';
import { tool } from 'livekitex-agent';
import { startTestCall } from 'livekitex-agent/testing';

const orders: unknown[] = [];
const order = tool({
  name: 'order',
  description: 'Order a dish',
  parameters: { type: 'object', properties: { dish: { type: 'string' } }, required: ['dish'] } as const,
  execute: ({ dish }) => {
    orders.push(dish);
    return `${dish} is on its way`;
  },
});

const call = await startTestCall({
  agent: { instructions: 'You are a waiter.', tools: [order] },
  // The model is scripted: what it answers to the last thing said, or to the output of a tool.
  answers: {
    'a soup please': { calls: [{ name: 'order', arguments: '{"dish":"soup"}' }] },
    'soup is on its way': { text: 'Your soup is on its way. Would you like some bread with it?' },
    'no thank you': { text: 'As you like.' },
  },
  tts: { durations: { 'Your soup is on its way. Would you like some bread with it?': 4_000, 'As you like.': 1_000 } },
});

// Times are of the virtual clock, in milliseconds since the start of the call.
call.user.speak('a soup please', { durationMs: 1_000 });
await call.until(3_500);
assert.equal(call.session.state, 'speaking');
assert.deepEqual(orders, ['soup']);

call.user.speak('no thank you', { durationMs: 1_000 });
await call.until(10_000);
assert.equal(call.session.state, 'idle');
const said = call.session.history.flatMap((item) => ('text' in item ? [item.text] : []));
assert.deepEqual(said, ['a soup please', 'Your soup is on its way.', 'no thank you', 'As you like.']);

await call.end();
console.log(`passed: ${said.join(' / ')}`);
