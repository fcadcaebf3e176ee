// One tool call of the model, from its raw arguments to the output the model reads: validated, admitted by the breaker,
// tried within its budget, and always ended with an output.
import { assign, setup } from 'xstate';
import { AgentError, textOf } from '../errors.ts';
import { CANCELLED_TEXT, INTERNAL_ERROR_TEXT } from '../model-texts.ts';
import { effectSlot, promiseSlot } from './slots.ts';

/** Validation, admission and fallback are in-process and quick; one that is not answered in this time has failed. */
export const TOOL_STEP_DEADLINE_MS = 250;
/** What the housekeeping states may add to the budget of the tries; the owner of a call waits 1 s beyond the budget. */
export const TOOL_OVERHEAD_MS = 900;

export interface ToolCallInput {
  readonly sessionId: string;
  readonly callId: string;
  readonly toolName: string;
  /** Deadline of one try in milliseconds. */
  readonly timeoutMs: number;
  /** Tries after the first one; 0 means a single try. */
  readonly maxRetries: number;
  /** Pause between two tries in milliseconds. */
  readonly retryDelayMs: number;
  /** Whether a try that hung is followed by another; a caller has waited for it already. */
  readonly retryOnTimeout: boolean;
}

export type ToolCallOutcome = 'succeeded' | 'failed' | 'timedOut' | 'rejected' | 'cancelled';

/** Why the last try failed; JSON-safe. `message` is for listeners and logs, never for the model. */
export interface ToolCallFailure {
  readonly reason: 'failed' | 'timedOut' | 'unavailable';
  readonly code: string;
  readonly message: string;
}

export interface ToolCallOutput {
  readonly callId: string;
  readonly toolName: string;
  readonly outcome: ToolCallOutcome;
  /** What the model reads. */
  readonly output: string;
  /** Tries that were begun. */
  readonly tries: number;
  readonly failure: ToolCallFailure | null;
}

interface ToolCallContext extends ToolCallInput {
  readonly retries: number;
  readonly tries: number;
  readonly output: string | null;
  readonly failure: ToolCallFailure | null;
  readonly outcome: ToolCallOutcome | null;
}

export type ToolCallEvent = { readonly type: 'tool.cancel' };

/** What every slot of the chart is given. */
export interface ToolCallRef {
  readonly sessionId: string;
  readonly callId: string;
  readonly toolName: string;
}

/** What `fallBack` is given. */
export interface FallBackRef extends ToolCallRef {
  readonly reason: ToolCallFailure['reason'];
}

/** tries x timeout + delays: the time a call may take before its fallback. */
export function toolCallBudgetMs(limits: Pick<ToolCallInput, 'timeoutMs' | 'maxRetries' | 'retryDelayMs'>): number {
  return (limits.maxRetries + 1) * limits.timeoutMs + limits.maxRetries * limits.retryDelayMs;
}

interface Admission {
  /** False when the breaker of the tool refuses. */
  readonly admitted: boolean;
}

/** What follows the breaker's answer, at the first try and at every later one. */
const JUDGED = [
  {
    guard: { type: 'isAdmitted', params: ({ event }: { event: { output: Admission } }) => event.output },
    target: 'running',
  },
  {
    target: 'fallingBack',
    actions: {
      type: 'keepFailure',
      params: ({ context }: { context: ToolCallContext }) => unavailable(context.toolName),
    },
  },
] as const;

// An admitted try that is cancelled must give back the breaker's probe, or half-open would wait for its deadline.
const CANCELLED = {
  target: 'cancelled',
  actions: { type: 'tellBreaker', params: { result: 'released' } },
} as const;

