import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createActor, fromPromise } from 'xstate';
import { type JobEvent, jobMachine } from '../../src/machines/job.machine.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';

const settings = { decisionMs: 50, assignmentMs: 7_500, startMs: 10_000, recheckMs: 4_000, endMs: 11_000 };
const assigned: JobEvent = { type: 'job.assigned' };
const started: JobEvent = { type: 'job.started' };
const finished = (error: string | null = null): JobEvent => ({ type: 'job.finished', reason: 'entry', error });
const ended = (error: string | null = null): JobEvent => ({ type: 'job.ended', error });
const died: JobEvent = { type: 'job.died', error: 'the host is gone' };
const terminate = (isDoubtful = false): JobEvent => ({ type: 'job.terminate', isDoubtful });
const stop: JobEvent = { type: 'job.stop', reason: 'drain' };
const withdraw: JobEvent = { type: 'job.withdraw' };

type Filter = 'yes' | 'no' | 'throws' | 'hangs';
type Step = JobEvent | number;

function startJob(filter: Filter) {
  const clock = new VirtualClock();
  const effects: string[] = [];
  const note = (name: string) => () => effects.push(name);
  const machine = jobMachine.provide({
    actors: {
      decideJob: fromPromise(async () => {
        if (filter === 'hangs') await new Promise(() => {});
        if (filter === 'throws') throw new Error('no database');
        return filter === 'yes';
      }),
    },
    actions: {
      answerYes: note('yes'),
      answerNo: note('no'),
      startRun: note('start'),
      showRunning: note('running'),
      askServer: note('ask'),
      lookAgain: note('look'),
      stopRun: (_, { reason }) => effects.push(`stop: ${reason}`),
    },
  });
  const job = createActor(machine, { clock, input: { jobId: 'AJ_1', settings } }).start();
  const step = async (next: Step) => {
    if (typeof next === 'number') await clock.advance(next);
    else if (job.getSnapshot().status === 'active') job.send(next);
    await clock.settle();
  };
  return { job, clock, effects, step };
}

const live: readonly Step[] = [0, assigned, started];
const rows: readonly { rule: string; filter?: Filter; steps: readonly Step[]; state: unknown; effects: string[] }[] = [
  { rule: 'a job that the filter takes is accepted at once', steps: [0], state: 'accepted', effects: ['yes'] },
  { rule: 'a job that the filter refuses is refused', filter: 'no', steps: [0], state: 'refused', effects: ['no'] },
  { rule: 'a filter that throws refuses', filter: 'throws', steps: [0], state: 'refused', effects: ['no'] },
  { rule: 'a filter may think until its deadline', filter: 'hangs', steps: [49], state: 'offered', effects: [] },
  { rule: 'a filter that hangs refuses', filter: 'hangs', steps: [50], state: 'refused', effects: ['no'] },
  { rule: 'the assignment is waited for', steps: [0, 7_499], state: 'accepted', effects: ['yes'] },
  { rule: 'a reservation ends without an assignment', steps: [0, 7_500], state: 'expired', effects: ['yes'] },
  { rule: 'a lost socket ends a reservation', steps: [0, withdraw], state: 'expired', effects: ['yes'] },
  {
    rule: 'a lost socket does not touch a running job',
    steps: [...live, withdraw, 60_000],
    state: { running: 'steady' },
    effects: ['yes', 'start', 'running'],
  },
  {
    rule: 'a runner that does not begin is stopped',
    steps: [0, assigned, 10_000],
    state: 'ending',
    effects: ['yes', 'start', 'stop: start'],
  },
  {
    rule: 'an entry that ends well ends the job',
    steps: [...live, finished()],
    state: 'ending',
    effects: ['yes', 'start', 'running', 'stop: entry'],
  },
  {
    rule: 'a job has succeeded after its callbacks',
    steps: [...live, finished(), ended()],
    state: 'succeeded',
    effects: ['yes', 'start', 'running', 'stop: entry'],
  },
  {
    rule: 'an entry that failed fails the job after its callbacks',
    steps: [...live, finished('boom'), ended()],
    state: 'failed',
    effects: ['yes', 'start', 'running', 'stop: entry'],
  },
  {
    rule: 'an entry that ends before it was seen to begin counts',
    steps: [0, assigned, finished('boom'), ended()],
    state: 'failed',
    effects: ['yes', 'start', 'stop: entry'],
  },
  {
    rule: 'a runner that dies fails the job without callbacks',
    steps: [...live, died],
    state: 'failed',
    effects: ['yes', 'start', 'running'],
  },
  {
    rule: 'a job that does not end in time has failed',
    steps: [...live, stop, 11_000],
    state: 'failed',
    effects: ['yes', 'start', 'running', 'stop: drain'],
  },
  {
    rule: 'a termination ends a settled job',
    steps: [...live, terminate()],
    state: 'ending',
    effects: ['yes', 'start', 'running', 'stop: terminated by the server'],
  },
  {
    rule: 'a second termination changes nothing',
    steps: [...live, terminate(), terminate(), stop],
    state: 'ending',
    effects: ['yes', 'start', 'running', 'stop: terminated by the server'],
  },
  {
    rule: 'a termination that may speak of a reconnect is doubted, and the server is asked',
    steps: [...live, terminate(true), 3_999],
    state: { running: 'doubting' },
    effects: ['yes', 'start', 'running', 'ask'],
  },
  {
    rule: 'a doubted termination is looked at again',
    steps: [...live, terminate(true), 4_000],
    state: { running: 'steady' },
    effects: ['yes', 'start', 'running', 'ask', 'look'],
  },
];

describe('job', () => {
  for (const { rule, filter = 'yes', steps, state, effects } of rows) {
    test(rule, async () => {
      const run = startJob(filter);
      for (const next of steps) await run.step(next);
      expect(run.job.getSnapshot().value).toEqual(state);
      expect(run.effects).toEqual(effects);
      run.job.stop();
      expect(run.clock.pendingTimers).toBe(0);
    });
  }

  test('its output tells outcome, reason and error', async () => {
    const run = startJob('yes');
    for (const next of [...live, finished('boom'), ended()]) await run.step(next);
    expect(run.job.getSnapshot().output).toEqual({ outcome: 'failed', reason: 'entry', error: 'boom' });
  });

  test('whatever comes in whatever order, a job ends, is answered once, is started and stopped at most once', async () => {
    const anyStep = fc.oneof(
      fc.constantFrom(assigned, started, finished(), finished('x'), ended(), ended('y'), died, stop, withdraw),
      fc.constantFrom(terminate(), terminate(true)),
      fc.integer({ min: 0, max: 12_000 }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom<Filter>('yes', 'no', 'throws', 'hangs'),
        fc.array(anyStep, { maxLength: 25 }),
        async (filter, steps) => {
          const run = startJob(filter);
          for (const next of [...steps, stop, ended(), 30_000]) await run.step(next);
          const { status, output } = run.job.getSnapshot();
          expect(status).toBe('done');
          expect(['succeeded', 'failed', 'refused', 'expired']).toContain(output?.outcome);
          const count = (pattern: RegExp) => run.effects.filter((effect) => pattern.test(effect)).length;
          expect(count(/^(yes|no)$/)).toBeLessThanOrEqual(1);
          expect(count(/^start$/)).toBeLessThanOrEqual(1);
          expect(count(/^stop/)).toBeLessThanOrEqual(count(/^start$/));
          expect(run.clock.pendingTimers).toBe(0);
        },
      ),
      { numRuns: 150 },
    );
  });
});
