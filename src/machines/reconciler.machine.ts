// When a worker looks for rooms that wait for an agent: again and again at uneven intervals, less often while the API is down.
import { assign, setup } from 'xstate';
import { AgentError, textOf } from '../errors.ts';
import { seededFraction } from '../ids.ts';
import { promiseSlot } from './slots.ts';

export interface ReconcilerInput {
  /** Between two looks on average, in milliseconds. */
  readonly everyMs: number;
  /** A look takes no longer. */
  readonly lookMs: number;
  /** The longest pause after looks that failed. */
  readonly maxDelayMs: number;
  /** Spreads the looks of many workers. */
  readonly jitterSeed: number;
}

interface ReconcilerContext extends ReconcilerInput {
  readonly looks: number;
  /** Looks that failed one after the other. */
  readonly failures: number;
  readonly failure: ReconcilerFailure | null;
}

export interface ReconcilerFailure {
  readonly code: string;
  readonly message: string;
}

/** Look now: there is something to do that must not wait for the next interval. */
export type ReconcilerEvent = { readonly type: 'worker.look' };

export const reconcilerMachine = setup({
  types: {
    input: {} as ReconcilerInput,
    context: {} as ReconcilerContext,
    events: {} as ReconcilerEvent,
    tags: {} as 'rest' | 'working' | 'troubled',
  },
  actors: {
    /** Compares the rooms of the server with what they ask for, and starts what has to be done. */
    look: promiseSlot<void, Record<string, never>>('look'),
  },
  delays: {
    // Half to one and a half of the average: two workers do not look at the same time twice in a row.
    interval: ({ context: { everyMs, jitterSeed, looks } }) => everyMs * (0.5 + seededFraction(jitterSeed, looks)),
    backoff: ({ context: { everyMs, maxDelayMs, jitterSeed, looks, failures } }) =>
      Math.min(maxDelayMs, everyMs * 2 ** failures) * (0.5 + seededFraction(jitterSeed, looks) / 2),
    lookTimeout: ({ context }) => context.lookMs,
  },
  actions: {
    countLook: assign({ looks: ({ context }) => context.looks + 1 }),
    keepFailure: assign(({ context }, params: ReconcilerFailure) => ({
      failure: params,
      failures: context.failures + 1,
    })),
    forgetFailures: assign({ failure: null, failures: 0 }),
  },
}).createMachine({
  id: 'reconciler',
  context: ({ input }) => ({ ...input, looks: 0, failures: 0, failure: null }),
  initial: 'resting',
  states: {
    resting: {
      tags: 'rest',
      after: { interval: 'looking' },
      on: { 'worker.look': 'looking' },
    },
    looking: {
      tags: 'working',
      entry: 'countLook',
      invoke: {
        src: 'look',
        input: {},
        onDone: { target: 'resting', actions: 'forgetFailures' },
        onError: {
          target: 'backingOff',
          actions: { type: 'keepFailure', params: ({ event }) => failureOf(event.error) },
        },
      },
      after: {
        lookTimeout: {
          target: 'backingOff',
          actions: { type: 'keepFailure', params: { code: 'ERR_TIMEOUT', message: 'the look did not end in time' } },
        },
      },
    },
    // `worker.look` is not heard here: an API that is down is not asked more often because there is more to ask.
    backingOff: {
      tags: ['rest', 'troubled'],
      after: { backoff: 'looking' },
    },
  },
});

function failureOf(error: unknown): ReconcilerFailure {
  return { code: error instanceof AgentError ? error.code : 'ERR_SERVER_API', message: textOf(error) };
}