export const toolCallMachine = setup({
  types: {
    input: {} as ToolCallInput,
    context: {} as ToolCallContext,
    events: {} as ToolCallEvent,
    output: {} as ToolCallOutput,
    tags: {} as 'working',
  },
  actors: {
    /**
     * Finds the tool, checks the arguments and asks the breaker of the tool. Rejects with ERR_TOOL_UNKNOWN or
     * ERR_TOOL_ARGUMENTS, whose text the model reads.
     */
    validateCall: promiseSlot<Admission, ToolCallRef>('validateCall'),
    /** Asks the breaker again, for another try. */
    admitCall: promiseSlot<Admission, ToolCallRef>('admitCall'),
    /** One try. Resolves with the text for the model. */
    runTool: promiseSlot<string, ToolCallRef>('runTool'),
    /** The text for the model when the tries are used up or the breaker refuses. */
    fallBack: promiseSlot<string, FallBackRef>('fallBack'),
  },
  delays: {
    step: TOOL_STEP_DEADLINE_MS,
    timeout: ({ context }) => context.timeoutMs,
    retryDelay: ({ context }) => context.retryDelayMs,
    budget: ({ context }) => toolCallBudgetMs(context) + TOOL_OVERHEAD_MS,
  },
  guards: {
    isAdmitted: (_, params: Admission) => params.admitted,
    canRetry: ({ context }, params: { readonly retryable: boolean }) =>
      params.retryable && context.retries < context.maxRetries,
    isForModel: (_, params: { readonly text: string | null }) => params.text !== null,
    hasTimedOut: ({ context }) => context.failure?.reason === 'timedOut',
    isUnavailable: ({ context }) => context.failure?.reason === 'unavailable',
  },
  actions: {
    countTry: assign({ tries: ({ context }) => context.tries + 1 }),
    countRetry: assign({ retries: ({ context }) => context.retries + 1 }),
    keepOutput: assign((_, params: { readonly output: string | null }) => params),
    keepFailure: assign((_, params: ToolCallFailure) => ({ failure: params })),
    settle: assign(({ context }, params: { readonly outcome: ToolCallOutcome; readonly text: string }) => ({
      outcome: params.outcome,
      output: context.output ?? params.text,
    })),
    /** Tells the breaker how the admitted try ended: `released` says nothing about the tool. */
    tellBreaker: effectSlot<{ readonly result: 'succeeded' | 'failed' | 'released' }>('tellBreaker'),
    /** Writes the output to the ledger. Runs before anyone can see the final state. */
    recordOutput: effectSlot('recordOutput'),
  },
}).createMachine({
  id: 'toolCall',
  context: ({ input }) => ({ ...input, retries: 0, tries: 0, output: null, failure: null, outcome: null }),
  initial: 'validating',
  // The backstop of the whole call: no state can hold a call longer, whatever its own deadline does.
  after: {
    budget: {
      target: '.timedOut',
      actions: { type: 'keepFailure', params: ({ context }) => timedOut(context.toolName, 'the call') },
    },
  },
  on: { 'tool.cancel': '.cancelled' },
  states: {
    validating: {
      tags: 'working',
      invoke: {
        src: 'validateCall',
        input: ({ context }) => refOf(context),
        onDone: JUDGED,
        onError: {
          target: 'rejected',
          actions: [
            { type: 'keepFailure', params: ({ event }) => failureOf(event.error) },
            { type: 'keepOutput', params: ({ event }) => ({ output: textForModel(event.error) }) },
          ],
        },
      },
      after: {
        step: {
          target: 'fallingBack',
          actions: { type: 'keepFailure', params: ({ context }) => timedOut(context.toolName, 'validation') },
        },
      },
      on: { 'tool.cancel': CANCELLED },
    },
    admitting: {
      tags: 'working',
      invoke: {
        src: 'admitCall',
        input: ({ context }) => refOf(context),
        onDone: JUDGED,
        onError: {
          target: 'fallingBack',
          actions: { type: 'keepFailure', params: ({ event }) => failureOf(event.error) },
        },
      },
      after: {
        step: {
          target: 'fallingBack',
          actions: { type: 'keepFailure', params: ({ context }) => unavailable(context.toolName) },
        },
      },
      on: { 'tool.cancel': CANCELLED },
    },
    running: {
      tags: 'working',
      entry: 'countTry',
      invoke: {
        src: 'runTool',
        input: ({ context }) => refOf(context),
        onDone: {
          target: 'succeeded',
          actions: [
            { type: 'tellBreaker', params: { result: 'succeeded' } },
            { type: 'keepOutput', params: ({ event }) => ({ output: event.output }) },
          ],
        },
        onError: [
          {
            guard: { type: 'canRetry', params: ({ event }) => ({ retryable: isRetryable(event.error) }) },
            target: 'waitingRetry',
            actions: [
              { type: 'tellBreaker', params: { result: 'failed' } },
              { type: 'keepFailure', params: ({ event }) => failureOf(event.error) },
            ],
          },
          {
            // The tool answered, with a refusal: it works, so the breaker hears nothing bad of it.
            guard: { type: 'isForModel', params: ({ event }) => ({ text: textForModel(event.error) }) },
            target: 'failed',
            actions: [
              { type: 'tellBreaker', params: { result: 'succeeded' } },
              { type: 'keepFailure', params: ({ event }) => failureOf(event.error) },
              { type: 'keepOutput', params: ({ event }) => ({ output: textForModel(event.error) }) },
            ],
          },
          {
            target: 'fallingBack',
            actions: [
              { type: 'tellBreaker', params: { result: 'failed' } },
              { type: 'keepFailure', params: ({ event }) => failureOf(event.error) },
            ],
          },
        ],
      },
      after: {
        timeout: [
          {
            guard: { type: 'canRetry', params: ({ context }) => ({ retryable: context.retryOnTimeout }) },
            target: 'waitingRetry',
            actions: [
              { type: 'tellBreaker', params: { result: 'failed' } },
              { type: 'keepFailure', params: ({ context }) => timedOut(context.toolName, 'the tool') },
            ],
          },
          {
            target: 'fallingBack',
            actions: [
              { type: 'tellBreaker', params: { result: 'failed' } },
              { type: 'keepFailure', params: ({ context }) => timedOut(context.toolName, 'the tool') },
            ],
          },
        ],
      },
      on: { 'tool.cancel': CANCELLED },
    },
    waitingRetry: {
      tags: 'working',
      exit: 'countRetry',
      // Through admission again: a breaker that opened meanwhile ends the retries.
      after: { retryDelay: 'admitting' },
    },
    fallingBack: {
      tags: 'working',
      invoke: {
        src: 'fallBack',
        input: ({ context }) => ({ ...refOf(context), reason: context.failure?.reason ?? 'failed' }),
        onDone: [
          {
            guard: 'hasTimedOut',
            target: 'timedOut',
            actions: { type: 'keepOutput', params: ({ event }) => ({ output: event.output }) },
          },
          {
            guard: 'isUnavailable',
            target: 'rejected',
            actions: { type: 'keepOutput', params: ({ event }) => ({ output: event.output }) },
          },
          {
            target: 'failed',
            actions: { type: 'keepOutput', params: ({ event }) => ({ output: event.output }) },
          },
        ],
        onError: [
          { guard: 'hasTimedOut', target: 'timedOut' },
          { guard: 'isUnavailable', target: 'rejected' },
          { target: 'failed' },
        ],
      },
      after: {
        step: [
          { guard: 'hasTimedOut', target: 'timedOut' },
          { guard: 'isUnavailable', target: 'rejected' },
          { target: 'failed' },
        ],
      },
    },
    succeeded: {
      type: 'final',
      entry: [{ type: 'settle', params: { outcome: 'succeeded', text: '' } }, 'recordOutput'],
    },
    failed: {
      type: 'final',
      entry: [{ type: 'settle', params: { outcome: 'failed', text: INTERNAL_ERROR_TEXT } }, 'recordOutput'],
    },
    timedOut: {
      type: 'final',
      entry: [{ type: 'settle', params: { outcome: 'timedOut', text: INTERNAL_ERROR_TEXT } }, 'recordOutput'],
    },
    rejected: {
      type: 'final',
      entry: [{ type: 'settle', params: { outcome: 'rejected', text: INTERNAL_ERROR_TEXT } }, 'recordOutput'],
    },
    cancelled: {
      type: 'final',
      entry: [{ type: 'settle', params: { outcome: 'cancelled', text: CANCELLED_TEXT } }, 'recordOutput'],
    },
  },
  output: ({ context }) => toolCallOutput(context),
});

