import { expect, test, vi } from 'vitest';
import { z } from 'zod';
import { startTestCall } from '../../src/testing/index.ts';
import { tool } from '../../src/tools/index.ts';

test('a call that is given up while its arguments are checked does not keep the breaker of its tool', async () => {
  const tried: string[] = [];
  let checked: () => void = () => {};
  const slowly = new Promise<void>((resolve) => {
    checked = resolve;
  });
  const parameters = z.object({ how: z.string() }).refine(async ({ how }) => {
    if (how === 'slow') await slowly;
    return true;
  });
  const look = tool({
    name: 'look',
    description: 'Looks.',
    parameters,
    maxRetries: 0,
    circuitBreaker: { failureThreshold: 1, recoveryTimeMs: 1_000 },
    execute: ({ how }) => {
      tried.push(how);
      if (how === 'broken') throw new Error('broken');
      return 'seen';
    },
  });
  const asking = (how: string) => ({ calls: [{ name: 'look', arguments: JSON.stringify({ how }) }] });
  const call = await startTestCall({
    agent: { tools: [look] },
    answers: { fail: asking('broken'), wait: asking('slow'), again: asking('well') },
  });
  call.session.sendText('fail');
  await call.until(2_000);
  call.session.sendText('wait');
  await call.until(4_000);
  checked();
  call.session.sendText('again');
  await call.until(6_000);
  expect(tried).toEqual(['broken', 'well']);
  await call.end();
});

test('the first failures of a tool, two in one tick, start one breaker that counts both, and xstate warns of nothing', async () => {
  const warned = vi.spyOn(console, 'warn').mockReturnValue();
  let tries = 0;
  const look = tool({
    name: 'look',
    description: 'Looks.',
    maxRetries: 0,
    circuitBreaker: { failureThreshold: 2, recoveryTimeMs: 60_000 },
    execute: () => {
      tries++;
      throw new Error('broken');
    },
  });
  const call = await startTestCall({
    agent: { tools: [look] },
    answers: { both: { calls: [{ name: 'look' }, { name: 'look' }] }, again: { calls: [{ name: 'look' }] } },
  });
  call.session.sendText('both');
  await call.until(5_000);
  call.session.sendText('again');
  await call.until(10_000);
  await call.end();
  expect(tries).toBe(2);
  expect(warned.mock.calls).toEqual([]);
  warned.mockRestore();
});
