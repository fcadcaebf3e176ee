import { JobStatus, JobType, WorkerStatus } from '@livekit/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sleep } from '../../src/clock.ts';
import { AgentError } from '../../src/errors.ts';
import type { JobRunner, Presence } from '../../src/worker/runner.ts';
import { startTestWorker } from './test-worker.ts';

const statusesOf = (worker: ReturnType<typeof startTestWorker>) =>
  worker.network.server.statuses.map(({ jobId, status, error }) => [jobId, JobStatus[status], error]);

describe('registration', () => {
  test('a worker says its name and kind to the agent endpoint with a token that allows nothing else', async () => {
    const worker = startTestWorker();
    await worker.start();
    expect(worker.network.urls).toEqual(['wss://lk.test/base/agent']);
    const [register] = worker.network.server.registrations;
    expect([register?.agentName, register?.type]).toEqual(['test-agent', JobType.JT_ROOM]);
    const [, body = ''] = worker.network.tokens[0]?.split('.') ?? [];
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString());
    expect(claims).toMatchObject({ iss: 'devkey', video: { agent: true } });
    expect(worker.manager.status).toMatchObject({ state: 'available', registrations: [{ workerId: 'AW_1' }] });
    await worker.end();
  });

  test('each kind of job has a registration of its own, and all share the slots', async () => {
    const worker = startTestWorker({ kinds: ['room', 'participant'], maxJobs: 1 });
    await worker.start();
    expect(worker.network.sockets.map((each) => each.registrations[0]?.type)).toEqual([
      JobType.JT_ROOM,
      JobType.JT_PARTICIPANT,
    ]);
    worker.network.sockets[0]?.offer('AJ_1');
    await worker.settle();
    worker.network.sockets[1]?.offer('AJ_2');
    await worker.settle();
    expect(worker.network.sockets[1]?.answers.map((answer) => answer.available)).toEqual([false]);
    await worker.end();
  });

  test('a wrong key ends the worker before its first registration, and says so', async () => {
    const worker = startTestWorker();
    worker.network.onOpen = () => {
      throw new AgentError('ERR_WORKER_AUTH', 'refused (401)');
    };
    await worker.start();
    await expect(worker.manager.stopped()).rejects.toMatchObject({ code: 'ERR_WORKER_AUTH' });
    expect(worker.network.attempts).toBe(1);
    await worker.end();
  });

  test('a wrong key after a registration is tried again: a server may restart with its keys late', async () => {
    const worker = startTestWorker();
    await worker.start();
    worker.network.onOpen = () => {
      throw new AgentError('ERR_WORKER_AUTH', 'refused (401)');
    };
    worker.network.cut();
    await worker.clock.advance(60_000);
    expect(worker.network.attempts).toBeGreaterThan(3);
    worker.network.onOpen = () => {};
    await worker.clock.advance(10_000);
    expect(worker.manager.status.state).toBe('available');
    await worker.end();
  });

  test('a server that is away is tried for ever, at random within a bound, and health sees it', async () => {
    const worker = startTestWorker();
    worker.network.onOpen = () => {
      throw new Error('ECONNREFUSED');
    };
    await worker.start();
    await worker.clock.advance(3_600_000);
    expect(worker.manager.status.state).toBe('connecting');
    // Full jitter below 10 s: 5 s on average once the bound is reached.
    expect(worker.network.attempts).toBeGreaterThan(500);
    expect(worker.network.attempts).toBeLessThan(1_100);
    await worker.end();
  });

  test('attempts before the first registration can be limited', async () => {
    const worker = startTestWorker({}, { initialAttempts: 3 });
    worker.network.onOpen = () => {
      throw new Error('ECONNREFUSED');
    };
    await worker.start();
    await worker.clock.advance(60_000);
    await expect(worker.manager.stopped()).rejects.toMatchObject({ code: 'ERR_TRANSPORT' });
    expect(worker.network.attempts).toBe(3);
    await worker.end();
  });

  test.each([0, 1.5, Number.NaN])('%d attempts are refused', (initialAttempts) => {
    expect(() => startTestWorker({}, { initialAttempts })).toThrow(
      expect.objectContaining({ field: 'initialAttempts', fix: expect.stringContaining('null to try for ever') }),
    );
  });

  test.each([
    ['a server that never opens the socket', 'ERR_TIMEOUT', 'not connected', () => new Promise(() => {}), true],
    ['a server that never answers the registration', 'ERR_TRANSPORT', 'socket lost', () => {}, false],
  ] as const)('%s counts as an attempt, and each is told', async (_, code, message, onOpen, registers) => {
    const worker = startTestWorker({}, { initialAttempts: 3 });
    worker.network.onOpen = onOpen;
    worker.network.script.registers = registers;
    await worker.start();
    const stopped = expect(worker.manager.stopped()).rejects.toMatchObject({
      code,
      message: expect.stringContaining('Check LIVEKIT_URL'),
    });
    await worker.clock.advance(120_000);
    await stopped;
    const warnings = worker.lines.filter(({ level }) => level === 'warn');
    expect(warnings.map((line) => [line.message, line.attempt])).toEqual([1, 2, 3].map((each) => [message, each]));
    await worker.end();
    expect(worker.clock.pendingTimers).toBe(0);
  });

  test('one that opens after it was given up is closed', async () => {
    const worker = startTestWorker();
    const late = Promise.withResolvers<void>();
    worker.network.onOpen = () => late.promise;
    await worker.start();
    await worker.clock.advance(9_000);
    late.resolve();
    await worker.settle();
    expect(worker.network.isOpen).toBe(false);
    await worker.end();
  });

  test('a server that does not answer the registration is left and tried again', async () => {
    const worker = startTestWorker();
    worker.network.script.registers = false;
    await worker.start();
    await worker.clock.advance(9_000);
    expect(worker.manager.status.state).toBe('registering');
    worker.network.script.registers = true;
    await worker.clock.advance(5_000);
    expect(worker.network.sockets).toHaveLength(2);
    expect(worker.manager.status.state).toBe('available');
    await worker.end();
  });

  test('a server that says nothing but answers pings is kept', async () => {
    const worker = startTestWorker();
    await worker.start();
    await worker.clock.advance(3_600_000);
    expect(worker.network.sockets).toHaveLength(1);
    await worker.end();
  });

  test('a server that does not answer pings is left within 20 s', async () => {
    const worker = startTestWorker();
    await worker.start();
    worker.network.script.pongs = false;
    await worker.clock.advance(19_999);
    expect(worker.network.sockets).toHaveLength(1);
    await worker.clock.advance(20_000);
    expect(worker.network.sockets.length).toBeGreaterThan(1);
    await worker.end();
  });

  test('a socket that closes while it opens is no registration', async () => {
    const worker = startTestWorker();
    worker.network.script.registers = false;
    await worker.start();
    worker.network.cut();
    await worker.settle();
    expect(worker.manager.status.state).toBe('connecting');
    await worker.end();
  });
});

