// One registration at a LiveKit server: connected and registered again for ever, open for jobs or not, drained before it ends.
import { assign, sendTo, setup } from 'xstate';
import { type ConnectionFailure, type ConnectionInput, connectionMachine } from './connection.machine.ts';
import { effectSlot } from './slots.ts';

export interface WorkerInput {
  /** Finds the registration: its socket, its jobs, its options. */
  readonly registrationId: string;
  readonly connection: ConnectionInput;
  /** Socket open -> registered, in milliseconds. The server itself closes after 10 000. */
  readonly registrationMs: number;
  /** How long a drain waits for the running jobs, in milliseconds. */
  readonly drainMs: number;
  /** How long jobs may take to end once they are told to, in milliseconds. */
  readonly forceMs: number;
}

interface WorkerContext extends WorkerInput {
  readonly failure: ConnectionFailure | null;
}

export type WorkerEvent =
  | { readonly type: 'worker.opened' }
  /** `isFull`: the level of the job table at this moment. */
  | { readonly type: 'worker.registered'; readonly isFull: boolean }
  | { readonly type: 'worker.lost' }
  | { readonly type: 'worker.filled' }
  | { readonly type: 'worker.freed' }
  /** Take no more jobs, end when the last one has ended. `jobs`: how many there are. */
  | { readonly type: 'worker.drain'; readonly jobs: number }
  /** End the running jobs too. Once is enough. */
  | { readonly type: 'worker.force' }
  | { readonly type: 'worker.emptied' }
  /** From the supervisor above: end by yourself. */
  | { readonly type: 'supervisor.exit' };

export interface WorkerOutput {
  readonly exit: 'shutdown';
  /** Why it gave up; null after a drain. */
  readonly failure: ConnectionFailure | null;
}

export const workerMachine = setup({
  types: {
    input: {} as WorkerInput,
    context: {} as WorkerContext,
    events: {} as WorkerEvent,
    output: {} as WorkerOutput,
    tags: {} as 'rest' | 'working' | 'registered' | 'open' | 'draining',
  },
  actors: { connection: connectionMachine },
  delays: {
    registration: ({ context }) => context.registrationMs,
    drain: ({ context }) => context.drainMs,
    force: ({ context }) => context.forceMs,
  },
  guards: {
    isFull: (_, params: { readonly isFull: boolean }) => params.isFull,
    isEmpty: (_, params: { readonly jobs: number }) => params.jobs === 0,
  },
  actions: {
    connect: sendTo('connection', { type: 'transport.connect' }),
    keepFailure: assign((_, params: { readonly failure: ConnectionFailure | null }) => params),
    dropSocket: effectSlot<{ registrationId: string; why: string }>('dropSocket'),
    /** Tells the server the state and the load as they are now. */
    showStatus: effectSlot<{ registrationId: string; status: 'available' | 'full' | 'draining' }>('showStatus'),
    /** Answers with `worker.drain` or `worker.emptied` and the number of jobs. */
    askForDrain: effectSlot<{ registrationId: string }>('askForDrain'),
    endJobs: effectSlot<{ registrationId: string }>('endJobs'),
  },
}).createMachine({
  id: 'worker',
  context: ({ input }) => ({ ...input, failure: null }),
  output: ({ context }) => ({ exit: 'shutdown' as const, failure: context.failure }),
  initial: 'connecting',
  entry: 'connect',
  invoke: {
    id: 'connection',
    src: 'connection',
    input: ({ context }) => context.connection,
    onDone: {
      target: '.stopped',
      actions: { type: 'keepFailure', params: ({ event }) => ({ failure: event.output.failure }) },
    },
  },
  on: {
    'worker.drain': [
      { guard: { type: 'isEmpty', params: ({ event }) => ({ jobs: event.jobs }) }, target: '.stopped' },
      { target: '.draining' },
    ],
    'worker.force': '.draining.forcing',
    // The supervisor cannot know how many jobs there are.
    'supervisor.exit': {
      actions: { type: 'askForDrain', params: ({ context: { registrationId } }) => ({ registrationId }) },
    },
  },
  states: {
    // At rest here: the invoked connection keeps the deadlines of its attempts and pauses.
    connecting: {
      tags: 'rest',
      on: { 'worker.opened': 'registering' },
    },
    registering: {
      tags: 'working',
      after: {
        registration: {
          target: 'connecting',
          actions: {
            type: 'dropSocket',
            params: ({ context: { registrationId } }) => ({ registrationId, why: 'no answer to the registration' }),
          },
        },
      },
      on: {
        'worker.registered': [
          { guard: { type: 'isFull', params: ({ event }) => ({ isFull: event.isFull }) }, target: 'full' },
          { target: 'available' },
        ],
        'worker.lost': 'connecting',
      },
    },
    available: {
      tags: ['rest', 'registered', 'open'],
      entry: {
        type: 'showStatus',
        params: ({ context: { registrationId } }) => ({ registrationId, status: 'available' as const }),
      },
      on: { 'worker.filled': 'full', 'worker.lost': 'connecting' },
    },
    full: {
      tags: ['rest', 'registered'],
      entry: {
        type: 'showStatus',
        params: ({ context: { registrationId } }) => ({ registrationId, status: 'full' as const }),
      },
      on: { 'worker.freed': 'available', 'worker.lost': 'connecting' },
    },
    // The socket may come and go meanwhile; jobs need no socket to go on.
    draining: {
      tags: ['working', 'draining'],
      initial: 'waiting',
      entry: {
        type: 'showStatus',
        params: ({ context: { registrationId } }) => ({ registrationId, status: 'draining' as const }),
      },
      on: {
        'worker.emptied': 'stopped',
        // To be told again changes nothing, also when a stop is followed by the supervisor's own wish.
        'worker.drain': [
          { guard: { type: 'isEmpty', params: ({ event }) => ({ jobs: event.jobs }) }, target: 'stopped' },
          {},
        ],
      },
      states: {
        waiting: { after: { drain: 'forcing' }, on: { 'worker.force': 'forcing' } },
        forcing: {
          entry: { type: 'endJobs', params: ({ context: { registrationId } }) => ({ registrationId }) },
          // The jobs are ending already, with their callbacks.
          on: { 'worker.force': {} },
          after: { force: '#worker.stopped' },
        },
      },
    },
    stopped: { type: 'final' },
  },
});
