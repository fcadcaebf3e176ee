// One connection to the outside (room, worker socket, realtime socket): opened, watched, and opened again with backoff.
import { assign, setup } from 'xstate';
import { AgentError, textOf } from '../errors.ts';
import { seededFraction } from '../ids.ts';
import { callbackSlot, promiseSlot } from './slots.ts';

export interface ConnectionInput {
  /** Name for logs and slots, e.g. `room`. */
  readonly name: string;
  /** Whom the connection serves, e.g. a session id; slots find their options by it. */
  readonly ownerId: string;
  /** Deadline of one attempt to connect, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** Upper bound of the first pause, in milliseconds; it doubles with every attempt. */
  readonly baseDelayMs: number;
  /** Upper bound of any pause, in milliseconds. */
  readonly maxDelayMs: number;
  /** Attempts to connect again before giving up; 0 means never, null means for ever. */
  readonly maxAttempts: number | null;
  /** A connection that lasted this long in milliseconds starts its attempts from zero again. */
  readonly stableMs: number;
  /** Any integer from the runtime's Ids. The jitter is drawn from it, so the chart reads no random source. */
  readonly jitterSeed: number;
}

/** Why the connection is down; JSON-safe. */
export interface ConnectionFailure {
  readonly code: string;
  readonly message: string;
}

export interface ConnectionContext extends ConnectionInput {
  readonly attempt: number;
  readonly failure: ConnectionFailure | null;
}

export type ConnectionEvent =
  | { readonly type: 'transport.connect' }
  | { readonly type: 'transport.close' }
  /** Reported by `holdConnection`. Not retryable: the other side said not to come back. */
  | {
      readonly type: 'transport.lost';
      readonly code: string;
      readonly message: string;
      readonly retryable: boolean;
    };

export interface ConnectionOutput {
  /** `asked`: by transport.close. `gaveUp`: the attempts are used up or a retry cannot help. */
  readonly reason: 'asked' | 'gaveUp';
  readonly failure: ConnectionFailure | null;
}

export interface ConnectionRef {
  readonly name: string;
  readonly ownerId: string;
}

/** The pause before the next attempt: full jitter, uniform in [0, min(maxDelayMs, baseDelayMs * 2^attempt)). */
export function backoffMs(
  at: Pick<ConnectionContext, 'baseDelayMs' | 'maxDelayMs' | 'jitterSeed' | 'attempt'>,
): number {
  const ceilingMs = Math.min(at.maxDelayMs, at.baseDelayMs * 2 ** at.attempt);
  return Math.floor(seededFraction(at.jitterSeed, at.attempt) * ceilingMs);
}

export const connectionMachine = setup({
  types: {
    input: {} as ConnectionInput,
    context: {} as ConnectionContext,
    events: {} as ConnectionEvent,
    output: {} as ConnectionOutput,
    tags: {} as 'working' | 'rest' | 'up',
  },
  actors: {
    /** Opens. What opens after its signal was aborted must be closed by the slot itself. */
    openConnection: promiseSlot<void, ConnectionRef>('openConnection'),
    /** Watches the open connection, reports `transport.lost` once, and releases it when stopped. */
    holdConnection: callbackSlot<ConnectionEvent, ConnectionRef>('holdConnection'),
  },
  delays: {
    connectTimeout: ({ context }) => context.connectTimeoutMs,
    backoff: ({ context }) => backoffMs(context),
    stable: ({ context }) => context.stableMs,
  },
  guards: {
    canReconnect: ({ context }, params: { readonly retryable: boolean }) =>
      params.retryable && (context.maxAttempts === null || context.attempt < context.maxAttempts),
  },
  actions: {
    keepFailure: assign((_, params: ConnectionFailure) => ({ failure: params })),
    forgetFailure: assign({ failure: null }),
    countAttempt: assign({ attempt: ({ context }) => context.attempt + 1 }),
    forgetAttempts: assign({ attempt: 0 }),
  },
}).createMachine({
  id: 'connection',
  context: ({ input }) => ({ ...input, attempt: 0, failure: null }),
  initial: 'disconnected',
  on: { 'transport.close': { target: '.closed', actions: 'forgetFailure' } },
  states: {
    disconnected: {
      tags: 'rest',
      on: { 'transport.connect': 'connecting' },
    },
    connecting: {
      tags: 'working',
      invoke: {
        src: 'openConnection',
        input: ({ context }) => refOf(context),
        onDone: 'connected',
        onError: [
          {
            guard: { type: 'canReconnect', params: ({ event }) => ({ retryable: isRetryable(event.error) }) },
            target: 'reconnecting',
            actions: { type: 'keepFailure', params: ({ event }) => failureOf(event.error) },
          },
          {
            target: 'closed',
            actions: { type: 'keepFailure', params: ({ event }) => failureOf(event.error) },
          },
        ],
      },
      after: {
        connectTimeout: [
          {
            guard: { type: 'canReconnect', params: { retryable: true } },
            target: 'reconnecting',
            actions: { type: 'keepFailure', params: ({ context }) => noAnswer(context.name) },
          },
          {
            target: 'closed',
            actions: { type: 'keepFailure', params: ({ context }) => noAnswer(context.name) },
          },
        ],
      },
    },
    connected: {
      tags: ['rest', 'up'],
      entry: 'forgetFailure',
      invoke: {
        src: 'holdConnection',
        input: ({ context }) => refOf(context),
        onError: [
          {
            guard: { type: 'canReconnect', params: ({ event }) => ({ retryable: isRetryable(event.error) }) },
            target: 'reconnecting',
            actions: { type: 'keepFailure', params: ({ event }) => failureOf(event.error) },
          },
          {
            target: 'closed',
            actions: { type: 'keepFailure', params: ({ event }) => failureOf(event.error) },
          },
        ],
      },
      // Only a connection that lasts clears the count: one that opens and drops at once must not loop for ever.
      after: { stable: { actions: 'forgetAttempts' } },
      on: {
        'transport.lost': [
          {
            guard: { type: 'canReconnect', params: ({ event }) => ({ retryable: event.retryable }) },
            target: 'reconnecting',
            actions: { type: 'keepFailure', params: ({ event: { code, message } }) => ({ code, message }) },
          },
          {
            target: 'closed',
            actions: { type: 'keepFailure', params: ({ event: { code, message } }) => ({ code, message }) },
          },
        ],
      },
    },
    reconnecting: {
      tags: 'working',
      exit: 'countAttempt',
      after: { backoff: 'connecting' },
    },
    closed: { type: 'final' },
  },
  output: ({ context }) => ({ reason: context.failure === null ? 'asked' : 'gaveUp', failure: context.failure }),
});

function refOf({ name, ownerId }: ConnectionContext): ConnectionRef {
  return { name, ownerId };
}

function isRetryable(error: unknown): boolean {
  return error instanceof AgentError ? error.retryable : true;
}

function failureOf(error: unknown): ConnectionFailure {
  return { code: error instanceof AgentError ? error.code : 'ERR_TRANSPORT', message: textOf(error) };
}

function noAnswer(name: string): ConnectionFailure {
  return { code: 'ERR_TIMEOUT', message: `${name} did not connect in time` };
}