describe('offers', () => {
  test('an offer is answered at once, in the same instant', async () => {
    const worker = startTestWorker();
    await worker.start();
    const before = worker.clock.now();
    await worker.offer('AJ_1');
    expect(worker.clock.now()).toBe(before);
    const [answer] = worker.network.server.answers;
    expect(answer).toMatchObject({ jobId: 'AJ_1', available: true, participantIdentity: 'agent-AJ_1' });
    await worker.end();
  });

  test('there are never more than maxJobs, however many are offered in one instant', async () => {
    const worker = startTestWorker({ maxJobs: 2 });
    await worker.start();
    await worker.offer('AJ_1', 'AJ_2', 'AJ_3', 'AJ_4');
    expect(worker.network.server.answers.map(({ jobId, available }) => [jobId, available]).sort()).toEqual([
      ['AJ_1', true],
      ['AJ_2', true],
      ['AJ_3', false],
      ['AJ_4', false],
    ]);
    expect(worker.manager.status.state).toBe('full');
    worker.job('AJ_1').end();
    await worker.settle();
    expect(worker.manager.status.state).toBe('available');
    await worker.end();
  });

  test('nor more than there are places to run them: a place is spoken for by an offer that was taken', async () => {
    const runner: JobRunner = {
      open: async () => {},
      freeSlots: () => 1,
      hosts: [],
      start: () => ({ stop: () => {}, kill: () => {}, presence: () => ({ state: 'none', sinceMs: 0 }) }),
      sessions: () => [],
      close: async () => {},
    };
    const worker = startTestWorker({ maxJobs: 9 }, { runner });
    await worker.start();
    await worker.offer('AJ_1', 'AJ_2');
    expect(worker.network.server.answers.map(({ jobId, available }) => [jobId, available]).sort()).toEqual([
      ['AJ_1', true],
      ['AJ_2', false],
    ]);
    await worker.end();
  });

  test('a worker with maxJobs 0 takes nothing', async () => {
    const worker = startTestWorker({ maxJobs: 0 });
    await worker.start();
    await worker.offer('AJ_1');
    expect(worker.network.server.answers.map((answer) => answer.available)).toEqual([false]);
    await worker.end();
  });

  test('the request filter names the agent', async () => {
    const requestFilter = () => ({ accept: true, identity: 'ann', name: 'Ann', attributes: { a: 'b' } }) as const;
    const worker = startTestWorker({ requestFilter });
    await worker.start();
    await worker.offer('AJ_1');
    expect(worker.network.server.answers[0]).toMatchObject({
      participantIdentity: 'ann',
      participantName: 'Ann',
      participantAttributes: { a: 'b' },
    });
    expect(worker.job('AJ_1').context.identity).toBe('ann');
    await worker.end();
  });

  const refusals = [
    { rule: 'a filter that says no', filter: () => false, terminate: false },
    {
      rule: 'a filter that says no for everybody',
      filter: () => ({ accept: false, terminate: true }) as const,
      terminate: true,
    },
    {
      rule: 'a filter that throws',
      filter: () => {
        throw new Error('x');
      },
      terminate: false,
    },
    { rule: 'a filter that rejects', filter: () => Promise.reject(new Error('x')), terminate: false },
    { rule: 'a filter that never answers', filter: () => new Promise<boolean>(() => {}), terminate: false },
  ];
  for (const { rule, filter, terminate } of refusals) {
    test(`${rule} refuses within 50 ms and keeps no slot`, async () => {
      const worker = startTestWorker({ requestFilter: filter });
      await worker.start();
      await worker.offer('AJ_1');
      await worker.clock.advance(50);
      expect(worker.network.server.answers).toEqual([
        expect.objectContaining({ jobId: 'AJ_1', available: false, terminate }),
      ]);
      expect(worker.manager.status.jobs).toEqual([]);
      await worker.end();
    });
  }

  test('a reservation without assignment is released after 7.5 s, and a late assignment is reported failed', async () => {
    const worker = startTestWorker({ maxJobs: 1 });
    worker.network.script.assigns = false;
    await worker.start();
    await worker.offer('AJ_1');
    await worker.clock.advance(7_499);
    expect(worker.manager.status.state).toBe('full');
    await worker.clock.advance(1);
    expect(worker.manager.status.state).toBe('available');
    worker.network.server.assign('AJ_1');
    await worker.settle();
    expect(worker.jobs.size).toBe(0);
    expect(statusesOf(worker)).toEqual([['AJ_1', 'JS_FAILED', 'the assignment came too late']]);
    await worker.end();
  });

  test('a second assignment of a running job starts nothing', async () => {
    const worker = startTestWorker();
    await worker.start();
    await worker.offer('AJ_1');
    const first = worker.job('AJ_1');
    worker.network.server.assign('AJ_1');
    await worker.settle();
    expect(worker.job('AJ_1')).toBe(first);
    await worker.end();
  });

  test('the address of the assignment is used, or that of the worker', async () => {
    const worker = startTestWorker();
    worker.network.script.assigns = false;
    await worker.start();
    await worker.offer('AJ_1', 'AJ_2');
    worker.network.server.assign('AJ_1', 'wss://node-7.test');
    worker.network.server.assign('AJ_2');
    await worker.settle();
    expect(worker.job('AJ_1').context.url).toBe('wss://node-7.test');
    expect(worker.job('AJ_2').context.url).toBe('wss://lk.test/base');
    expect(worker.job('AJ_2').context.token).toBe('token-of-AJ_2');
    await worker.end();
  });
});

