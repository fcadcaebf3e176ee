import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, inject, test, vi } from 'vitest';
import { isAlive } from '../is-alive.ts';
import { dispatchClient } from './api-clients.ts';
import type { Caller } from './callers.ts';
import { PoolRun } from './pool-run.ts';
import type { WorkerProcess } from './worker-process.ts';

/** A new agent says something at once, so that it is heard. */
const greets = { env: { GREETING: 'one two three four five six' } };
const HEARD_AGAIN_MS = 5_000;
/** The server looks for somebody for so long: 5 s to find out who serves a name, 3 s to hand the job out. It does not say when it gives up. */
const GIVEN_UP_MS = 8_000;

let run: PoolRun;

beforeEach(() => {
  run = new PoolRun(inject('livekit'));
});
afterEach(() => run.end());

/** Kills the processes that carry calls; resolves with the time. */
async function killHosts(worker: WorkerProcess): Promise<number> {
  const { hosts } = await worker.status();
  const atMs = Date.now();
  for (const { jobs, pid } of hosts) if (jobs > 0 && pid !== undefined) process.kill(pid, 'SIGKILL');
  return atMs;
}

/** For each caller: milliseconds until a new agent is heard, from `marks` on. */
async function heardAgain(callers: readonly Caller[], marks: readonly number[], sinceMs: number, limitMs: number) {
  return Promise.all(
    callers.map(async (caller, i) => {
      const from = marks[i] ?? 0;
      const track = await caller.until('track', { from, limitMs });
      const sound = await caller.sound(caller.events.indexOf(track), limitMs);
      return sound.atMs - sinceMs;
    }),
  );
}

const dispatches = dispatchClient(inject('livekit'));

/** Those for the agent of this test; a room that was opened without any has one for agents without a name. */
async function dispatchesIn(room: string) {
  return (await dispatches.listDispatch(room)).filter(({ agentName }) => agentName === run.agentName);
}

test('a room that nobody took is taken by a worker that starts later', async () => {
  const callers = await run.wait(2);
  for (const caller of callers) await run.dispatch(caller);
  await delay(GIVEN_UP_MS);
  const worker = await run.worker();
  const atMs = Date.now();
  await Promise.all(callers.map((caller) => caller.until('track', { limitMs: 20_000 })));
  // It was the worker that asked for them again, not the server that still handed them out.
  expect(worker.said('room dispatched again').map(({ why }) => why)).toEqual(['no agent', 'no agent']);
  console.log(`worker registered -> agents in rooms that nobody took: ${Date.now() - atMs} ms`);
  await Promise.all(callers.map((caller) => caller.turn()));
  for (const { room, company } of callers) {
    expect(company).toHaveLength(1);
    expect(await dispatchesIn(room)).toHaveLength(1);
  }
}, 60_000);

test('a host that is killed: an agent is heard again in each of its rooms within 5 s, and the dead one is gone', async () => {
  const worker = await run.worker({}, greets);
  const callers = await run.calls(4);
  await Promise.all(callers.map((caller) => caller.turn()));
  const marks = callers.map(({ mark }) => mark);
  const before = callers.map(({ company }) => company);
  const sinceMs = await killHosts(worker);
  const heardMs = await heardAgain(callers, marks, sinceMs, HEARD_AGAIN_MS);
  console.log(`host killed -> a new agent is heard: ${heardMs.join(', ')} ms`);
  for (const ms of heardMs) expect(ms).toBeLessThan(HEARD_AGAIN_MS);
  await Promise.all(callers.map((caller) => caller.turn()));
  for (const [i, { company, room }] of callers.entries()) {
    expect(company).toHaveLength(1);
    expect(company).not.toEqual(before[i]);
    expect(await dispatchesIn(room)).toHaveLength(1);
  }
}, 60_000);

test('worker and hosts all killed: the other worker takes the rooms over', async () => {
  const lost = await run.worker();
  const callers = await run.calls(3);
  await Promise.all(callers.map((caller) => caller.turn()));
  const other = await run.worker({}, greets);
  const marks = callers.map(({ mark }) => mark);
  lost.signal('SIGKILL');
  const sinceMs = await killHostsOf(lost);
  const heardMs = await heardAgain(callers, marks, sinceMs, 50_000);
  const goneMs = callers.map(({ events }, i) => events.slice(marks[i]).find(({ type }) => type === 'went')?.atMs ?? 0);
  console.log(`worker and hosts killed -> the server notices: ${goneMs.map((atMs) => atMs - sinceMs).join(', ')} ms`);
  console.log(`worker and hosts killed -> the other worker is heard: ${heardMs.join(', ')} ms`);
  await Promise.all(callers.map((caller) => caller.turn()));
  expect(other.said('job running')).toHaveLength(3);
  expect(callers.map(({ company }) => company.length)).toEqual([1, 1, 1]);
}, 90_000);

test('an agent without a name is dispatched again too', async () => {
  const [caller] = await run.wait(1);
  if (caller === undefined) throw new Error('no caller');
  const worker = await run.worker({}, { agentName: '', ...greets });
  // A first try that the server gave to nobody is seen as such after 8 s and two looks.
  await caller.until('track', { limitMs: 40_000 });
  const mark = caller.mark;
  const sinceMs = await killHosts(worker);
  const [heardMs] = await heardAgain([caller], [mark], sinceMs, HEARD_AGAIN_MS);
  console.log(`host of an agent without a name killed -> heard: ${heardMs} ms`);
  expect(heardMs).toBeLessThan(HEARD_AGAIN_MS);
}, 90_000);

test('a room whose dispatch was deleted stays without an agent', async () => {
  await run.worker();
  const [caller] = await run.calls(1);
  if (caller === undefined) throw new Error('no caller');
  const [dispatch] = await dispatchesIn(caller.room);
  await dispatches.deleteDispatch(dispatch?.id ?? '', caller.room);
  await vi.waitFor(() => expect(caller.company).toEqual([]), { timeout: 10_000 });
  await delay(12_000); // several looks
  expect(caller.company).toEqual([]);
  expect(await dispatchesIn(caller.room)).toEqual([]);
}, 60_000);

async function killHostsOf({ hostPids }: WorkerProcess): Promise<number> {
  const atMs = Date.now();
  for (const pid of hostPids.filter(isAlive)) process.kill(pid, 'SIGKILL'); // the spare may be gone already
  return atMs;
}
