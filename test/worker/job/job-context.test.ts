import { describe, expect, test } from 'vitest';
import { Agent } from '../../../src/runtime/agent.ts';
import { LoopbackUser } from '../../../src/testing/loopback-user.ts';
import { ScriptedLlm } from '../../../src/testing/scripted-llm.ts';
import { ScriptedStt } from '../../../src/testing/scripted-stt.ts';
import { ScriptedTts } from '../../../src/testing/scripted-tts.ts';
import { ScriptedVad } from '../../../src/testing/scripted-vad.ts';
import type { WorkerOptions } from '../../../src/worker/define-worker.ts';
import type { JobContext } from '../../../src/worker/job/job-context.ts';
import { FakeParticipant, WHY } from '../../transports/livekit/fake-rtc.ts';
import { startTestJob } from '../test-job.ts';
import { startTestWorker } from '../test-worker.ts';

async function startJob(options: Partial<WorkerOptions> = {}) {
  const worker = startTestWorker(options);
  await worker.start();
  await worker.offer('AJ_1');
  return worker;
}

describe('the life of a job', () => {
  test('it ends with its entry function', async () => {
    const worker = await startJob({ entry: async () => {} });
    await worker.settle();
    expect(worker.reports).toEqual([
      expect.objectContaining({ outcome: 'succeeded', reason: 'the entry function is over' }),
    ]);
    await worker.end();
  });

  test('what it holds keeps it alive; a held promise that rejects fails it', async () => {
    const gates: { resolve: () => void; reject: (error: Error) => void }[] = [];
    const entry = (job: JobContext) => {
      for (let i = 0; i < 2; i++) job.hold(new Promise<void>((resolve, reject) => gates.push({ resolve, reject })));
    };
    const worker = await startJob({ entry });
    await worker.clock.advance(60_000);
    expect(worker.reports).toEqual([]);
    gates[0]?.resolve();
    await worker.settle();
    expect(worker.reports).toEqual([]);
    gates[1]?.reject(new Error('the room is gone'));
    await worker.settle();
    expect(worker.reports).toEqual([expect.objectContaining({ outcome: 'failed', error: 'the room is gone' })]);
    await worker.end();
  });

  test('it can end itself, and the second reason is not heard', async () => {
    const worker = await startJob();
    const { context } = worker.job('AJ_1');
    context.shutdown('the user said goodbye');
    context.shutdown('again');
    await worker.settle();
    expect(context.signal.aborted).toBe(true);
    expect(worker.reports).toEqual([
      expect.objectContaining({ outcome: 'succeeded', reason: 'the user said goodbye' }),
    ]);
    await worker.end();
  });

  test('an entry function that ignores its signal cannot hold the job', async () => {
    const worker = await startJob({ entry: () => new Promise(() => {}), shutdownTimeoutMs: 3_000 });
    worker.network.server.terminate('AJ_1');
    await worker.clock.advance(2_999);
    expect(worker.reports).toEqual([]);
    await worker.clock.advance(2);
    expect(worker.reports).toHaveLength(1);
    expect(worker.lines.map((line) => line.message)).toContain('the entry function goes on although its job has ended');
    await worker.end();
  });

  test('a job that is ending starts nothing more, and says so with a code', async () => {
    const worker = await startJob();
    const { context } = worker.job('AJ_1');
    context.shutdown('the user said goodbye');
    await worker.settle();
    const session = { agent: new Agent({}), transport: new LoopbackUser({ clock: worker.clock }).transport };
    for (const refused of [context.startSession(session), context.joinRoom()])
      await expect(refused).rejects.toMatchObject({
        name: 'AgentError',
        code: 'ERR_CLOSED',
        message: expect.stringContaining('the job is ending'),
      });
    await worker.end();
  });

  test('what the signal breaks is no failure of the job', async () => {
    const entry = (job: JobContext) =>
      new Promise((_, reject) => job.signal.addEventListener('abort', () => reject(new Error('aborted'))));
    const worker = await startJob({ entry });
    worker.network.server.terminate('AJ_1');
    await worker.settle();
    expect(worker.reports).toEqual([expect.objectContaining({ outcome: 'succeeded' })]);
    await worker.end();
  });
});

describe('shutdown callbacks', () => {
  test('all of them run, whatever the others do, and their results are reported', async () => {
    const worker = await startJob({ shutdownTimeoutMs: 1_000 });
    const { context, end } = worker.job('AJ_1');
    const ran: string[] = [];
    context.addShutdownCallback((reason) => ran.push(reason), 'first');
    context.addShutdownCallback(() => {
      throw new Error('disk full');
    }, 'second');
    context.addShutdownCallback(() => new Promise(() => {}), 'third');
    end();
    await worker.clock.advance(1_001);
    expect(ran).toEqual(['the entry function is over']);
    expect(worker.reports[0]).toMatchObject({
      outcome: 'succeeded',
      callbacks: [
        { name: 'first', outcome: 'done' },
        { name: 'second', outcome: 'failed', error: 'disk full' },
        { name: 'third', outcome: 'timedOut' },
      ],
    });
    await worker.end();
  });

  for (const [rule, end] of [
    ['a failure', (worker: ReturnType<typeof startTestWorker>) => worker.job('AJ_1').fail(new Error('x'))],
    ['a termination', (worker: ReturnType<typeof startTestWorker>) => worker.network.server.terminate('AJ_1')],
    ['a shutdown', (worker: ReturnType<typeof startTestWorker>) => worker.job('AJ_1').context.shutdown()],
    ['a stop of the worker', (worker: ReturnType<typeof startTestWorker>) => void worker.manager.stop()],
  ] as const) {
    test(`they run once after ${rule}`, async () => {
      const worker = await startJob();
      let runs = 0;
      worker.job('AJ_1').context.addShutdownCallback(() => runs++);
      end(worker);
      await worker.settle();
      await worker.end();
      expect(runs).toBe(1);
    });
  }

  test('one that comes too late is refused', async () => {
    const worker = await startJob();
    const { context } = worker.job('AJ_1');
    context.shutdown();
    await worker.settle();
    expect(() => context.addShutdownCallback(() => {})).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
    await worker.end();
  });
});

