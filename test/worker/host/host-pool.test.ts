import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { seededIds } from '../../../src/ids.ts';
import { kill, shutdown, startRoot, supervisor, whichChildren } from '../../../src/supervisor/index.ts';
import { VirtualClock } from '../../../src/testing/virtual-clock.ts';
import { HostPool, type HostPoolOptions } from '../../../src/worker/host/host-pool.ts';
import type { RunReport } from '../../../src/worker/runner.ts';
import { type LogLine, recorder } from '../test-worker.ts';
import { type FakeHost, type HostScript, scriptedHosts } from './scripted-hosts.ts';

function startPool(options: Partial<HostPoolOptions> = {}, script: HostScript = {}) {
  const clock = new VirtualClock();
  const { hosts, fork } = scriptedHosts(script);
  const lines: LogLine[] = [];
  const pool = new HostPool({
    fork,
    clock,
    ids: seededIds(),
    logger: recorder(lines),
    maxJobs: 6,
    sessionsPerHost: 2,
    ...options,
  });
  const root = startRoot(supervisor({ id: 'worker', children: [pool.childSpec()] }), { clock });
  const reports: [string, RunReport][] = [];
  const start = (jobId: string) => {
    const info = { id: jobId, roomName: 'r' } as never; // the pool reads nothing but the id
    const server = { url: 'u', apiKey: 'k', apiSecret: 's' };
    return pool.start({ info, url: 'u', token: 't', identity: 'i', server }, (report) => reports.push([jobId, report]));
  };
  const jobsOf = (host: FakeHost | undefined) =>
    host?.said.flatMap((message) => (message.type === 'start' ? [message.job.info.id] : []));
  const beat = (host: FakeHost | undefined, rssMb = 100) =>
    host?.onMessage({
      type: 'beat',
      rssBytes: rssMb * 1_048_576,
      loopLag: { p50Ms: 0, p99Ms: 0, maxMs: 0 },
      sessions: [],
    });
  const ended = (host: FakeHost | undefined, jobId: string) =>
    host?.onMessage({ type: 'report', jobId, report: { type: 'job.ended', error: null, callbacks: [] } });
  const open = async () => {
    const opened = pool.open();
    await clock.settle();
    await opened;
  };
  const close = async () => {
    const ended = shutdown(root);
    await clock.advance(20_000);
    await ended;
    await pool.close();
  };
  /** The supervisor of the hosts crashes. */
  const crash = async () => {
    const [tree] = whichChildren(root);
    if (typeof tree?.ref === 'object') kill(tree.ref);
    await clock.settle();
  };
  return { pool, root, crash, clock, hosts, lines, reports, start, jobsOf, beat, ended, open, close };
}

