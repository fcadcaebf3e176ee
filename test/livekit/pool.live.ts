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
  const shares = workers.map(jobsOf);
  expect(shares.flat().sort()).toEqual(callers.map(({ room }) => room).sort());
  console.log(`shares of 8 calls: ${shares.map((rooms) => rooms.length).join(' and ')}`);
  // Each offer goes to one of two at random, by load: that one gets all eight happens once in 128 runs at equal load.
  expect(Math.min(...shares.map((rooms) => rooms.length))).toBeGreaterThan(0);
  const answersMs = await Promise.all(callers.map((caller) => caller.turn()));
  expect(answersMs).toHaveLength(8);
});

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
  expect(worker.said('job succeeded')).toHaveLength(1);
  expect(worker.hostPids.filter(isAlive)).toEqual([]);
  await vi.waitFor(() => expect(caller?.company).toEqual([]), { timeout: 5_000 });
});