describe('participants', () => {
  test('an entrypoint runs once for each, those already there included; one that throws is only logged', async () => {
    const { world, job, lines, held, settle, settled } = startTestJob();
    world.present.push(new FakeParticipant('ann'));
    await settled(job.joinRoom());
    const seen: string[] = [];
    job.addParticipantEntrypoint((_, { identity }) => {
      seen.push(identity);
      throw new Error('boom');
    });
    const bob = new FakeParticipant('bob');
    world.room.enter(bob);
    world.room.enter(bob); // told twice
    await settle();
    expect(seen).toEqual(['ann', 'bob']);
    expect(lines.filter((line) => line.level === 'error').map((line) => line.participant)).toEqual(seen);
    expect(held).toMatchObject({ count: 0, failures: [] });
  });

  test('one can be waited for, by identity or as the first; the end of the job ends the wait', async () => {
    const { world, job, controller, settled } = startTestJob();
    await settled(job.joinRoom());
    const first = job.waitForParticipant();
    const named = job.waitForParticipant('bob');
    const never = expect(job.waitForParticipant('eve')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    const ann = new FakeParticipant('ann');
    world.room.enter(ann);
    world.room.enter(new FakeParticipant('bob'));
    expect((await first).identity).toBe('ann');
    expect((await named).identity).toBe('bob');
    expect((await job.waitForParticipant('ann')).identity).toBe('ann');
    world.room.leave(ann, WHY.CLIENT_INITIATED);
    expect(job.participants.map((participant) => participant.identity)).toEqual(['bob']);
    controller.abort();
    await never;
  });
});

describe('sessions', () => {
  test('a session keeps its job, hears its user, and ends with it', async () => {
    const clockUser: { user?: LoopbackUser } = {};
    const worker = startTestWorker({
      entry: async (job) => {
        const user = new LoopbackUser({ clock: job.clock });
        clockUser.user = user;
        const agent = new Agent({
          instructions: 'You answer.',
          vad: new ScriptedVad(),
          stt: new ScriptedStt(user.script),
          tts: new ScriptedTts(),
          llm: new ScriptedLlm({ clock: job.clock, answers: { hello: { text: 'good day' } } }),
          turnDetector: null,
        });
        await job.startSession({ agent, transport: user.transport });
      },
    });
    await worker.start();
    await worker.offer('AJ_1');
    await worker.clock.advance(100);
    expect(worker.manager.status.jobs[0]?.state).toBe('running');
    clockUser.user?.type('hello');
    await worker.clock.advance(3_000);
    expect(clockUser.user?.listen().length).toBeGreaterThan(0);
    clockUser.user?.hangUp();
    await worker.clock.advance(3_000);
    expect(worker.reports).toEqual([expect.objectContaining({ outcome: 'succeeded' })]);
    await worker.end();
    expect(worker.problems).toEqual([]);
  });
});

test('prewarm runs once before the worker registers, and its data is there for every job', async () => {
  const seen: unknown[] = [];
  const worker = startTestWorker({
    prewarm: async (data) => {
      data.set('voice', 'warm');
    },
    entry: (job) => {
      seen.push(job.processData.get('voice'));
    },
  });
  await worker.start();
  await worker.offer('AJ_1', 'AJ_2');
  await worker.settle();
  expect(seen).toEqual(['warm', 'warm']);
  await worker.end();
});

test.each([
  ['throws', () => Promise.reject(new Error('no model')), 'ERR_WORKER'],
  ['hangs', () => new Promise(() => {}), 'ERR_TIMEOUT'],
])('a prewarm that %s fails the start, and nothing was registered', async (_, prewarm, code) => {
  const worker = startTestWorker({ prewarm, prewarmTimeoutMs: 1_000 });
  const failed = expect(worker.manager.start()).rejects.toMatchObject({ code });
  await worker.clock.advance(1_000);
  await failed;
  expect(worker.network.attempts).toBe(0);
});

test('a context that is shown holds no token', async () => {
  const worker = await startJob();
  const { context } = worker.job('AJ_1');
  const { inspect } = await import('node:util');
  expect(inspect(context, { depth: 5 })).not.toContain('token-of');
  expect(context.token).toBe('token-of-AJ_1');
  await worker.end();
});