describe('load', () => {
  test('it is told every 2.5 s and at once on every change, scaled so that full use is the target of the server', async () => {
    const worker = startTestWorker({ maxJobs: 4 }, { cpu: () => 0.1 });
    await worker.start();
    const { server } = worker.network;
    expect(server.loads.at(-1)?.load).toBeCloseTo(0.07);
    const before = server.loads.length;
    await worker.offer('AJ_1', 'AJ_2');
    expect(server.loads.length).toBeGreaterThan(before);
    expect(server.loads.at(-1)?.load).toBeCloseTo(0.35);
    expect(server.loads.at(-1)?.jobCount).toBe(2);
    const told = server.loads.length;
    await worker.clock.advance(10_000);
    expect(server.loads.length).toBe(told + 4);
    await worker.end();
  });

  test('the load is told before the answer of the next offer can be chosen by it', async () => {
    const worker = startTestWorker({ maxJobs: 2 });
    await worker.start();
    await worker.offer('AJ_1');
    const order = worker.network.server.said.map((message) => message.case);
    expect(order.indexOf('updateWorker', order.indexOf('updateWorker') + 1)).toBeLessThan(
      order.indexOf('availability'),
    );
    await worker.end();
  });

  test('a full worker says full with load 1', async () => {
    const worker = startTestWorker({ maxJobs: 1 });
    await worker.start();
    await worker.offer('AJ_1');
    expect(worker.network.server.loads.at(-1)).toMatchObject({ status: WorkerStatus.WS_FULL, load: 1 });
    await worker.end();
  });
});