describe('a pool of hosts', () => {
  test('has a spare from the start, and another as soon as that one serves', async () => {
    const run = startPool();
    await run.open();
    expect([run.hosts.length, run.pool.freeSlots()]).toEqual([1, 8]);
    run.start('AJ_1');
    await run.clock.settle();
    expect([run.hosts.length, run.pool.freeSlots()]).toEqual([2, 7]);
    await run.close();
  });

  test('a call that begins has the processor for 1.5 s before the next spare, while half a host is free', async () => {
    const run = startPool({ sessionsPerHost: 6 });
    await run.open();
    run.start('AJ_1');
    await run.clock.advance(1_000);
    run.start('AJ_2');
    await run.clock.advance(1_400);
    expect(run.hosts).toHaveLength(1);
    await run.clock.advance(100);
    expect(run.hosts).toHaveLength(2);
    await run.close();
  });

  test('calls that would soon fill a host do not wait with its spare', async () => {
    const run = startPool({ sessionsPerHost: 6 });
    await run.open();
    for (const id of ['AJ_1', 'AJ_2']) run.start(id);
    await run.clock.settle();
    expect(run.hosts).toHaveLength(1);
    run.start('AJ_3');
    await run.clock.settle();
    expect(run.hosts).toHaveLength(2);
    await run.close();
  });

  test('fills a host before it takes the next, and never puts more than sessionsPerHost into one', async () => {
    const run = startPool();
    await run.open();
    for (const id of ['AJ_1', 'AJ_2', 'AJ_3']) {
      run.start(id);
      await run.clock.settle();
    }
    expect(run.hosts.map(run.jobsOf)).toEqual([['AJ_1', 'AJ_2'], ['AJ_3'], []]);
    await run.close();
  });

  test('jobs that come faster than hosts wait for them, in order', async () => {
    const run = startPool({ sessionsPerHost: 1, maxJobs: 3 }, { readies: false });
    const opened = run.pool.open();
    run.hosts[0]?.onMessage({ type: 'ready' });
    await opened;
    for (const id of ['AJ_1', 'AJ_2', 'AJ_3']) run.start(id);
    await run.clock.settle();
    expect(run.hosts).toHaveLength(4);
    expect(run.pool.freeSlots()).toBe(1);
    run.hosts[2]?.onMessage({ type: 'ready' });
    run.hosts[1]?.onMessage({ type: 'ready' });
    expect(run.hosts.map(run.jobsOf)).toEqual([['AJ_1'], ['AJ_3'], ['AJ_2'], []]);
    expect(run.reports).toEqual([]);
    await run.close();
  });

  test('a job that waits can be stopped, or let go of, before a host has seen it', async () => {
    const run = startPool({ sessionsPerHost: 1, maxJobs: 3 }, { readies: false });
    void run.pool.open();
    const [first, second] = [run.start('AJ_1'), run.start('AJ_2')];
    first.stop('enough');
    second.kill();
    await run.clock.settle();
    run.hosts[0]?.onMessage({ type: 'ready' });
    expect(run.reports).toEqual([['AJ_1', { type: 'job.ended', error: null, callbacks: [] }]]);
    expect(run.jobsOf(run.hosts[0])).toEqual([]);
    await run.close();
  });

  test('where hosts start slowly, only those that are ready have free slots', async () => {
    const run = startPool({ sessionsPerHost: 1, maxJobs: 3 }, { readies: false });
    void run.pool.open();
    expect(run.pool.freeSlots()).toBe(4);
    await run.clock.advance(3_001);
    run.hosts[0]?.onMessage({ type: 'ready' });
    expect(run.pool.freeSlots()).toBe(1);
    await run.close();
  });

  test('a job for which there will be no host dies at once', async () => {
    const run = startPool({ sessionsPerHost: 1, maxJobs: 1 });
    await run.open();
    for (const id of ['AJ_1', 'AJ_2', 'AJ_3']) run.start(id);
    expect(run.reports).toEqual([['AJ_3', { type: 'job.died', error: 'no host is free' }]]);
    await run.close();
  });

  test('a host that cannot start lets no job wait for it', async () => {
    const run = startPool({ sessionsPerHost: 1 }, { readies: false });
    void run.pool.open();
    run.hosts[0]?.onMessage({ type: 'ready' });
    run.start('AJ_1');
    run.start('AJ_2');
    await run.clock.settle();
    run.hosts[1]?.exit();
    await run.clock.settle();
    expect(run.reports.map(([jobId, { type }]) => [jobId, type])).toEqual([['AJ_2', 'job.died']]);
    await run.close();
  });

  test('a host that dies costs its own jobs only, and is replaced', async () => {
    const run = startPool();
    await run.open();
    for (const id of ['AJ_1', 'AJ_2', 'AJ_3']) {
      run.start(id);
      await run.clock.settle();
    }
    run.hosts[0]?.exit('SIGSEGV');
    await run.clock.settle();
    expect(run.reports).toEqual([
      ['AJ_1', { type: 'job.died', error: 'the host process ended (SIGSEGV)' }],
      ['AJ_2', { type: 'job.died', error: 'the host process ended (SIGSEGV)' }],
    ]);
    expect(run.pool.hosts.map((host) => host.state)).toEqual(['ready', 'ready']);
    await run.close();
  });

  test('a host that is silent for 10 s is killed', async () => {
    const run = startPool();
    await run.open();
    run.start('AJ_1');
    await run.clock.settle();
    for (let i = 0; i < 5; i++) {
      await run.clock.advance(2_500);
      run.beat(run.hosts[1]);
    }
    expect(run.hosts.map((host) => host.killed)).toEqual([true, false]);
    expect(run.reports.map(([, report]) => report.type)).toEqual(['job.died']);
    await run.close();
  });

  test('a host is replaced after its jobs, and goes when the last has ended', async () => {
    const run = startPool({ recycleAfterJobs: 1 });
    await run.open();
    run.start('AJ_1');
    await run.clock.settle();
    expect(run.pool.hosts.map((host) => host.state)).toEqual(['recycling', 'ready']);
    expect(run.pool.freeSlots()).toBe(4);
    run.ended(run.hosts[0], 'AJ_1');
    await run.clock.settle();
    expect(run.hosts[0]?.said.at(-1)).toEqual({ type: 'leave' });
    expect(run.pool.hosts).toHaveLength(1);
    await run.close();
  });

  test('memory is warned of once, and at its limit the host is replaced', async () => {
    const run = startPool({ memoryWarningMb: 500, memoryLimitMb: 800 });
    await run.open();
    for (const rssMb of [499, 500, 600]) run.beat(run.hosts[0], rssMb);
    expect(run.lines.filter((line) => line.level === 'warn')).toHaveLength(1);
    run.beat(run.hosts[0], 800);
    await run.clock.settle();
    expect(run.hosts).toHaveLength(2);
    expect(run.pool.hosts.map((host) => host.state)).toEqual(['ready']);
    await run.close();
  });

  test('hosts that a wave of calls left empty go after five quiet minutes, the spares stay', async () => {
    const run = startPool();
    await run.open();
    for (const id of ['AJ_1', 'AJ_2', 'AJ_3']) {
      run.start(id);
      await run.clock.settle();
    }
    for (const id of ['AJ_1', 'AJ_2']) run.ended(run.hosts[0], id);
    const beats = async (times: number) => {
      for (let i = 0; i < times; i++) {
        await run.clock.advance(5_000);
        for (const host of run.hosts) run.beat(host);
      }
      await run.clock.settle();
    };
    await beats(59);
    expect(run.pool.hosts).toHaveLength(3);
    await beats(1);
    expect(run.hosts.map(({ said }) => said.at(-1)?.type)).toEqual(['leave', 'start', undefined]);
    await run.close();
  });

  test('a host that cannot start fails the opening, and is tried again without a storm', async () => {
    const run = startPool({}, { readies: false });
    const failed = expect(run.pool.open()).rejects.toMatchObject({ code: 'ERR_WORKER' });
    run.hosts[0]?.onMessage({ type: 'failed', error: 'no such module' });
    run.hosts[0]?.exit();
    await run.clock.settle();
    await failed;
    for (let i = 0; i < 240; i++) {
      await run.clock.advance(500);
      run.hosts.at(-1)?.exit('exit code 1');
    }
    // 0.5, 1, 2, 4, 8, 16, then every 30 s.
    expect(run.hosts.length).toBeLessThan(12);
    await run.close();
  });

  test('a host that never gets ready is killed', async () => {
    const run = startPool({ startTimeoutMs: 5_000 }, { readies: false });
    const failed = expect(run.pool.open()).rejects.toMatchObject({ code: 'ERR_WORKER' });
    await run.clock.advance(5_000);
    await failed;
    expect(run.hosts[0]?.killed).toBe(true);
    await run.close();
  });

  test('closing lets the hosts leave, and kills the one that does not', async () => {
    const run = startPool({}, { leaves: false });
    await run.open();
    await run.close();
    expect(run.hosts.map((host) => host.killed)).toEqual([true]);
    expect(run.clock.pendingTimers).toBe(0);
  });

  test('a crash of their supervisor ends all hosts and their jobs, also those that wait; new hosts are forked', async () => {
    const run = startPool({ sessionsPerHost: 1, maxJobs: 3 }, { readies: false });
    const opened = run.pool.open();
    run.hosts[0]?.onMessage({ type: 'ready' });
    await opened;
    run.start('AJ_1');
    run.start('AJ_2');
    await run.clock.settle();
    await run.crash();
    expect(run.reports).toEqual([
      ['AJ_1', { type: 'job.died', error: 'the host process ended (killed)' }],
      ['AJ_2', { type: 'job.died', error: 'no host is left' }],
    ]);
    expect(run.hosts.map((host) => host.killed)).toEqual([true, true, true, false]);
    expect([run.pool.isReady, run.pool.hosts.map((host) => host.state)]).toEqual([false, ['starting']]);
    run.hosts[3]?.onMessage({ type: 'ready' });
    expect([run.pool.isReady, run.pool.freeSlots()]).toEqual([true, 4]);
    await run.close();
  });

  test('a crash of their supervisor is no failed start: nothing waits for a backoff', async () => {
    const run = startPool({}, { readies: false });
    const opened = run.pool.open();
    await run.crash();
    expect([run.hosts.length, run.clock.pendingTimers]).toEqual([2, 1]);
    run.hosts[1]?.onMessage({ type: 'ready' });
    await opened;
    await run.close();
  });

  test('while the hosts are stopped none is forked, and no job is taken', async () => {
    const run = startPool({}, { leaves: false });
    await run.open();
    run.start('AJ_1');
    await run.clock.settle();
    const closed = shutdown(run.root);
    run.hosts[0]?.exit();
    await run.clock.settle();
    expect([run.pool.hosts.length, run.pool.freeSlots()]).toEqual([1, 0]);
    run.start('AJ_2');
    expect(run.reports.map(([jobId, { type }]) => [jobId, type])).toEqual([
      ['AJ_1', 'job.died'],
      ['AJ_2', 'job.died'],
    ]);
    await run.clock.advance(5_000);
    await closed;
    expect(run.hosts).toHaveLength(2);
    expect(run.clock.pendingTimers).toBe(0);
  });

  test('without a supervisor a pool does not open', async () => {
    const { fork } = scriptedHosts();
    const options = { fork, clock: new VirtualClock(), ids: seededIds(), logger: recorder([]), maxJobs: 1 };
    await expect(new HostPool(options).open()).rejects.toMatchObject({ code: 'ERR_WORKER' });
  });

  test('whatever happens: no host above its limit, each job told at most one death, nothing left after closing', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constantFrom('start', 'end', 'kill', 'crash', 'beat', 'treeCrash'), n: fc.nat(9) }),
      fc.record({ kind: fc.constant('wait'), n: fc.integer({ min: 1, max: 9_000 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const run = startPool({ recycleAfterJobs: 3 });
        await run.open();
        const jobs: ReturnType<typeof run.start>[] = [];
        let treeCrashes = 0;
        for (const { kind, n } of steps) {
          const host = run.hosts[n % run.hosts.length];
          if (kind === 'start' && run.pool.freeSlots() > 0) jobs.push(run.start(`AJ_${jobs.length}`));
          else if (kind === 'end') run.ended(host, `AJ_${n}`);
          else if (kind === 'kill') jobs[n]?.kill();
          else if (kind === 'crash') host?.exit('SIGKILL');
          else if (kind === 'treeCrash' && treeCrashes++ < 1) await run.crash();
          else if (kind === 'beat') for (const each of run.hosts) run.beat(each);
          await run.clock.advance(kind === 'wait' ? n : 0);
          for (const each of run.pool.hosts) expect(each.jobs).toBeLessThanOrEqual(2);
        }
        const deaths = run.reports.filter(([, report]) => report.type === 'job.died').map(([jobId]) => jobId);
        expect(new Set(deaths).size).toBe(deaths.length);
        await run.close();
        expect(run.pool.hosts).toEqual([]);
        expect(run.clock.pendingTimers).toBe(0);
      }),
      { numRuns: 100 },
    );
  });
});
