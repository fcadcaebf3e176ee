import { describe, expect, test } from 'vitest';
import { type Actor, createActor, fromPromise, initialTransition, transition } from 'xstate';
import { getShortestPaths } from 'xstate/graph';
import { AgentError } from '../../src/errors.ts';
import {
  type FallBackRef,
  TOOL_OVERHEAD_MS,
  TOOL_STEP_DEADLINE_MS,
  type ToolCallOutput,
  type ToolCallRef,
  toolCallBudgetMs,
  toolCallMachine,
  toolCallOutput,
} from '../../src/machines/tool-call.machine.ts';
import { CANCELLED_TEXT, INTERNAL_ERROR_TEXT } from '../../src/model-texts.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import { hang } from './hang.ts';

const input = {
  sessionId: 'sess_1',
  callId: 'call_1',
  toolName: 'get_weather',
  timeoutMs: 5000,
  maxRetries: 3,
  retryDelayMs: 1000,
  retryOnTimeout: true,
};
const budgetMs = 4 * 5000 + 3 * 1000;
const refusal = () => Promise.reject(new AgentError('ERR_TOOL_REPORTED', 'no such city'));
const crash = () => Promise.reject(new Error('password=hunter2'));
/** A breaker that admits the first try. */
const later = (answer: () => Promise<never>) => (asked: number) =>
  asked === 1 ? Promise.resolve({ admitted: true }) : answer();

interface Parts {
  readonly validate?: () => Promise<void>;
  /** `asked` is 1 for the breaker's answer that comes with validation. */
  readonly admit?: (asked: number) => Promise<{ admitted: boolean }>;
  readonly run?: (attempt: number) => Promise<string>;
  readonly fallBack?: (reason: string) => Promise<string>;
}

/** A call on a virtual clock; `recorded` is what the ledger was told and what the call looked like at that moment. */
function startCall(parts: Parts, limits: Partial<typeof input> = {}) {
  const clock = new VirtualClock();
  const recorded: { status: string; output: ToolCallOutput }[] = [];
  const breaker: string[] = [];
  const signals: AbortSignal[] = [];
  let attempts = 0;
  let asked = 0;
  let actor: Actor<typeof toolCallMachine> | undefined;
  const admit = () => parts.admit?.(++asked) ?? Promise.resolve({ admitted: true });
  const logic = toolCallMachine.provide({
    actors: {
      validateCall: fromPromise<{ admitted: boolean }, ToolCallRef>(async () => {
        await parts.validate?.();
        return admit();
      }),
      admitCall: fromPromise<{ admitted: boolean }, ToolCallRef>(admit),
      runTool: fromPromise<string, ToolCallRef>(({ signal }) => {
        signals.push(signal);
        attempts += 1;
        return parts.run?.(attempts) ?? Promise.resolve('sunny');
      }),
      fallBack: fromPromise<string, FallBackRef>(
        ({ input: { reason } }) => parts.fallBack?.(reason) ?? Promise.resolve(`fallback: ${reason}`),
      ),
    },
    actions: {
      tellBreaker: (_, { result }) => void breaker.push(result),
      recordOutput: ({ context }) => {
        recorded.push({ status: actor?.getSnapshot().status ?? 'none', output: toolCallOutput(context) });
      },
    },
  });
  actor = createActor(logic, {
    clock,
    input: { ...input, ...limits },
  });
  actor.subscribe({ error: () => {} });
  actor.start();
  return { clock, actor, recorded, breaker, signals, attempts: () => attempts };
}

interface Row {
  readonly rule: string;
  readonly parts: Parts;
  readonly limits?: Partial<typeof input>;
  readonly afterMs?: number;
  readonly outcome: string;
  readonly output: string;
  readonly tries: number;
  readonly code?: string;
  readonly breaker?: readonly string[];
}

