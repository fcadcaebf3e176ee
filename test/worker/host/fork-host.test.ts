import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { JobStatus } from '@livekit/protocol';
import { expect, test } from 'vitest';
import { realClock } from '../../../src/clock.ts';
import { randomIds } from '../../../src/ids.ts';
import { shutdown, startRoot, supervisor } from '../../../src/supervisor/index.ts';
import { forkHost } from '../../../src/worker/host/fork-host.ts';
import { HostPool } from '../../../src/worker/host/host-pool.ts';
import { silentLogger } from '../../../src/worker/logger.ts';
import { WorkerManager } from '../../../src/worker/worker-manager.ts';
import worker from '../../cli/fixtures/idle-worker.ts';
import { eventually } from '../../eventually.ts';
import { isAlive } from '../../is-alive.ts';
import { HELD_WORKER, IDLE_WORKER, MAIN, SECRET, useEndpoint } from '../real-endpoint.ts';
import { type LogLine, recorder } from '../test-worker.ts';

const server = useEndpoint();
const statuses = () => server.side.statuses.map(({ jobId, status }) => `${jobId} ${JobStatus[status]}`);

test('jobs run in host processes; a host that is killed fails its jobs alone, and no process is left at the end', async () => {
  const common = { clock: realClock, ids: randomIds, logger: silentLogger };
  const pool = new HostPool({ ...common, fork: forkHost(IDLE_WORKER, 'silent'), maxJobs: 4, sessionsPerHost: 1 });
  const manager = new WorkerManager(worker, {
    url: server.url,
    apiKey: 'k',
    apiSecret: SECRET,
    cpu: () => 0,
    runner: pool,
  });
  await manager.start();
  try {
    await eventually(() => expect(manager.status.state).toBe('available'));
    server.side.offer('AJ_1');
    await eventually(() => expect(statuses()).toEqual(['AJ_1 JS_RUNNING']));
    await eventually(() => expect(pool.hosts.map((host) => host.state)).toEqual(['full', 'ready']));
    server.side.offer('AJ_2');
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

test('a host that takes too much memory is warned of, then takes no more jobs', async () => {
  const lines: LogLine[] = [];
  const file = new URL('../../cli/fixtures/hungry-worker.ts', import.meta.url).pathname;
  // A host without a job takes 100 to 150 MB.
  const limits = { memoryWarningMb: 230, memoryLimitMb: 370 };
  const common = { clock: realClock, ids: randomIds, logger: recorder(lines) };
  const pool = new HostPool({ ...common, ...limits, fork: forkHost(file, 'silent'), maxJobs: 4 });
  const reports: string[] = [];
  const start = (id: string) => {
    const info = { id, roomName: 'r', participant: null } as never; // the hungry worker looks at nothing else
    const server = { url: 'ws://127.0.0.1:9', apiKey: 'k', apiSecret: SECRET };
    const job = { info, url: server.url, token: 't', identity: 'i', server };
    pool.start(job, (report) => reports.push(`${id} ${report.type}`));
  };
  const root = startRoot(supervisor({ id: 'worker', children: [pool.childSpec()] }), { clock: realClock });
  await pool.open();
  try {
    start('AJ_1');
    await eventually(() => expect(lines.filter(({ level }) => level === 'warn')).toHaveLength(1));
    start('AJ_2');
    await eventually(() => expect(pool.hosts[0]).toMatchObject({ state: 'recycling', jobs: 2 }));
    await eventually(() => expect(pool.hosts[1]?.state).toBe('ready'));
    start('AJ_3');
    expect(pool.hosts[1]).toMatchObject({ jobs: 1 });
    await eventually(() => expect(reports).toEqual(['AJ_1 job.started', 'AJ_2 job.started', 'AJ_3 job.started']));
  } finally {
    for (const { pid } of pool.hosts) if (pid !== undefined) process.kill(pid, 'SIGKILL');
    await shutdown(root);
    await pool.close();
  }
}, 60_000);

test('a worker that is killed leaves its calls to their hosts, which go when they are over', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'held-'));
  const env = { ...process.env, ...server.env, JOB_UNTIL: join(folder, 'over') };
  const child = spawn(process.execPath, [MAIN, 'start', HELD_WORKER, '--no-health'], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (data) => {
    log += data;
  });
  const pids = () => [...log.matchAll(/"hostId":"[^"]+","pid":(\d+)/g)].map((match) => Number(match[1]));
  try {
    await eventually(server.hasWorker);
    server.side.offer('AJ_1');
    await eventually(() => expect(log).toContain('held job begins'));
    await eventually(() => expect(pids()).toHaveLength(2));
    child.kill('SIGKILL');
    // The spare leaves, the one with the call says its last line first.
    await eventually(() => expect(pids().filter(isAlive)).toHaveLength(1));
    expect(log).not.toContain('held job ends');
    writeFileSync(env.JOB_UNTIL, '');
    await eventually(() => expect(log).toContain('held job ends'));
    await eventually(() => expect(pids().filter(isAlive)).toEqual([]));
    // Otherwise the other workers would take the room for one that lost its agent.
    expect(
      server.endpoint.calls.filter(({ path }) => path.endsWith('/DeleteDispatch')).map(({ body }) => body),
    ).toEqual([{ dispatchId: 'AD_AJ_1', room: 'room-of-AJ_1' }]);
  } finally {
    child.kill('SIGKILL');
    for (const pid of pids().filter(isAlive)) process.kill(pid, 'SIGKILL');
    rmSync(folder, { recursive: true });
  }
}, 60_000);