/** The output of a call as it stands; `recordOutput` writes exactly this. */
export function toolCallOutput(context: ToolCallContext): ToolCallOutput {
  const { callId, toolName, tries, failure } = context;
  const outcome = context.outcome ?? 'cancelled';
  const output = context.output ?? CANCELLED_TEXT;
  return { callId, toolName, outcome, output, tries, failure: outcome === 'succeeded' ? null : failure };
}

function refOf({ sessionId, callId, toolName }: ToolCallContext): ToolCallRef {
  return { sessionId, callId, toolName };
}

function isRetryable(error: unknown): boolean {
  return error instanceof AgentError ? error.retryable : true;
}

/** Only these codes carry a text that was written for the model; any other text may hold a secret. */
const FOR_MODEL: ReadonlySet<string> = new Set(['ERR_TOOL_REPORTED', 'ERR_TOOL_ARGUMENTS', 'ERR_TOOL_UNKNOWN']);

function textForModel(error: unknown): string | null {
  return error instanceof AgentError && FOR_MODEL.has(error.code) ? error.message : null;
}

function failureOf(error: unknown): ToolCallFailure {
  const code = error instanceof AgentError ? error.code : 'ERR_TOOL_FAILED';
  return { reason: code === 'ERR_TOOL_TIMEOUT' ? 'timedOut' : 'failed', code, message: textOf(error) };
}

function timedOut(toolName: string, what: string): ToolCallFailure {
  return { reason: 'timedOut', code: 'ERR_TOOL_TIMEOUT', message: `${toolName}: ${what} did not answer in time` };
}

function unavailable(toolName: string): ToolCallFailure {
  return { reason: 'unavailable', code: 'ERR_TOOL_UNAVAILABLE', message: `${toolName}: the circuit breaker is open` };
}
