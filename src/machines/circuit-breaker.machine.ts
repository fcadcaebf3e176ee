// Keeps a failing tool from being called: closed counts failures and lets every call in, open none, halfOpen one probe at
// a time. It lives from a first failure until there is nothing to remember: a healthy tool needs none.
import { assign, setup } from 'xstate';

export interface CircuitBreakerInput {
  /** What is guarded, e.g. the name of a tool. */
  readonly name: string;
  /** Consecutive failures that open the breaker, >= 1. Default 5. */
  readonly failureThreshold: number;
  /** A probe that has not reported after this many milliseconds counts as failed. Default 30 000. */
  readonly timeoutMs: number;
  /** How long the breaker stays open before it lets a probe in, in milliseconds. Default 60 000. */
  readonly recoveryTimeMs: number;
}

interface CircuitBreakerContext extends CircuitBreakerInput {
  readonly failures: number;
  readonly probeCallId: string | null;
}

export type CircuitBreakerEvent =
  /** A call was let in. Send it only while the snapshot has the tag `admits`. */
  | { readonly type: 'tool.admitted'; readonly callId: string }
  | { readonly type: 'tool.succeeded'; readonly callId: string }
  | { readonly type: 'tool.failed'; readonly callId: string }
  /** The call ended without telling anything about the tool (it was cancelled). */
  | { readonly type: 'tool.released'; readonly callId: string };

export const circuitBreakerMachine = setup({
  types: {
    input: {} as CircuitBreakerInput,
    context: {} as CircuitBreakerContext,
    events: {} as CircuitBreakerEvent,
    tags: {} as 'admits' | 'rest' | 'working',
  },
  delays: {
    // Ten times the pause: a tool that is called every few minutes still fails in a row, and one whose calls are over is
    // not remembered for long.
    memory: ({ context }) => 10 * context.recoveryTimeMs,
    recoveryTime: ({ context }) => context.recoveryTimeMs,
    probeTimeout: ({ context }) => context.timeoutMs,
  },
  guards: {
    hasReachedThreshold: ({ context }) => context.failures + 1 >= context.failureThreshold,
    // A call that was let in before the breaker opened may end late; it must not decide about the probe.
    isProbe: ({ context }, params: { readonly callId: string }) => params.callId === context.probeCallId,
  },
  actions: {
    countFailure: assign({ failures: ({ context }) => context.failures + 1 }),
    keepProbe: assign((_, params: { readonly callId: string }) => ({ probeCallId: params.callId })),
    forgetProbe: assign({ probeCallId: null }),
  },
}).createMachine({
  id: 'circuitBreaker',
  context: ({ input }) => ({ ...input, failures: 0, probeCallId: null }),
  initial: 'closed',
  states: {
    closed: {
      tags: ['rest', 'admits'],
      after: { memory: 'forgotten' },
      on: {
        'tool.succeeded': 'forgotten',
        'tool.failed': [
          { guard: 'hasReachedThreshold', target: 'open' },
          { target: 'closed', reenter: true, actions: 'countFailure' },
        ],
      },
    },
    open: {
      tags: 'working',
      after: { recoveryTime: 'halfOpen' },
    },
    halfOpen: {
      initial: 'ready',
      states: {
        ready: {
          tags: ['rest', 'admits'],
          after: { memory: '#circuitBreaker.forgotten' },
          on: {
            'tool.admitted': {
              target: 'probing',
              actions: { type: 'keepProbe', params: ({ event }) => ({ callId: event.callId }) },
            },
          },
        },
        probing: {
          tags: 'working',
          exit: 'forgetProbe',
          after: { probeTimeout: '#circuitBreaker.open' },
          on: {
            'tool.succeeded': {
              guard: { type: 'isProbe', params: ({ event }) => ({ callId: event.callId }) },
              target: '#circuitBreaker.forgotten',
            },
            'tool.failed': {
              guard: { type: 'isProbe', params: ({ event }) => ({ callId: event.callId }) },
              target: '#circuitBreaker.open',
            },
            'tool.released': {
              guard: { type: 'isProbe', params: ({ event }) => ({ callId: event.callId }) },
              target: 'ready',
            },
          },
        },
      },
    },
    forgotten: { type: 'final' },
  },
});
