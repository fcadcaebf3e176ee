import { describe, expect, test } from 'vitest';
import type { Problem } from '../../src/observer.ts';
import { SpeechHandle } from '../../src/speech-handle.ts';
import { RunContext, type ToolLogEntry, type ToolSession } from '../../src/tools/index.ts';

function open(parts: Partial<ToolSession> = {}) {
  const controller = new AbortController();
  const userData = new Map<string, unknown>([['userId', 'u_7']]);
  const logs: ToolLogEntry[] = [];
  const metrics: [string, number][] = [];
  const said: string[] = [];
  const problems: Problem[] = [];
  const session: ToolSession = {
    sessionId: 'sess_1',
    userData,
    log: (entry) => logs.push(entry),
    addMetric: (name, delta) => metrics.push([name, delta]),
    say: (text) => {
      said.push(text);
      return new SpeechHandle(`speech_${said.length}`, () => {});
    },
    ...parts,
  };
  const context = new RunContext({
    session,
    callId: 'call_1',
    toolName: 'get_weather',
    signal: controller.signal,
    onProblem: (problem) => problems.push(problem),
  });
  return { context, controller, userData, logs, metrics, said, problems };
}

describe('RunContext', () => {
  test('it says which call of which session runs', () => {
    const { context, controller } = open();
    expect(context).toMatchObject({ sessionId: 'sess_1', callId: 'call_1', toolName: 'get_weather' });
    expect(context.signal).toBe(controller.signal);
  });

  test('what cannot be said is over at once, and never fails a tool that waits for it', async () => {
    const { context, controller } = open();
    controller.abort();
    expect(await context.say('Here it is')).toEqual({ outcome: 'abandoned', turn: null });
  });

  test('a context that was made by hand has no session, and says so', () => {
    const { context } = open();
    expect(() => context.session).toThrow(expect.objectContaining({ code: 'ERR_NOT_PROVIDED', field: 'session' }));
  });

  test('it reads and writes the data of the session', () => {
    const { context, userData } = open();
    expect(context.userData.get('userId')).toBe('u_7');
    context.userData.set('city', 'Oslo');
    expect(context.userData.has('city')).toBe(true);
    expect(userData.get('city')).toBe('Oslo');
  });

  test('logs carry the call', () => {
    const { context, logs } = open();
    context.log.info('searching', { query: 'x' });
    context.log.warn('slow');
    context.log.error('failed');
    expect(logs).toEqual([
      expect.objectContaining({ level: 'info', message: 'searching', fields: { query: 'x' }, callId: 'call_1' }),
      expect.objectContaining({ level: 'warn', sessionId: 'sess_1', fields: {} }),
      expect.objectContaining({ level: 'error', toolName: 'get_weather' }),
    ]);
  });

  test('metrics count by one unless told otherwise, and refuse what is no number', () => {
    const { context, metrics } = open();
    context.updateMetrics('searches');
    context.updateMetrics('bytes', 512);
    expect(metrics).toEqual([
      ['searches', 1],
      ['bytes', 512],
    ]);
    expect(() => context.updateMetrics('bytes', Number.NaN)).toThrow(expect.objectContaining({ field: 'delta' }));
    expect(() => context.updateMetrics('')).toThrow(expect.objectContaining({ field: 'name' }));
  });

  test('a tool may speak while it runs, where the session can', () => {
    const { context, said } = open();
    expect(context.say('One moment')).toMatchObject({ id: 'speech_1', isDone: false });
    expect(said).toEqual(['One moment']);
    const mute = new RunContext({
      session: { sessionId: 's', userData: new Map(), log: () => {}, addMetric: () => {} },
      callId: 'call_1',
      toolName: 'get_weather',
      signal: new AbortController().signal,
    });
    expect(mute.say('One moment').isDone).toBe(true);
  });

  test('a try that was given up changes nothing any more, but may still log', () => {
    const { context, controller, userData, metrics, said, logs } = open();
    controller.abort();
    context.userData.set('userId', 'u_8');
    context.updateMetrics('searches');
    expect(context.say('Here it is').isDone).toBe(true);
    context.log.warn('late');
    expect(userData.get('userId')).toBe('u_7');
    expect({ metrics, said }).toEqual({ metrics: [], said: [] });
    expect(logs).toHaveLength(1);
  });

  test('a session whose hooks throw does not fail the tool', () => {
    const fail = () => {
      throw new Error('sink is gone');
    };
    const { context, problems } = open({ log: fail, addMetric: fail, say: fail });
    context.log.info('searching');
    context.updateMetrics('searches');
    expect(context.say('One moment').isDone).toBe(true);
    expect(problems.map((problem) => problem.where)).toEqual([
      'tool get_weather log',
      'tool get_weather metric',
      'tool get_weather say',
    ]);
  });
});
