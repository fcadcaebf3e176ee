import { JobStatus } from '@livekit/protocol';
import { describe, expect, test } from 'vitest';
import type { AnyActorRef } from 'xstate';
import { seededIds } from '../../src/ids.ts';
import { kill } from '../../src/supervisor/index.ts';
import { LoopbackUser } from '../../src/testing/loopback-user.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import { defineWorker } from '../../src/worker/define-worker.ts';
import { HostPool } from '../../src/worker/host/host-pool.ts';
import { InProcessRunner } from '../../src/worker/in-process-runner.ts';
import { silentLogger } from '../../src/worker/logger.ts';
import { type HostScript, scriptedHosts } from './host/scripted-hosts.ts';
import { quietAgent } from './test-job.ts';
import { startTestWorker, type TestWorkerOptions } from './test-worker.ts';

/** A worker whose children of the top can be made to crash. */
function treeWorker(options: TestWorkerOptions = {}) {
  const refs = new Map<string, AnyActorRef>();
  const started: string[] = [];
  const worker = startTestWorker(
    { kinds: ['room', 'publisher'], maxJobs: 6 },
    {
      ...options,
      onReport: ({ kind, child, supervisor }) => {
        if (kind !== 'progress' || child.ref === undefined) return;
        refs.set(child.id, child.ref);
        if (supervisor === 'worker') started.push(child.id);
      },
    },
  );
  const crash = async (id: string) => {
    started.length = 0;
    const ref = refs.get(id);
    if (ref === undefined) throw new Error(`${id} was not started`);
    kill(ref);
    await worker.settle();
  };
  const statuses = () =>
    worker.network.sockets.flatMap((side) =>
      side.statuses.map(({ jobId, status }) => `${jobId} ${JobStatus[status].slice('JS_'.length)}`),
    );
  return { ...worker, started, crash, statuses };
}

function hostedWorker(script: HostScript = {}) {
  const clock = new VirtualClock();
  const fake = scriptedHosts({ runs: true, ...script });
  const runner = new HostPool({ fork: fake.fork, clock, ids: seededIds(), logger: silentLogger, maxJobs: 6 });
  return { ...treeWorker({ clock, runner }), script: fake.script, hosts: fake.hosts, runner };
}

