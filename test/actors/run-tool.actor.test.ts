import { describe, expect, test } from 'vitest';
import { createActor, fromPromise } from 'xstate';
import { makeRunTool, type RunToolInput, type RunToolParts } from '../../src/actors/run-tool.actor.ts';
import { type FallBackRef, type ToolCallRef, toolCallMachine } from '../../src/machines/tool-call.machine.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import { executeOnce, fallbackText, prepareCall, RunContext, ToolRegistry, tool } from '../../src/tools/index.ts';

const input: RunToolInput = { sessionId: 'sess_1', callId: 'call_1', toolName: 'get_weather' };

function setUp(execute: (context: RunContext) => unknown, parts: Partial<RunToolParts> = {}) {
  const weather = tool({ name: 'get_weather', description: 'Weather', execute: (_, context) => execute(context) });
  const registry = new ToolRegistry([weather]);
  const userData = new Map<string, unknown>();
  const logic = makeRunTool({
    lookup: ({ toolName }) => ({ tool: registry.require(toolName), args: {} }),
    contextOf: ({ sessionId, callId, toolName }, signal) =>
      new RunContext({
        session: { sessionId, userData, log: () => {}, addMetric: () => {} },
        callId,
        toolName,
        signal,
      }),
    execute: executeOnce,
    ...parts,
  });
  return { logic, weather, registry, userData };
}

/** Starts the actor alone; `end` is how it ended. */
async function runAlone(logic: ReturnType<typeof makeRunTool>, stop = false) {
  const actor = createActor(logic, { input });
  const errors: unknown[] = [];
  actor.subscribe({ error: (error) => errors.push(error) });
  actor.start();
  if (stop) actor.stop();
  await new VirtualClock().settle();
  return { snapshot: actor.getSnapshot(), errors };
}

describe('runTool', () => {
  test('it ends with the text for the model', async () => {
    const { logic } = setUp(() => ({ temp: 20 }));
    const { snapshot } = await runAlone(logic);
    expect(snapshot).toMatchObject({ status: 'done', output: '{"temp":20}' });
  });

  test('a failure is told with its real cause, and ends the actor', async () => {
    const secret = new Error('password=hunter2');
    const { logic } = setUp(() => Promise.reject(secret));
    const { snapshot, errors } = await runAlone(logic);
    expect(snapshot.status).toBe('error');
    expect(errors).toMatchObject([{ code: 'ERR_TOOL_FAILED', cause: secret }]);
  });

  test('a call that nobody knows any more is closed', async () => {
    const { logic } = setUp(() => 'sunny', { lookup: () => undefined });
    expect((await runAlone(logic)).errors).toMatchObject([{ code: 'ERR_CLOSED' }]);
  });

  test('a lookup that throws is a failed try', async () => {
    const { logic } = setUp(() => 'sunny', {
      lookup: () => {
        throw new Error('ledger is gone');
      },
    });
    expect((await runAlone(logic)).errors).toMatchObject([{ code: 'ERR_TOOL_FAILED' }]);
  });

  test('a stop aborts the signal of the tool, which is no failure', async () => {
    let signal: AbortSignal | undefined;
    const { logic } = setUp((context) => {
      signal = context.signal;
      return new Promise(() => {});
    });
    const { snapshot, errors } = await runAlone(logic, true);
    expect(signal?.aborted).toBe(true);
    expect(snapshot.status).toBe('stopped');
    expect(errors).toEqual([]);
  });
});

describe('a whole tool call', () => {
  function call(execute: (context: RunContext, attempt: number) => unknown) {
    let attempt = 0;
    const parts = setUp((context) => execute(context, ++attempt));
    const clock = new VirtualClock();
    const logic = toolCallMachine.provide({
      actors: {
        validateCall: fromPromise<{ admitted: boolean }, ToolCallRef>(async ({ input: { toolName } }) => {
          await prepareCall(parts.registry, { name: toolName, arguments: '{}' });
          return { admitted: true };
        }),
        admitCall: fromPromise<{ admitted: boolean }, ToolCallRef>(() => Promise.resolve({ admitted: true })),
        runTool: parts.logic,
        fallBack: fromPromise<string, FallBackRef>(({ input: { reason } }) =>
          Promise.resolve(fallbackText(parts.weather, reason)),
        ),
      },
      actions: { tellBreaker: () => {}, recordOutput: () => {} },
    });
    const { timeoutMs, maxRetries, retryDelayMs } = parts.weather;
    const limits = { timeoutMs, maxRetries, retryDelayMs, retryOnTimeout: true };
    const actor = createActor(logic, { clock, input: { ...input, ...limits } }).start();
    return { ...parts, clock, actor };
  }

  test('a secret in an error never reaches the model', async () => {
    const { clock, actor } = call(() => Promise.reject(new Error('password=hunter2')));
    await clock.advance(3000);
    expect(actor.getSnapshot().output).toMatchObject({
      outcome: 'failed',
      output: 'An internal error occurred',
      tries: 4,
    });
  });

  test('a tool that hangs for ever ends with the fallback message within its budget', async () => {
    const { clock, actor } = call(() => new Promise(() => {}));
    await clock.advance(23_000);
    expect(actor.getSnapshot().output).toMatchObject({
      outcome: 'timedOut',
      output: "I'm having trouble with that request right now.",
    });
    expect(clock.pendingTimers).toBe(0);
  });

  test('a try that was given up cannot write over the one that went on', async () => {
    const late: (() => void)[] = [];
    const { clock, actor, userData } = call((context, attempt) => {
      if (attempt === 1) {
        return new Promise((resolve) => {
          late.push(() => {
            context.userData.set('answer', 'old');
            resolve('old');
          });
        });
      }
      context.userData.set('answer', 'new');
      return 'new';
    });
    await clock.advance(6000);
    late[0]?.();
    await clock.settle();
    expect(actor.getSnapshot().output).toMatchObject({ outcome: 'succeeded', output: 'new', tries: 2 });
    expect(userData.get('answer')).toBe('new');
  });
});