const rows: readonly Row[] = [
  {
    rule: 'a tool that answers gives its text to the model',
    parts: {},
    outcome: 'succeeded',
    output: 'sunny',
    tries: 1,
    breaker: ['succeeded'],
  },
  {
    rule: 'an empty answer stays empty',
    parts: { run: () => Promise.resolve('') },
    outcome: 'succeeded',
    output: '',
    tries: 1,
  },
  {
    rule: 'arguments that do not fit are rejected with the reason and never tried',
    parts: { validate: () => Promise.reject(new AgentError('ERR_TOOL_ARGUMENTS', 'city must be text')) },
    outcome: 'rejected',
    output: 'city must be text',
    tries: 0,
    code: 'ERR_TOOL_ARGUMENTS',
    breaker: [],
  },
  {
    rule: 'a validator that throws something else tells the model nothing of it',
    parts: { validate: crash },
    outcome: 'rejected',
    output: INTERNAL_ERROR_TEXT,
    tries: 0,
    code: 'ERR_TOOL_FAILED',
  },
  {
    rule: 'a validator that hangs is left after its deadline',
    parts: { validate: hang },
    afterMs: TOOL_STEP_DEADLINE_MS,
    outcome: 'timedOut',
    output: 'fallback: timedOut',
    tries: 0,
    code: 'ERR_TOOL_TIMEOUT',
  },
  {
    rule: 'an open breaker rejects the call with the fallback',
    parts: { admit: () => Promise.resolve({ admitted: false }) },
    outcome: 'rejected',
    output: 'fallback: unavailable',
    tries: 0,
    code: 'ERR_TOOL_UNAVAILABLE',
    breaker: [],
  },
  {
    rule: 'a breaker that hangs counts as open',
    parts: { run: crash, admit: later(hang) },
    limits: { retryDelayMs: 0 },
    afterMs: TOOL_STEP_DEADLINE_MS,
    outcome: 'rejected',
    output: 'fallback: unavailable',
    tries: 1,
  },
  {
    rule: 'a breaker that throws ends the call with the fallback',
    parts: { run: crash, admit: later(crash) },
    limits: { retryDelayMs: 0 },
    outcome: 'failed',
    output: 'fallback: failed',
    tries: 1,
  },
  {
    rule: 'a refusal of the tool reaches the model verbatim and is not tried again',
    parts: { run: refusal },
    outcome: 'failed',
    output: 'no such city',
    tries: 1,
    code: 'ERR_TOOL_REPORTED',
    breaker: ['succeeded'],
  },
  {
    rule: 'a refusal marked as retryable is tried again and then told verbatim',
    parts: { run: () => Promise.reject(new AgentError('ERR_TOOL_REPORTED', 'busy', { retryable: true })) },
    limits: { maxRetries: 1 },
    afterMs: 1000,
    outcome: 'failed',
    output: 'busy',
    tries: 2,
  },
  {
    rule: 'a throw is retried after the delay and a later answer counts',
    parts: { run: (attempt) => (attempt < 3 ? crash() : Promise.resolve('sunny')) },
    afterMs: 2000,
    outcome: 'succeeded',
    output: 'sunny',
    tries: 3,
    breaker: ['failed', 'failed', 'succeeded'],
  },
  {
    rule: 'throws in every try end in the fallback',
    parts: { run: crash },
    afterMs: 3000,
    outcome: 'failed',
    output: 'fallback: failed',
    tries: 4,
    code: 'ERR_TOOL_FAILED',
    breaker: ['failed', 'failed', 'failed', 'failed'],
  },
  {
    rule: 'an error that cannot go away is not retried',
    parts: { run: () => Promise.reject(new AgentError('ERR_NOT_PROVIDED', 'slot runTool has no implementation')) },
    outcome: 'failed',
    output: 'fallback: failed',
    tries: 1,
  },
  {
    rule: 'a tool that hangs in every try ends after tries x timeout + delays',
    parts: { run: hang },
    afterMs: budgetMs,
    outcome: 'timedOut',
    output: 'fallback: timedOut',
    tries: 4,
    code: 'ERR_TOOL_TIMEOUT',
  },
  {
    rule: 'a try that hung is not repeated unless the tool says so',
    parts: { run: hang },
    limits: { retryOnTimeout: false },
    afterMs: 5000,
    outcome: 'timedOut',
    output: 'fallback: timedOut',
    tries: 1,
    code: 'ERR_TOOL_TIMEOUT',
    breaker: ['failed'],
  },
  {
    rule: 'no retries means a single try',
    parts: { run: hang },
    limits: { maxRetries: 0 },
    afterMs: 5000,
    outcome: 'timedOut',
    output: 'fallback: timedOut',
    tries: 1,
  },
  {
    rule: 'the reason of the last try counts',
    parts: { run: (attempt) => (attempt === 1 ? hang() : crash()) },
    limits: { maxRetries: 1 },
    afterMs: 6000,
    outcome: 'failed',
    output: 'fallback: failed',
    tries: 2,
  },
  {
    rule: 'a fallback that throws still gives the model an output',
    parts: { run: hang, fallBack: crash },
    limits: { maxRetries: 0 },
    afterMs: 5000,
    outcome: 'timedOut',
    output: INTERNAL_ERROR_TEXT,
    tries: 1,
  },
  {
    rule: 'a fallback that hangs is left after its deadline',
    parts: { admit: () => Promise.resolve({ admitted: false }), fallBack: hang },
    afterMs: TOOL_STEP_DEADLINE_MS,
    outcome: 'rejected',
    output: INTERNAL_ERROR_TEXT,
    tries: 0,
  },
];

