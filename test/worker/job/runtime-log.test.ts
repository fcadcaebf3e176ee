import { describe, expect, test } from 'vitest';
import { AgentError } from '../../../src/errors.ts';
import { Agent, type AgentSession } from '../../../src/index.ts';
import { crash } from '../../../src/testing/index.ts';
import { LoopbackUser } from '../../../src/testing/loopback-user.ts';
import { ScriptedLlm } from '../../../src/testing/scripted-llm.ts';
import { ScriptedStt } from '../../../src/testing/scripted-stt.ts';
import { ScriptedTts } from '../../../src/testing/scripted-tts.ts';
import { ScriptedVad } from '../../../src/testing/scripted-vad.ts';
import { VirtualClock } from '../../../src/testing/virtual-clock.ts';
import { tool } from '../../../src/tools/index.ts';
import { InProcessRunner } from '../../../src/worker/in-process-runner.ts';
import { reportLog } from '../../../src/worker/job/runtime-log.ts';
import { type LogLine, recorder, startTestWorker } from '../test-worker.ts';

const PIN = 'my pin is 4711';
const IDS = { jobId: 'AJ_1', room: 'room-of-AJ_1', identity: 'agent-AJ_1' };

/** A worker with one job, which holds one session with a user who says a secret. */
async function startCall(llm: (clock: VirtualClock) => ScriptedLlm = (clock) => new ScriptedLlm({ clock })) {
  const clock = new VirtualClock();
  const user = new LoopbackUser({ clock });
  const lookUp = tool({
    name: 'look_up',
    description: 'Looks up.',
    execute: (_, { log }) => {
      log.warn('the backend is slow', { said: PIN });
      return 'found';
    },
  });
  const agent = new Agent({
    instructions: 'You answer.',
    vad: new ScriptedVad(),
    stt: new ScriptedStt(user.script),
    tts: new ScriptedTts(),
    llm: llm(clock),
    turnDetector: null,
    tools: [lookUp],
  });
  let session: AgentSession | null = null;
  const worker = startTestWorker(
    {
      entry: async (job) => {
        session = await job.startSession({ agent, transport: user.transport });
      },
    },
    { clock },
  );
  await worker.start();
  await worker.offer('AJ_1');
  await worker.settle();
  if (session === null) throw new Error('there is no session');
  const open: AgentSession = session;
  const told = (level: string) => worker.lines.filter((line) => line.level === level);
  return { ...worker, session: open, ids: { ...IDS, sessionId: open.sessionId }, told };
}

describe('what goes wrong inside of a call is in the log of the worker, with the ids of the call and no words of it', () => {
  test('a model that fails', async () => {
    const call = await startCall((clock) => {
      const otherwise = (said: string) => ({ error: new Error(`401: no key, and you said ${said}`) });
      return new ScriptedLlm({ clock, otherwise });
    });
    const reply = call.session.sendText(PIN);
    await call.clock.advance(20_000);
    await reply;
    expect(call.told('warn')).toContainEqual(
      expect.objectContaining({ ...call.ids, message: 'session error', code: 'ERR_PROVIDER', part: 'turn' }),
    );
    expect(JSON.stringify(call.lines)).not.toContain('4711');
    await call.end();
  });

  test('what tools write', async () => {
    const call = await startCall((clock) => {
      const answers = { [PIN]: { calls: [{ name: 'look_up' }] } };
      return new ScriptedLlm({ clock, answers });
    });
    const reply = call.session.sendText(PIN);
    await call.clock.advance(20_000);
    await reply;
    expect(call.told('warn')).toEqual([
      { ...call.ids, level: 'warn', message: 'the backend is slow', callId: expect.any(String), toolName: 'look_up' },
    ]);
    await call.end();
  });

  test('a part that is started again', async () => {
    const call = await startCall();
    const { runner } = call.manager;
    if (!(runner instanceof InProcessRunner)) throw new Error('the jobs run elsewhere');
    const stt = runner.runtime.registry.whereis(`${call.session.sessionId}/stt`);
    if (stt === undefined) throw new Error('there is no stt');
    crash(stt);
    await call.clock.advance(5_000);
    expect(call.told('warn')).toEqual([
      expect.objectContaining({ ...call.ids, message: 'a part crashed', kind: 'child_terminated', child: 'stt' }),
    ]);
    await call.end();
  });

  test('a listener that throws', async () => {
    const call = await startCall();
    call.session.on('turn_started', () => {
      throw new TypeError(`cannot use ${PIN}\n    at ${PIN}`);
    });
    const reply = call.session.sendText('hello');
    await call.clock.advance(20_000);
    await reply;
    expect(call.told('error')).toEqual([
      expect.objectContaining({
        message: 'problem',
        where: 'listener turn_started',
        error: 'TypeError',
        at: expect.stringContaining('runtime-log.test.ts'),
      }),
    ]);
    expect(JSON.stringify(call.lines)).not.toContain('4711');
    await call.end();
  });

  test('a call in which nothing goes wrong leaves no warning', async () => {
    const call = await startCall();
    const reply = call.session.sendText('hello');
    await call.clock.advance(20_000);
    await reply;
    await call.end();
    expect([...call.told('warn'), ...call.told('error')]).toEqual([]);
  });
});

test('what ends in the tree of a worker is told by the code of its error', () => {
  const lines: LogLine[] = [];
  const report = reportLog(recorder(lines), (sessionId) => ({ jobId: `job of ${sessionId}` }));
  const child = { id: 'jobs', type: 'worker', restart: 'permanent', shutdown: 'infinity', significant: false } as const;
  const at = { type: 'report', supervisor: 'worker', child: { ...child, ref: undefined } } as const;
  report({ ...at, kind: 'progress' });
  report({ ...at, kind: 'child_terminated', reason: { error: new AgentError('ERR_ENGINE', PIN) } });
  report({ ...at, kind: 'start_error', reason: { error: new TypeError(PIN) } });
  report({ ...at, kind: 'shutdown_error', reason: 'killed', supervisor: 'runtime/sessions/session:sess_1/media' });
  report({ ...at, kind: 'shutdown', reason: 'reached_max_restart_intensity' });
  expect(lines.map(({ message, reason, jobId }) => [message, reason, jobId])).toEqual([
    ['a part crashed', 'ERR_ENGINE', undefined],
    ['a part did not start', 'TypeError', undefined],
    ['a part did not end as it was told to', 'killed', 'job of sess_1'],
    ['a supervisor gave up', 'reached_max_restart_intensity', undefined],
  ]);
  expect(JSON.stringify(lines)).not.toContain('4711');
});
