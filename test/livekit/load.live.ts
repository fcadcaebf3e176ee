import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, inject, test, vi } from 'vitest';
import { PoolRun } from './pool-run.ts';

let run: PoolRun;

beforeEach(() => {
  run = new PoolRun(inject('livekit'));
});
afterEach(() => run.end());

const ROOMS = 10;
const TURNS = 4;

test('ten rooms at once: every turn is answered and the event loop keeps up', async () => {
  const worker = await run.worker();
  const callers = await run.calls(ROOMS);
  // Until the spare of the pool has started and the connections have settled.
  await worker.until('host ready', { fits: ({ pid }) => pid !== worker.hostPids[0] });
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  const answersMs: number[] = [];
  await Promise.all(
    callers.map(async (caller, index) => {
      // Not all in one breath: people do not begin to speak at the same moment.
      await new Promise((resolve) => setTimeout(resolve, index * 170));
      for (let turn = 0; turn < TURNS; turn++) answersMs.push(await caller.turn());
    }),
  );
  await callers[0]?.leave();
  const { p99Ms } = await worker.until('loop lag');
  answersMs.sort((a, b) => a - b);
  const at = (share: number) => answersMs[Math.floor(share * (answersMs.length - 1))];
  console.log(`${ROOMS} rooms: answers p50 ${at(0.5)} ms, p95 ${at(0.95)} ms; loop p99 ${p99Ms} ms`);
  expect(p99Ms).toBeLessThanOrEqual(50);
}, 90_000);

test('the only worker of a machine in full use is still given calls', async () => {
  const spinners = Array.from(
    { length: 4 },
    () => new Worker('for (;;);', { eval: true }), // every core, and more
  );
  try {
    const worker = await run.worker();
    // Two reports of the load: the first of them covers the start of the worker.
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    await vi.waitFor(async () => expect((await worker.status()).load).toBeGreaterThan(0.9), { timeout: 10_000 });
    const callers = await run.calls(2);
    expect(worker.said('job running')).toHaveLength(callers.length);
  } finally {
    await Promise.all(spinners.map((spinner) => spinner.terminate()));
  }
}, 60_000);