describe('what becomes of a job', () => {
  test('a job that ends well is reported running and success', async () => {
    const worker = startTestWorker();
    await worker.start();
    await worker.offer('AJ_1');
    worker.job('AJ_1').end();
    await worker.settle();
    expect(statusesOf(worker)).toEqual([
      ['AJ_1', 'JS_RUNNING', ''],
      ['AJ_1', 'JS_SUCCESS', ''],
    ]);
    expect(worker.reports).toEqual([expect.objectContaining({ jobId: 'AJ_1', outcome: 'succeeded' })]);
    await worker.end();
  });

  test('a job that throws is reported failed with its error', async () => {
    const worker = startTestWorker({
      entry: () => {
        throw new Error('no voice');
      },
    });
    await worker.start();
    await worker.offer('AJ_1');
    await worker.settle();
    expect(statusesOf(worker).at(-1)).toEqual(['AJ_1', 'JS_FAILED', 'no voice']);
    await worker.end();
  });

  test('a job that ends while the socket is gone is reported after the next registration', async () => {
    const worker = startTestWorker();
    await worker.start();
    await worker.offer('AJ_1', 'AJ_2');
    worker.network.cut();
    worker.job('AJ_1').end();
    await worker.clock.advance(1_000);
    expect(worker.network.sockets).toHaveLength(2);
    expect(statusesOf(worker)).toEqual([
      ['AJ_2', 'JS_RUNNING', ''],
      ['AJ_1', 'JS_SUCCESS', ''],
    ]);
    await worker.end();
  });

  test('running jobs survive a reconnect and are announced; reservations do not', async () => {
    const worker = startTestWorker({ maxJobs: 2 });
    await worker.start();
    await worker.offer('AJ_1');
    worker.network.script.assigns = false;
    await worker.offer('AJ_2');
    worker.network.cut();
    await worker.clock.advance(1_000);
    expect(worker.job('AJ_1').context.signal.aborted).toBe(false);
    expect(worker.manager.status.jobs.map((job) => [job.jobId, job.state])).toEqual([['AJ_1', 'running']]);
    expect(worker.network.server.all('migrateJob')).toEqual([expect.objectContaining({ jobIds: ['AJ_1'] })]);
    await worker.end();
  });

  test('a termination ends the job once, with its callbacks; more of them change nothing', async () => {
    const worker = startTestWorker();
    await worker.start();
    await worker.offer('AJ_1');
    const reasons: string[] = [];
    worker.job('AJ_1').context.addShutdownCallback((reason) => reasons.push(reason));
    for (let i = 0; i < 3; i++) worker.network.server.terminate('AJ_1');
    await worker.settle();
    worker.network.server.terminate('AJ_1');
    worker.network.server.terminate('AJ_unknown');
    await worker.settle();
    expect(reasons).toEqual(['terminated by the server']);
    expect(worker.reports.map((report) => report.outcome)).toEqual(['succeeded']);
    await worker.end();
  });

  const LEAVE = 'the server took a leave of the agent for the end of the job';
  const doubted = async (...states: Presence[]) => {
    const worker = startTestWorker();
    await worker.start();
    await worker.offer('AJ_1');
    for (const state of states) worker.job('AJ_1').context.reportPresence(state);
    await worker.clock.advance(10_000);
    worker.network.server.terminate('AJ_1');
    return worker;
  };

  test.each<[string, Presence[]]>([
    ['reconnected in full', ['joining', 'joined']],
    ['was sent away and is joining again', ['joined', 'lost']],
    ['has left by itself, and something else keeps the job', ['joined', 'left']],
  ])('a termination of an agent that %s ends nothing', async (_, states) => {
    const worker = await doubted(...states);
    await worker.clock.advance(3_000);
    if (states.at(-1) === 'lost') {
      await worker.clock.advance(20_000);
      worker.job('AJ_1').context.reportPresence('joined');
    }
    await worker.clock.advance(200_000);
    expect(worker.job('AJ_1').context.signal.aborted).toBe(false);
    expect(worker.reports).toEqual([]);
    expect(worker.lines.filter(({ message }) => message === LEAVE)).toHaveLength(1);
    await worker.end();
  });

  test('an agent that is sent away for good after its termination ends as one that was meant to', async () => {
    const worker = await doubted('joined');
    await worker.clock.advance(3_000);
    worker.job('AJ_1').context.reportPresence('removed');
    await worker.clock.advance(1_010);
    expect(worker.reports).toEqual([expect.objectContaining({ outcome: 'succeeded', error: null })]);
    expect(worker.lines.filter(({ message }) => message === LEAVE)).toEqual([]);
    await worker.end();
  });

  test('an agent that does not get back into its room within a minute has failed', async () => {
    const worker = await doubted('joined', 'lost');
    await worker.clock.advance(49_000);
    expect(worker.reports).toEqual([]);
    await worker.clock.advance(6_000);
    expect(worker.reports).toEqual([expect.objectContaining({ outcome: 'failed', reason: 'the room was lost' })]);
    await worker.end();
  });

  test('a termination while the agent joins is believed when it was sent away 4 s later', async () => {
    const worker = startTestWorker();
    await worker.start();
    await worker.offer('AJ_1', 'AJ_2');
    for (const id of ['AJ_1', 'AJ_2']) {
      worker.job(id).context.reportPresence('joining');
      worker.network.server.terminate(id);
    }
    await worker.settle();
    worker.job('AJ_1').context.reportPresence('joined');
    worker.job('AJ_2').context.reportPresence('removed');
    await worker.clock.advance(3_999);
    expect(worker.reports).toEqual([]);
    await worker.clock.advance(10);
    expect(worker.reports.map((report) => report.jobId)).toEqual(['AJ_2']);
    expect(worker.job('AJ_1').context.signal.aborted).toBe(false);
    await worker.end();
  });
});