describe('toolCall', () => {
  for (const row of rows) {
    test(row.rule, async () => {
      const call = startCall(row.parts, row.limits);
      if (row.afterMs !== undefined && row.afterMs > 0) {
        await call.clock.advance(row.afterMs - 1);
        expect(call.actor.getSnapshot().status).toBe('active');
      }
      await call.clock.advance(row.afterMs === undefined ? 0 : 1);
      const { status, output, value } = call.actor.getSnapshot();
      expect({ status, value, outcome: output?.outcome, output: output?.output, tries: output?.tries }).toEqual({
        status: 'done',
        value: row.outcome,
        outcome: row.outcome,
        output: row.output,
        tries: row.tries,
      });
      if (row.code !== undefined) expect(output?.failure?.code).toBe(row.code);
      if (row.outcome === 'succeeded') expect(output?.failure).toBeNull();
      if (row.breaker !== undefined) expect(call.breaker).toEqual(row.breaker);
      expect(JSON.parse(JSON.stringify(output))).toEqual(output);
      expect(output?.output).not.toContain('hunter2');
      expect(call.clock.pendingTimers).toBe(0);
    });
  }

  test('the output is recorded once, before anyone sees the final state', async () => {
    const call = startCall({});
    await call.clock.settle();
    expect(call.recorded).toEqual([{ status: 'active', output: call.actor.getSnapshot().output }]);
  });

  test('the breaker decides again before every retry', async () => {
    const call = startCall({ run: crash, admit: (asked) => Promise.resolve({ admitted: asked < 3 }) });
    await call.clock.advance(2000);
    expect(call.actor.getSnapshot().output).toMatchObject({ outcome: 'rejected', tries: 2 });
  });

  test('an answer that comes after its try was given up changes nothing', async () => {
    const late: ((text: string) => void)[] = [];
    const call = startCall({ run: () => new Promise((resolve) => late.push(resolve)) }, { maxRetries: 1 });
    await call.clock.advance(5000);
    late[0]?.('too late');
    await call.clock.settle();
    expect(call.actor.getSnapshot().value).toBe('waitingRetry');
    expect(call.signals[0]?.aborted).toBe(true);
    await call.clock.advance(1000);
    late[1]?.('in time');
    await call.clock.settle();
    expect(call.actor.getSnapshot().output).toMatchObject({ outcome: 'succeeded', output: 'in time', tries: 2 });
  });

  const stops: readonly { state: string; parts: Parts; atMs: number; breaker: readonly string[] }[] = [
    { state: 'validating', parts: { validate: hang }, atMs: 0, breaker: ['released'] },
    { state: 'admitting', parts: { run: hang, admit: later(hang) }, atMs: 6000, breaker: ['failed', 'released'] },
    { state: 'running', parts: { run: hang }, atMs: 0, breaker: ['released'] },
    { state: 'waitingRetry', parts: { run: hang }, atMs: 5000, breaker: ['failed'] },
    {
      state: 'fallingBack',
      parts: { admit: () => Promise.resolve({ admitted: false }), fallBack: hang },
      atMs: 0,
      breaker: [],
    },
  ];
  for (const { state, parts, atMs, breaker } of stops) {
    test(`a cancel in ${state} ends the call with an output and gives the breaker its probe back`, async () => {
      const call = startCall(parts);
      await call.clock.advance(atMs);
      expect(call.actor.getSnapshot().value).toBe(state);
      call.actor.send({ type: 'tool.cancel' });
      expect(call.actor.getSnapshot().output).toMatchObject({ outcome: 'cancelled', output: CANCELLED_TEXT });
      expect(call.recorded).toHaveLength(1);
      expect(call.breaker).toEqual(breaker);
      expect(call.clock.pendingTimers).toBe(0);
    });
  }

  test('a call never outlives its budget, however slow its housekeeping is', async () => {
    const clock = new VirtualClock();
    const slow = <T>(value: T) =>
      new Promise<T>((resolve) => void clock.setTimeout(() => resolve(value), TOOL_STEP_DEADLINE_MS - 1));
    const logic = toolCallMachine.provide({
      actors: {
        validateCall: fromPromise<{ admitted: boolean }, ToolCallRef>(() => slow({ admitted: true })),
        admitCall: fromPromise<{ admitted: boolean }, ToolCallRef>(() => slow({ admitted: true })),
        runTool: fromPromise<string, ToolCallRef>(hang),
        fallBack: fromPromise<string, FallBackRef>(() => slow('fallback')),
      },
      actions: { tellBreaker: () => {}, recordOutput: () => {} },
    });
    const actor = createActor(logic, { clock, input });
    actor.start();
    await clock.advance(toolCallBudgetMs(input) + TOOL_OVERHEAD_MS);
    expect(actor.getSnapshot().output).toMatchObject({ outcome: 'timedOut', output: INTERNAL_ERROR_TEXT });
  });

  test('the budget is tries x timeout + delays', () => {
    expect(toolCallBudgetMs(input)).toBe(budgetMs);
    expect(toolCallBudgetMs({ timeoutMs: 100, maxRetries: 0, retryDelayMs: 9999 })).toBe(100);
  });

  test('a chart without its slots ends as rejected instead of hanging', async () => {
    const clock = new VirtualClock();
    const actor = createActor(toolCallMachine.provide({ actions: { recordOutput: () => {} } }), { clock, input });
    actor.start();
    await clock.settle();
    expect(actor.getSnapshot().output).toMatchObject({
      outcome: 'rejected',
      output: INTERNAL_ERROR_TEXT,
      failure: { code: 'ERR_NOT_PROVIDED' },
    });
  });

  test('starting asks for the check of the arguments and for nothing else', () => {
    const [snapshot, actions] = initialTransition(toolCallMachine, input);
    expect(snapshot.value).toBe('validating');
    expect(snapshot.hasTag('working')).toBe(true);
    expect(actions.map((action) => action.type).filter((type) => type !== 'xstate.raise')).toEqual([
      'xstate.spawnChild',
    ]);
  });

  test('a cancel lists the write to the ledger as its last action', () => {
    const [start] = initialTransition(toolCallMachine, input);
    const [end, actions] = transition(toolCallMachine, start, { type: 'tool.cancel' });
    expect(end.value).toBe('cancelled');
    expect(actions.map((action) => action.type).filter((type) => !type.startsWith('xstate.'))).toEqual([
      'tellBreaker',
      'recordOutput',
    ]);
  });

  test('every state is on some path from the start, and every path can end', () => {
    const done = (src: string, state: string, output: unknown) => ({
      type: `xstate.done.actor.0.toolCall.${state}`,
      output,
      actorId: src,
    });
    const failed = (state: string, error: unknown) => ({ type: `xstate.error.actor.0.toolCall.${state}`, error });
    const events = [
      { type: 'tool.cancel' },
      done('validateCall', 'validating', { admitted: true }),
      done('validateCall', 'validating', { admitted: false }),
      failed('validating', new AgentError('ERR_TOOL_ARGUMENTS', 'x')),
      done('admitCall', 'admitting', { admitted: true }),
      done('admitCall', 'admitting', { admitted: false }),
      done('runTool', 'running', 'sunny'),
      failed('running', new Error('x')),
      failed('running', new AgentError('ERR_TOOL_REPORTED', 'x')),
      { type: 'xstate.after.timeout.toolCall.running' },
      { type: 'xstate.after.retryDelay.toolCall.waitingRetry' },
      done('fallBack', 'fallingBack', 'sorry'),
      { type: 'xstate.after.step.toolCall.fallingBack' },
    ];
    const paths = getShortestPaths(toolCallMachine, {
      input: { ...input, maxRetries: 1 },
      // The traversal needs the private events of invocations and delays, which the public event type rightly hides.
      events: events as never[],
      filterEvents: (state, event) => state.can(event),
      serializeState: (state) => `${String(state.value)} ${state.context.retries} ${state.context.failure?.reason}`,
    });
    const reached = new Set(paths.map((path) => String(path.state.value)));
    expect([...reached].sort()).toEqual(Object.keys(toolCallMachine.states).sort());
    for (const path of paths) {
      const isFinal = path.state.status === 'done';
      if (isFinal) expect(path.state.output).toBeDefined();
      else expect(path.state.can({ type: 'tool.cancel' })).toBe(true);
    }
  });
});
