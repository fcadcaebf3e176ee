import { spawn } from 'node:child_process';
import { JobStatus } from '@livekit/protocol';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { realClock } from '../../../src/clock.ts';
import { randomIds } from '../../../src/ids.ts';
import { forkHost } from '../../../src/worker/host/fork-host.ts';
import { HostPool } from '../../../src/worker/host/host-pool.ts';
import { silentLogger } from '../../../src/worker/logger.ts';
import { WorkerManager } from '../../../src/worker/worker-manager.ts';
import worker from '../../cli/fixtures/idle-worker.ts';
import { AgentEndpoint } from '../agent-endpoint.ts';

const SECRET = 'a-secret-of-more-than-thirty-two-chars';
const FILE = new URL('../../cli/fixtures/idle-worker.ts', import.meta.url).pathname;
const MAIN = new URL('../../../src/cli/main.ts', import.meta.url).pathname;
let endpoint: AgentEndpoint;
let url: string;

beforeEach(async () => {
  endpoint = new AgentEndpoint(SECRET);
  url = await endpoint.listen();
});
afterEach(() => endpoint.close());

const eventually = (check: () => void) => vi.waitFor(check, { timeout: 20_000, interval: 20 });
const statuses = () => endpoint.side.statuses.map(({ jobId, status }) => `${jobId} ${JobStatus[status]}`);

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('jobs run in host processes; a host that is killed fails its jobs alone, and no process is left at the end', async () => {
  const common = { clock: realClock, ids: randomIds, logger: silentLogger };
  const pool = new HostPool({ ...common, fork: forkHost(FILE, 'silent'), maxJobs: 4, sessionsPerHost: 1 });
  const manager = new WorkerManager(worker, {
    url,
    apiKey: 'k',
    apiSecret: SECRET,
    cpu: () => 0,
    runner: pool,
  });
  await manager.start();
  try {
    await eventually(() => expect(manager.status.state).toBe('available'));
    endpoint.side.offer('AJ_1');
    await eventually(() => expect(statuses()).toEqual(['AJ_1 JS_RUNNING']));
    await eventually(() => expect(pool.hosts.map((host) => host.state)).toEqual(['full', 'ready']));
    endpoint.side.offer('AJ_2');
    await eventually(() => expect(statuses()).toContain('AJ_2 JS_RUNNING'));
    const [first] = pool.hosts.filter((host) => host.jobs === 1);
    process.kill(first?.pid ?? 0, 'SIGKILL');
    await eventually(() => expect(statuses()).toContain('AJ_1 JS_FAILED'));
    expect(manager.status.jobs.map((job) => job.jobId)).toEqual(['AJ_2']);
    const pids = pool.hosts.flatMap((host) => host.pid ?? []);
    await manager.stop();
    await eventually(() => expect(statuses()).toContain('AJ_2 JS_SUCCESS'));
    await eventually(() => expect(pids.filter(isAlive)).toEqual([]));
  } finally {
    await manager.stop();
  }
}, 60_000);

test('a worker that is killed leaves its calls to their hosts, which go when they are over', async () => {
  const env = { ...process.env, LIVEKIT_URL: url, LIVEKIT_API_KEY: 'k', LIVEKIT_API_SECRET: SECRET, JOB_MS: '3000' };
  const file = new URL('../../cli/fixtures/timed-worker.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [MAIN, 'start', file, '--no-health'], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (data) => {
    log += data;
  });
  const pids: number[] = [];
  try {
    await eventually(() => expect(endpoint.sides[0]?.loads.length).toBeGreaterThan(0));
    endpoint.side.offer('AJ_1');
    await eventually(() => expect(log).toContain('timed job begins'));
    pids.push(...[...log.matchAll(/"hostId":"[^"]+","pid":(\d+)/g)].map((match) => Number(match[1])));
    expect(pids.length).toBeGreaterThan(0);
    child.kill('SIGKILL');
    // The spare leaves, the one with the call says its last line first.
    await eventually(() => expect(log).toContain('timed job ends'));
    await eventually(() => expect(pids.filter(isAlive)).toEqual([]));
  } finally {
    child.kill('SIGKILL');
    for (const pid of pids.filter(isAlive)) process.kill(pid, 'SIGKILL');
  }
}, 60_000);
