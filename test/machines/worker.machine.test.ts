import { describe, expect, test } from 'vitest';
import { createActor, fromCallback, fromPromise } from 'xstate';
import { AgentError } from '../../src/errors.ts';
import { connectionMachine } from '../../src/machines/connection.machine.ts';
import { type WorkerEvent, workerMachine } from '../../src/machines/worker.machine.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';

const input = {
  registrationId: 'room',
  registrationMs: 10_000,
  drainMs: 3_600_000,
  forceMs: 12_000,
  connection: {
    name: 'worker',
    ownerId: 'room',
    connectTimeoutMs: 5_000,
    baseDelayMs: 500,
    maxDelayMs: 10_000,
    maxAttempts: null,
    stableMs: 30_000,
    jitterSeed: 7,
  },
};
const opened: WorkerEvent = { type: 'worker.opened' };
const registered = (isFull = false): WorkerEvent => ({ type: 'worker.registered', isFull });
const lost: WorkerEvent = { type: 'worker.lost' };
const filled: WorkerEvent = { type: 'worker.filled' };
const freed: WorkerEvent = { type: 'worker.freed' };
const drain = (jobs: number): WorkerEvent => ({ type: 'worker.drain', jobs });
const force: WorkerEvent = { type: 'worker.force' };
const emptied: WorkerEvent = { type: 'worker.emptied' };
const exit: WorkerEvent = { type: 'supervisor.exit' };
const refused = () => {
  throw new AgentError('ERR_TRANSPORT', 'refused', { retryable: false });
};

function startWorker(open: () => void = () => {}) {
  const clock = new VirtualClock();
  const effects: string[] = [];
  const note = (name: string) => () => effects.push(name);
  let isOpen = false;
  const connection = connectionMachine.provide({
    actors: {
      openConnection: fromPromise(async () => open()),
      holdConnection: fromCallback(() => {
        isOpen = true;
        return () => {
          isOpen = false;
        };
      }),
    },
  });
  const machine = workerMachine.provide({
    actors: { connection },
    actions: {
      dropSocket: note('drop'),
      showStatus: note('status'),
      askForDrain: note('askForDrain'),
      endJobs: note('endJobs'),
    },
  });
  const worker = createActor(machine, { clock, input }).start();
  return { worker, clock, effects, isOpen: () => isOpen };
}

const up = [opened, registered()];
const rows: readonly { rule: string; steps: readonly (WorkerEvent | number)[]; state: unknown; effects: string[] }[] = [
  { rule: 'it connects by itself and waits for ever', steps: [3_600_000], state: 'connecting', effects: [] },
  { rule: 'an open socket is not yet a registration', steps: [opened, 9_999], state: 'registering', effects: [] },
  { rule: 'a registration without answer is dropped', steps: [opened, 10_000], state: 'connecting', effects: ['drop'] },
  { rule: 'a registered worker tells its load', steps: up, state: 'available', effects: ['status'] },
  {
    rule: 'a worker that registers full is full',
    steps: [opened, registered(true)],
    state: 'full',
    effects: ['status'],
  },
  { rule: 'the last slot makes it full', steps: [...up, filled], state: 'full', effects: ['status', 'status'] },
  {
    rule: 'a free slot opens it again',
    steps: [...up, filled, freed],
    state: 'available',
    effects: ['status', 'status', 'status'],
  },
  { rule: 'a lost socket is connected again', steps: [...up, lost], state: 'connecting', effects: ['status'] },
  {
    rule: 'a full worker loses its socket as well',
    steps: [...up, filled, lost],
    state: 'connecting',
    effects: ['status', 'status'],
  },
  {
    rule: 'a drain waits for the jobs',
    steps: [...up, drain(2), 3_599_999],
    state: { draining: 'waiting' },
    effects: ['status', 'status'],
  },
  { rule: 'a drain without jobs stops at once', steps: [...up, drain(0)], state: 'stopped', effects: ['status'] },
  {
    rule: 'a drain ends with the last job',
    steps: [...up, drain(1), emptied],
    state: 'stopped',
    effects: ['status', 'status'],
  },
  {
    rule: 'a drain goes on without a socket',
    steps: [...up, drain(1), lost, opened, registered()],
    state: { draining: 'waiting' },
    effects: ['status', 'status'],
  },
  {
    rule: 'a drain that takes too long ends the jobs',
    steps: [...up, drain(1), 3_600_000],
    state: { draining: 'forcing' },
    effects: ['status', 'status', 'endJobs'],
  },
  {
    rule: 'jobs that do not end cannot hold it',
    steps: [...up, drain(1), 3_600_000, 12_000],
    state: 'stopped',
    effects: ['status', 'status', 'endJobs'],
  },
  {
    rule: 'a drain can be forced',
    steps: [...up, drain(1), force],
    state: { draining: 'forcing' },
    effects: ['status', 'status', 'endJobs'],
  },
  {
    rule: 'to be forced again changes nothing: the jobs are ending',
    steps: [...up, drain(1), force, 11_999, force],
    state: { draining: 'forcing' },
    effects: ['status', 'status', 'endJobs'],
  },
  {
    rule: 'nor is it more time for them',
    steps: [...up, drain(1), force, 11_999, force, 1],
    state: 'stopped',
    effects: ['status', 'status', 'endJobs'],
  },
  {
    rule: 'to be asked again is no more time to drain',
    steps: [...up, drain(1), 3_599_999, drain(1), 1],
    state: { draining: 'forcing' },
    effects: ['status', 'status', 'endJobs'],
  },
  {
    rule: 'what is forced stays forced when it is asked to drain',
    steps: [...up, force, drain(1)],
    state: { draining: 'forcing' },
    effects: ['status', 'status', 'endJobs'],
  },
  {
    rule: 'a drain can be asked for while connecting',
    steps: [drain(1)],
    state: { draining: 'waiting' },
    effects: ['status'],
  },
  {
    rule: 'a supervisor that wants it gone starts a drain',
    steps: [...up, exit],
    state: 'available',
    effects: ['status', 'askForDrain'],
  },
];

describe('worker', () => {
  for (const { rule, steps, state, effects: expected } of rows) {
    test(rule, async () => {
      const { worker, clock, effects, isOpen } = startWorker();
      await clock.settle();
      for (const step of steps) {
        if (typeof step === 'number') await clock.advance(step);
        else worker.send(step);
      }
      expect(worker.getSnapshot().value).toEqual(state);
      expect(effects).toEqual(expected);
      expect(isOpen()).toBe(state !== 'stopped');
      worker.stop();
      expect(clock.pendingTimers).toBe(0);
      expect(isOpen()).toBe(false);
    });
  }

  test('a connection that can never be made stops it, and the output tells why', async () => {
    const { worker, clock } = startWorker(refused);
    await clock.settle();
    expect(worker.getSnapshot().output).toEqual({
      exit: 'shutdown',
      failure: { code: 'ERR_TRANSPORT', message: 'refused' },
    });
  });
});