describe('drain', () => {
  test('a drain says full with load 1, refuses offers, waits for the jobs and closes the socket last', async () => {
    const worker = startTestWorker();
    await worker.start();
    await worker.offer('AJ_1');
    const drained = worker.manager.drain();
    await worker.settle();
    const { server } = worker.network;
    expect(server.loads.at(-1)).toMatchObject({ status: WorkerStatus.WS_FULL, load: 1 });
    await worker.offer('AJ_2');
    expect(server.answers.at(-1)).toMatchObject({ jobId: 'AJ_2', available: false });
    await worker.clock.advance(600_000);
    expect(worker.manager.status.state).toBe('draining');
    expect(worker.network.isOpen).toBe(true);
    worker.job('AJ_1').end();
    await worker.settle();
    await drained;
    expect(statusesOf(worker).at(-1)).toEqual(['AJ_1', 'JS_SUCCESS', '']);
    expect(worker.network.isOpen).toBe(false);
    expect(worker.clock.pendingTimers).toBe(0);
    await worker.manager.stopped();
  });

  test('an idle worker drains at once, also while it connects', async () => {
    for (const hangs of [true, false]) {
      const worker = startTestWorker();
      if (hangs) worker.network.onOpen = () => new Promise(() => {});
      await worker.start();
      const drained = worker.manager.drain();
      await worker.settle();
      await drained;
      expect(worker.clock.pendingTimers).toBe(0);
    }
  });

  test('a drain goes on over a lost socket, and the new registration knows of it', async () => {
    const worker = startTestWorker();
    await worker.start();
    await worker.offer('AJ_1');
    const drained = worker.manager.drain();
    worker.network.cut();
    await worker.clock.advance(1_000);
    expect(worker.network.sockets).toHaveLength(2);
    expect(worker.network.server.loads[0]).toMatchObject({ status: WorkerStatus.WS_FULL, load: 1 });
    await worker.offer('AJ_2');
    expect(worker.network.server.answers.at(-1)?.available).toBe(false);
    worker.job('AJ_1').end();
    await worker.settle();
    await drained;
  });

  test('a drain that takes too long ends the jobs, with their callbacks', async () => {
    const worker = startTestWorker({ drainTimeoutMs: 60_000 });
    await worker.start();
    await worker.offer('AJ_1');
    const reasons: string[] = [];
    worker.job('AJ_1').context.addShutdownCallback((reason) => reasons.push(reason));
    const drained = worker.manager.drain();
    await worker.clock.advance(60_100);
    await drained;
    expect(reasons).toEqual(['the worker stops']);
  });

  test('a stop ends the jobs now; one that hangs cannot hold it', async () => {
    const worker = startTestWorker({ shutdownTimeoutMs: 5_000 });
    await worker.start();
    await worker.offer('AJ_1');
    worker.job('AJ_1').context.addShutdownCallback(() => new Promise(() => {}), 'hangs');
    const stopped = worker.manager.stop();
    await worker.clock.advance(5_100);
    await stopped;
    expect(worker.reports[0]?.callbacks).toEqual([
      { name: 'hangs', outcome: 'timedOut', error: 'did not end in time' },
    ]);
    expect(worker.clock.pendingTimers).toBe(0);
  });
});

