import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, inject, test, vi } from 'vitest';
import { isAlive } from '../is-alive.ts';
import { roomClient } from './api-clients.ts';
import type { Caller } from './callers.ts';
import { CALLER, PoolRun } from './pool-run.ts';
import { type LivekitServer, startOwnServer } from './server.ts';
import type { WorkerProcess } from './worker-process.ts';

let run: PoolRun;

beforeEach(() => {
  run = new PoolRun(inject('livekit'));
});
afterEach(() => run.end());

/**
 * After a restart of the server. The library of a caller can lose its microphone in it, for good (livekit/rust-sdks#1252), or
 * not come back at all: a caller from whom the server has no microphone calls again. The agent is to be there by itself, and
 * to hear a microphone that is there. Resolves with the caller who was answered.
 */
async function answered(own: PoolRun, caller: Caller): Promise<Caller> {
  const untilMs = Date.now() + 60_000;
  for (let calling = caller; ; ) {
    try {
      await calling.turn({ limitMs: 8_000 });
      return calling;
    } catch (cause) {
      const listed = await roomClient(own.access)
        .listParticipants(caller.room)
        .catch(() => []);
      const there = listed.map(({ identity, tracks }) => `${identity} with ${tracks.length} tracks`);
      console.log(`not answered in ${caller.room}, where the server has: ${there.join(', ') || 'nobody'}`);
      if (Date.now() > untilMs) throw new Error(`the server has ${there.join(', ') || 'nobody'}`, { cause });
      const known = listed.find(({ identity }) => identity === CALLER);
      if (known === undefined || known.tracks.length === 0)
        calling = await own.joinAgain(calling, { isKnown: known !== undefined });
    }
  }
}

const roomsOf = (worker: WorkerProcess) => worker.said('job running').map(({ room }) => room);

test('the calls of a killed worker go on to their end, new ones go to the next worker, and no process is left', async () => {
  const worker = await run.worker({ hosts: { sessionsPerHost: 2 } });
  const callers = await run.calls(4);
  await vi.waitFor(() => expect(worker.hostPids.length).toBeGreaterThanOrEqual(3), { timeout: 10_000 });
  const hosts = worker.hostPids;
  worker.signal('SIGKILL');
  await worker.exited;
  // The spare has nothing to do; the two hosts with calls stay.
  await vi.waitFor(() => expect(hosts.filter(isAlive)).toHaveLength(2), { timeout: 5_000 });
  const restarted = await run.worker();
  for (let turn = 0; turn < 2; turn++) await Promise.all(callers.map((caller) => caller.turn()));
  const [late] = await run.calls(1);
  await late?.turn();
  expect(roomsOf(restarted)).toEqual([late?.room]);
  // Still the agents of the killed worker, each alone with its caller.
  expect(callers.map(({ company }) => company.length)).toEqual([1, 1, 1, 1]);
  await Promise.all(callers.map((caller) => caller.leave()));
  await vi.waitFor(() => expect(hosts.filter(isAlive)).toEqual([]), { timeout: 10_000 });
}, 60_000);

test.each([
  ['an agent without a name, which every room gets', ''],
  ['an agent that the tokens of the callers ask for', 'by-token'],
])(
  'after a restart of the server a call still has one agent: %s',
  async (_, agentName) => {
    const server: LivekitServer = await startOwnServer();
    const own = new PoolRun(server);
    try {
      const worker = await own.worker({}, { agentName });
      const callers = await own.wait(2, agentName === '' ? [] : [agentName]);
      await Promise.all(callers.map((caller) => caller.served(20_000)));
      await Promise.all(callers.map((caller) => caller.turn()));
      const line = worker.lines.length;
      await server.restart();
      await worker.until('registered', { from: line, limitMs: 30_000 });
      const back = await Promise.all(callers.map((caller) => answered(own, caller)));
      const atMs = Date.now();
      while (Date.now() - atMs < 15_000) {
        for (const { company } of back) expect(company.length).toBeLessThanOrEqual(1);
        await delay(100);
      }
      expect(back.map(({ company }) => company.length)).toEqual([1, 1]);
      // Nobody is new in its room.
      expect(roomsOf(worker).sort()).toEqual(callers.map(({ room }) => room).sort());
      console.log(`jobs asked for again: ${worker.said('the call outlived its server').length} of ${callers.length}`);
    } finally {
      await own.end();
      await server.stop();
    }
  },
  150_000,
);

test('a server that was restarted gets its worker back, health is red meanwhile, and its calls go on', async () => {
  const server: LivekitServer = await startOwnServer();
  const own = new PoolRun(server);
  try {
    const worker = await own.worker();
    const callers = await own.calls(2);
    await Promise.all(callers.map((caller) => caller.turn()));
    expect((await worker.ask('/health')).status).toBe(200);
    const line = worker.lines.length;
    await server.restart(async () => {
      await worker.until('socket lost', { from: line });
      expect((await worker.ask('/health')).status).toBe(503);
    });
    const atMs = Date.now();
    await worker.until('registered', { from: line, limitMs: 30_000 });
    console.log(`server answers -> worker registered: ${Date.now() - atMs} ms`);
    await vi.waitFor(async () => expect((await worker.ask('/health')).status).toBe(200), { timeout: 5_000 });
    const [late] = await own.calls(1);
    await late?.turn();
    await Promise.all(callers.map((caller) => answered(own, caller)));
  } finally {
    await own.end();
    await server.stop();
  }
}, 150_000);