describe('the tree of a worker', () => {
  test('begins with the hosts, then the jobs; the server is told of it when a host is ready', async () => {
    const worker = hostedWorker({ readies: false });
    const started = worker.manager.start();
    await worker.settle();
    expect([worker.started, worker.network.attempts]).toEqual([['hosts', 'jobs'], 0]);
    worker.hosts[0]?.onMessage({ type: 'ready' });
    await started;
    expect(worker.started).toEqual(['hosts', 'jobs', 'registrations']);
    await worker.settle();
    expect(worker.manager.status.state).toBe('available');
    await worker.end();
  });

  test('a drain waits for the calls while their hosts serve; the hosts leave last', async () => {
    const worker = hostedWorker();
    await worker.start();
    await worker.offer('AJ_1');
    const drained = worker.manager.drain();
    await worker.clock.advance(9_000);
    expect(worker.hosts.flatMap(({ said }) => said.map(({ type }) => type))).toEqual(['start']);
    void worker.manager.stop();
    await worker.clock.advance(10_000);
    await drained;
    expect(worker.hosts.map(({ said }) => said.map(({ type }) => type))).toEqual([
      ['start', 'stop', 'leave'],
      ['leave'],
    ]);
    expect(worker.statuses()).toEqual(['AJ_1 RUNNING', 'AJ_1 SUCCESS']);
    expect(worker.clock.pendingTimers).toBe(0);
  });

  test('when the supervisor of the hosts crashes the calls fail, new hosts are forked, and the worker registers anew', async () => {
    const worker = hostedWorker();
    await worker.start();
    await worker.offer('AJ_1', 'AJ_2');
    const before = worker.hosts.length;
    worker.script.readies = false;
    await worker.crash('hosts');
    expect(worker.statuses()).toEqual(['AJ_1 RUNNING', 'AJ_2 RUNNING', 'AJ_1 FAILED', 'AJ_2 FAILED']);
    expect(worker.reports.map(({ jobId, outcome, reason }) => [jobId, outcome, reason])).toEqual([
      ['AJ_1', 'failed', 'died'],
      ['AJ_2', 'failed', 'died'],
    ]);
    expect(worker.started).toEqual(['hosts', 'jobs', 'registrations']);
    expect(worker.hosts.slice(0, before).every(({ killed }) => killed)).toBe(true);
    // Registered, but red while there is no host.
    await worker.clock.advance(1_000);
    expect(worker.manager.status.registrations.map(({ state }) => state)).toEqual(['available', 'available']);
    expect([worker.hosts.length, worker.manager.status.state]).toEqual([before + 1, 'starting']);
    worker.hosts.at(-1)?.onMessage({ type: 'ready' });
    expect(worker.manager.status.state).toBe('available');
    await worker.offer('AJ_3');
    expect(worker.statuses().at(-1)).toBe('AJ_3 RUNNING');
    await worker.end();
    expect(worker.clock.pendingTimers).toBe(0);
  });

  test('hosts whose supervisor crashes again and again end the worker, and none is left', async () => {
    const worker = hostedWorker();
    await worker.start();
    const stopped = expect(worker.manager.stopped()).rejects.toMatchObject({ code: 'ERR_WORKER' });
    for (let i = 0; i < 4; i++) await worker.crash('hosts');
    await stopped;
    expect(worker.runner.hosts).toEqual([]);
    await worker.end();
    expect(worker.clock.pendingTimers).toBe(0);
  });

  test('and so they do before the first is ready', async () => {
    const worker = hostedWorker({ readies: false });
    const failed = expect(worker.manager.start()).rejects.toMatchObject({ code: 'ERR_WORKER' });
    await worker.settle();
    for (let i = 0; i < 4; i++) await worker.crash('hosts');
    await failed;
    expect(worker.network.attempts).toBe(0);
    await worker.end();
  });

  test('a worker that is told to end before a host is ready ends at once, and its hosts with it', async () => {
    const worker = hostedWorker({ readies: false });
    const started = worker.manager.start();
    await worker.settle();
    const drained = worker.manager.drain();
    await worker.settle();
    await Promise.all([drained, started]);
    expect(worker.hosts.map(({ killed }) => killed)).toEqual([true]);
    expect(worker.clock.pendingTimers).toBe(0);
  });

  test('when the supervisor of the jobs crashes its calls fail, and the worker goes on', async () => {
    const worker = treeWorker();
    await worker.start();
    await worker.offer('AJ_1');
    await worker.crash('jobs');
    await worker.clock.advance(1_000);
    expect(worker.started).toEqual(['jobs', 'registrations']);
    expect(worker.manager.status.state).toBe('available');
    await worker.offer('AJ_2');
    expect(worker.statuses()).toContain('AJ_2 RUNNING');
    await worker.end();
  });

  test('and nothing of those calls is left in this process', async () => {
    const clock = new VirtualClock();
    const runner = new InProcessRunner({
      definition: defineWorker({
        entry: async (job) => {
          const agent = quietAgent(clock);
          await job.startSession({ agent, transport: new LoopbackUser({ clock }).transport });
        },
      }),
      clock,
      ids: seededIds(),
      logger: silentLogger,
    });
    const worker = treeWorker({ clock, runner });
    await worker.start();
    await worker.offer('AJ_1');
    expect(worker.manager.sessions.map(({ jobId }) => jobId)).toEqual(['AJ_1']);
    await worker.crash('jobs');
    await worker.clock.advance(5_000);
    expect(worker.manager.sessions).toEqual([]);
    expect(worker.statuses()).toEqual(['AJ_1 RUNNING', 'AJ_1 FAILED']);
    await worker.end();
    expect(clock.pendingTimers).toBe(0);
  });

  test('when a registration crashes the calls go on, and so does the other registration', async () => {
    const worker = treeWorker();
    await worker.start();
    await worker.offer('AJ_1');
    await worker.crash('registration:room');
    await worker.clock.advance(1_000);
    expect(worker.manager.status.registrations.map((each) => [each.state, each.registrations])).toEqual([
      ['available', 2],
      ['available', 1],
    ]);
    expect(worker.manager.status.jobs.map(({ jobId, state }) => [jobId, state])).toEqual([['AJ_1', 'running']]);
    await worker.end();
  });

  test('registrations that were started anew give up as the first ones do', async () => {
    const worker = treeWorker({ initialAttempts: 3 });
    worker.network.onOpen = () => {
      throw new Error('ECONNREFUSED');
    };
    await worker.start();
    const stopped = expect(worker.manager.stopped()).rejects.toMatchObject({ code: 'ERR_TRANSPORT' });
    await worker.crash('jobs');
    expect(worker.started).toEqual(['jobs', 'registrations']);
    await worker.clock.advance(60_000);
    await stopped;
    await worker.end();
  });

  test('a kind of jobs that the server does not take ends no calls of another kind', async () => {
    const worker = treeWorker({ initialAttempts: 3 });
    let sockets = 0;
    worker.network.onOpen = () => {
      if (++sockets > 1) throw new Error('ECONNREFUSED');
    };
    await worker.start();
    await worker.offer('AJ_1');
    await worker.clock.advance(600_000);
    expect(worker.network.attempts).toBeGreaterThan(10);
    expect(worker.statuses()).toEqual(['AJ_1 RUNNING']);
    worker.job('AJ_1').end();
    await worker.settle();
    expect(worker.statuses()).toEqual(['AJ_1 RUNNING', 'AJ_1 SUCCESS']);
    await worker.end();
  });

  test('when all hosts die the worker is red until one is back', async () => {
    const worker = hostedWorker();
    await worker.start();
    worker.script.readies = false;
    for (const host of worker.hosts) host.exit('SIGKILL');
    await worker.settle();
    expect(worker.manager.status.state).toBe('starting');
    worker.hosts.at(-1)?.onMessage({ type: 'ready' });
    expect(worker.manager.status.state).toBe('available');
    await worker.end();
  });
});