describe('available', () => {
  test('resolves when the worker takes calls, at once when it does already', async () => {
    const worker = startTestWorker();
    worker.network.script.registers = false;
    const seen: string[] = [];
    void worker.manager.available().then(() => seen.push(worker.manager.status.state));
    await worker.start();
    await worker.clock.advance(5_000);
    expect(seen).toEqual([]);
    worker.network.script.registers = true;
    await worker.clock.advance(20_000);
    expect(seen).toEqual(['available']);
    await worker.manager.available();
    await worker.end();
    expect(worker.clock.pendingTimers).toBe(0);
  });

  test('rejects when the worker ends before, with why it gave up', async () => {
    const away = startTestWorker({}, { initialAttempts: 2 });
    away.network.onOpen = () => {
      throw new Error('ECONNREFUSED');
    };
    const refused = expect(away.manager.available()).rejects.toMatchObject({ code: 'ERR_TRANSPORT' });
    await away.start();
    await away.clock.advance(60_000);
    await refused;
    await away.end();
    const stopped = startTestWorker({ prewarm: () => new Promise(() => {}) });
    const closed = expect(stopped.manager.available()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    void stopped.manager.start();
    await stopped.end();
    await closed;
    expect(stopped.clock.pendingTimers).toBe(0);
  });
});

describe('a stop that is asked for again', () => {
  test('lets the callbacks of the first go on', async () => {
    const worker = startTestWorker();
    await worker.start();
    await worker.offer('AJ_1');
    worker.job('AJ_1').context.addShutdownCallback(() => sleep(worker.clock, 3_000), 'saves');
    const stopped = worker.manager.stop();
    await worker.clock.advance(1_000);
    for (let i = 0; i < 3; i++) void worker.manager.stop();
    void worker.manager.drain();
    await worker.clock.advance(2_100);
    await stopped;
    expect(worker.reports[0]?.callbacks).toEqual([{ name: 'saves', outcome: 'done', error: null }]);
    expect(statusesOf(worker).at(-1)).toEqual(['AJ_1', 'JS_SUCCESS', '']);
  });

  test('forces a drain: the first waits, the second ends the calls', async () => {
    const worker = startTestWorker();
    await worker.start();
    await worker.offer('AJ_1');
    const drained = worker.manager.drain();
    await worker.clock.advance(1_000);
    expect(worker.job('AJ_1').context.signal.aborted).toBe(false);
    void worker.manager.stop();
    await worker.clock.advance(100);
    await drained;
    expect(worker.job('AJ_1').context.signal.aborted).toBe(true);
  });
});

describe('a worker that is told to end while it prewarms', () => {
  test('ends at once, however long that would take', async () => {
    for (const end of ['drain', 'stop'] as const) {
      const worker = startTestWorker({ prewarm: () => new Promise(() => {}) });
      const started = worker.manager.start();
      await worker.settle();
      const ended = worker.manager[end]();
      await worker.settle();
      await Promise.all([ended, started, worker.manager.stopped()]);
      expect(worker.network.attempts).toBe(0);
      expect(worker.clock.pendingTimers).toBe(0);
    }
  });
});

describe('hostile servers', () => {
  test('bytes that are no messages are told once; ten of them drop the socket', async () => {
    const worker = startTestWorker();
    await worker.start();
    for (let i = 0; i < 9; i++) worker.network.server.sendBytes(Uint8Array.of(255, 255, 255));
    await worker.settle();
    expect(worker.manager.status.state).toBe('available');
    expect(worker.lines.filter((line) => line.message.includes('no agent message'))).toHaveLength(1);
    worker.network.text('{"register":{}}');
    await worker.settle();
    expect(worker.network.isOpen).toBe(false);
    await worker.clock.advance(1_000);
    expect(worker.manager.status.state).toBe('available');
    await worker.end();
  });

  test('an offer before the registration is not taken', async () => {
    const worker = startTestWorker();
    worker.network.script.registers = false;
    await worker.start();
    await worker.offer('AJ_1');
    expect(worker.network.server.answers).toEqual([]);
    expect(worker.manager.status.jobs).toEqual([]);
    await worker.end();
  });

  test('whatever a server does in whatever order: no problem, no job beyond the limit, every taken job reported, all ends', async () => {
    const ids = fc.constantFrom('AJ_1', 'AJ_2', 'AJ_3', 'AJ_4', '');
    const step = fc.oneof(
      fc.record({ kind: fc.constantFrom('offer', 'assign', 'terminate', 'end', 'fail', 'join'), id: ids }),
      fc.record({ kind: fc.constantFrom('cut', 'mute', 'unmute', 'drain'), id: fc.constant('') }),
      fc.record({ kind: fc.constant('bytes'), bytes: fc.uint8Array({ maxLength: 40 }), id: fc.constant('') }),
      fc.record({ kind: fc.constant('wait'), ms: fc.integer({ min: 0, max: 15_000 }), id: fc.constant('') }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.boolean(), async (steps, assigns) => {
        const worker = startTestWorker({ maxJobs: 2 });
        worker.network.script.assigns = assigns;
        await worker.start();
        const started = new Set<unknown>();
        for (const next of steps) {
          const { server } = worker.network;
          if (next.kind === 'offer') server.offer(next.id);
          else if (next.kind === 'assign') server.assign(next.id);
          else if (next.kind === 'terminate') server.terminate(next.id);
          else if (next.kind === 'end') worker.jobs.get(next.id)?.end();
          else if (next.kind === 'fail') worker.jobs.get(next.id)?.fail(new Error('boom'));
          else if (next.kind === 'join') worker.jobs.get(next.id)?.context.reportPresence('joining');
          else if (next.kind === 'cut') worker.network.cut();
          else if (next.kind === 'mute') worker.network.script.registers = false;
          else if (next.kind === 'unmute') worker.network.script.registers = true;
          else if (next.kind === 'drain') void worker.manager.drain();
          else if ('bytes' in next) server.sendBytes(next.bytes);
          await worker.clock.advance('ms' in next ? next.ms : 0, { turns: 4 });
          for (const { context } of worker.jobs.values()) started.add(context);
          expect(worker.manager.status.jobs.length).toBeLessThanOrEqual(2);
        }
        await worker.end();
        expect(worker.problems).toEqual([]);
        const ran = worker.reports.filter(({ outcome }) => outcome === 'succeeded' || outcome === 'failed');
        expect(ran.length).toBeGreaterThanOrEqual(started.size);
        expect(worker.manager.status.jobs).toEqual([]);
        expect(worker.clock.pendingTimers).toBe(0);
      }),
      { numRuns: 120 },
    );
  });
});

test('no line holds the secret, a token or an Authorization header', async () => {
  const worker = startTestWorker();
  await worker.start();
  await worker.offer('AJ_1');
  worker.job('AJ_1').context.log.info({}, 'hello');
  worker.network.cut();
  await worker.clock.advance(20_000);
  await worker.end();
  const text = JSON.stringify(worker.lines);
  expect(text).not.toContain('the-secret-of-the-key');
  expect(text).not.toContain('token-of-AJ_1');
  for (const token of worker.network.tokens) expect(text).not.toContain(token);
  expect(worker.lines).toContainEqual(
    expect.objectContaining({ message: 'hello', jobId: 'AJ_1', room: 'room-of-AJ_1', identity: 'agent-AJ_1' }),
  );
});
