import { afterEach, beforeEach, expect, inject, test, vi } from 'vitest';
import { isAlive } from '../is-alive.ts';
import { PoolRun } from './pool-run.ts';
import type { WorkerProcess } from './worker-process.ts';

let run: PoolRun;

beforeEach(() => {
  run = new PoolRun(inject('livekit'));
});
afterEach(() => run.end());

const jobsOf = (worker: WorkerProcess) => worker.said('job running').map(({ room }) => String(room));

test('two workers share the calls, and each call is answered', async () => {
  const workers = [await run.worker(), await run.worker()];
  const callers = await run.calls(8);
  const shares = () => workers.map((worker) => jobsOf(worker).length);
  // Each offer goes to one of two at random, by load: at equal load one gets all eight once in 128 runs.
  while (Math.min(...shares()) === 0 && callers.length < 16) callers.push(...(await run.calls(2)));
  expect(workers.flatMap(jobsOf).sort()).toEqual(callers.map(({ room }) => room).sort());
  console.log(`shares of ${callers.length} calls: ${shares().join(' and ')}`);
  expect(Math.min(...shares())).toBeGreaterThan(0);
  await Promise.all(callers.map((caller) => caller.turn()));
}, 60_000);

test('ten dispatches within five seconds: every agent is in its room within two seconds', async () => {
  const worker = await run.worker();
  const callers = await run.wait(10);
  const took = await Promise.all(
    callers.map(async (caller, index) => {
      await new Promise((resolve) => setTimeout(resolve, index * 450));
      const atMs = await run.dispatch(caller);
      return (await caller.until('came')).atMs - atMs;
    }),
  );
  console.log(`dispatch -> agent in the room, ms: ${took.join(' ')}`);
  expect(Math.max(...took)).toBeLessThan(2_000);
  expect(jobsOf(worker)).toHaveLength(10);
});

test('a drain lets the running call go on, new calls go elsewhere, and the worker ends with 0 after it', async () => {
  const draining = await run.worker();
  const [caller] = await run.calls(1);
  draining.signal('SIGTERM');
  await draining.until('draining');
  expect((await draining.ask('/ready')).status).toBe(503);
  const other = await run.worker();
  const [late] = await run.calls(1);
  expect(jobsOf(other)).toEqual([late?.room]);
  await caller?.turn();
  await caller?.leave();
  expect(await draining.exited).toEqual({ code: 0, signal: null });
  expect(draining.hostPids.filter(isAlive)).toEqual([]);
  await late?.turn();
});

test('a second SIGTERM ends the calls', async () => {
  const worker = await run.worker();
  const [caller] = await run.calls(1);
  worker.signal('SIGTERM');
  await worker.until('draining');
  // Signals within a second count as one: npm sends each of them twice.
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  worker.signal('SIGTERM');
  expect(await worker.exited).toEqual({ code: 0, signal: null });
  // A process may be gone before its last lines are read.
  await worker.until('job succeeded');
  expect(worker.said('job succeeded')).toHaveLength(1);
  expect(worker.hostPids.filter(isAlive)).toEqual([]);
  await vi.waitFor(() => expect(caller?.company).toEqual([]), { timeout: 5_000 });
});
