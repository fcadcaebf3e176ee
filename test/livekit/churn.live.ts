import { afterEach, beforeEach, expect, inject, test, vi } from 'vitest';
import { isAlive } from '../is-alive.ts';
import { PoolRun } from './pool-run.ts';
import { useOf, type WorkerProcess } from './worker-process.ts';

let run: PoolRun;

beforeEach(() => {
  run = new PoolRun(inject('livekit'));
});
afterEach(() => run.end());

const ROOMS = 200;
const ROOMS_PER_HOST = 25;
const AT_ONCE = 5;

/** Of the worker and of its hosts together. */
async function useOfPool(worker: WorkerProcess) {
  const { hosts } = await worker.status();
  const pids = hosts.flatMap(({ pid }) => pid ?? []);
  const uses = [worker.pid, ...pids].map(useOf);
  const sum = (key: 'threads' | 'handles' | 'rssMb') => uses.reduce((all, use) => all + use[key], 0);
  return { processes: uses.length, threads: sum('threads'), handles: sum('handles'), rssMb: sum('rssMb') };
}

const isIdle = async (worker: WorkerProcess) => {
  const { jobs, hosts } = await worker.status();
  expect(jobs).toEqual([]);
  expect(hosts.map(({ state }) => state)).toEqual(['ready']);
};

test('200 rooms joined and left leave nothing behind: threads, handles and memory of the pool are back to base', async () => {
  const worker = await run.worker({ hosts: { recycleAfterJobs: ROOMS_PER_HOST } });
  await vi.waitFor(() => isIdle(worker), { timeout: 10_000 });
  const before = await useOfPool(worker);
  let begun = 0;
  let answered = 0;
  const callOneAfterAnother = async () => {
    while (begun < ROOMS) {
      // Some of them talk, the others hang up at once.
      const isTalkative = begun++ % 10 === 0;
      const [caller] = await run.calls(1);
      // Long enough to be heard although the agent gets the microphone a moment after it is there.
      if (isTalkative) await caller?.turn({ spokenMs: 1_500 });
      answered += Number(isTalkative);
      await caller?.leave();
    }
  };
  const fromMs = Date.now();
  await Promise.all(Array.from({ length: AT_ONCE }, callOneAfterAnother));
  const tookS = Math.round((Date.now() - fromMs) / 1_000);
  await vi.waitFor(() => isIdle(worker), { timeout: 30_000, interval: 250 });
  // Connections to the server's API come and go; one handle kept for every tenth room would be too many.
  const base = before.handles + ROOMS / 10;
  await vi.waitFor(async () => expect((await useOfPool(worker)).handles).toBeLessThanOrEqual(base), {
    timeout: 30_000,
    interval: 500,
  });
  const after = await useOfPool(worker);
  console.log(`${ROOMS} rooms in ${tookS} s, ${worker.hostPids.length} hosts: ${JSON.stringify({ before, after })}`);
  expect(answered).toBe(ROOMS / 10);
  expect(worker.said('job succeeded')).toHaveLength(ROOMS);
  expect(worker.hostPids.length).toBeGreaterThanOrEqual(ROOMS / ROOMS_PER_HOST);
  expect(after.processes).toBe(before.processes);
  expect(after.threads).toBeLessThanOrEqual(before.threads + 2);
  expect(after.rssMb).toBeLessThanOrEqual(before.rssMb + 100);
  const gone = worker.hostPids.filter((pid) => !isAlive(pid));
  expect(gone).toHaveLength(worker.hostPids.length - 1);
  worker.signal('SIGTERM');
  expect(await worker.exited).toEqual({ code: 0, signal: null });
  expect(worker.hostPids.filter(isAlive)).toEqual([]);
}, 240_000);
