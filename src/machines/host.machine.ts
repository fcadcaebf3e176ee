// One host process of the pool: started, given jobs up to its limit, watched by its heartbeats, recycled after enough rooms.
import { assign, setup } from 'xstate';
import { effectSlot } from './slots.ts';

/** Deadlines of one host, in milliseconds. */
export interface HostSettings {
  /** Forked -> ready for jobs, prewarming included. */
  readonly startMs: number;
  /** Silence after which a host counts as hung. */
  readonly heartbeatMs: number;
  /** Told to end -> process gone. */
  readonly stopMs: number;
}

export interface HostInput {
  readonly hostId: string;
  readonly settings: HostSettings;
}

export type HostDeath = 'start' | 'silent' | 'exited' | 'stopped' | 'recycled';

interface HostContext extends HostInput {
  readonly death: HostDeath;
}

export type HostEvent =
  | { readonly type: 'host.ready' }
  /** A sign of life. */
  | { readonly type: 'host.beat' }
  | { readonly type: 'host.filled' }
  | { readonly type: 'host.freed' }
  /** Enough rooms, or too much memory: no more jobs, end with the last one. `jobs`: how many it has. */
  | { readonly type: 'host.recycle'; readonly jobs: number }
  | { readonly type: 'host.emptied' }
  /** The process is gone. */
  | { readonly type: 'host.exited' }
  /** From the supervisor above: the worker ends. */
  | { readonly type: 'supervisor.exit' };

export const hostMachine = setup({
  types: {
    input: {} as HostInput,
    context: {} as HostContext,
    events: {} as HostEvent,
    output: {} as { readonly death: HostDeath },
    tags: {} as 'working' | 'open',
  },
  delays: {
    start: ({ context }) => context.settings.startMs,
    heartbeat: ({ context }) => context.settings.heartbeatMs,
    stop: ({ context }) => context.settings.stopMs,
  },
  guards: {
    isEmpty: (_, params: { readonly jobs: number }) => params.jobs === 0,
  },
  actions: {
    keepDeath: assign((_, params: { readonly death: HostDeath }) => params),
    /** Asks the process to tidy up and end. */
    askToLeave: effectSlot<{ hostId: string }>('askToLeave'),
  },
}).createMachine({
  id: 'host',
  context: ({ input }) => ({ ...input, death: 'exited' }),
  output: ({ context }) => ({ death: context.death }),
  initial: 'starting',
  on: {
    'host.exited': { target: '.dead', actions: { type: 'keepDeath', params: { death: 'exited' } } },
    'supervisor.exit': '.recycling.leaving',
  },
  states: {
    starting: {
      tags: 'working',
      after: { start: { target: 'dead', actions: { type: 'keepDeath', params: { death: 'start' } } } },
      on: {
        'host.ready': 'ready',
        // It has nothing to tidy up, and would hear of it only when it is ready.
        'supervisor.exit': { target: 'dead', actions: { type: 'keepDeath', params: { death: 'stopped' } } },
      },
    },
    ready: {
      tags: ['working', 'open'],
      after: { heartbeat: { target: 'dead', actions: { type: 'keepDeath', params: { death: 'silent' } } } },
      on: {
        'host.beat': { target: 'ready', reenter: true },
        'host.filled': 'full',
        'host.recycle': [
          {
            guard: { type: 'isEmpty', params: ({ event }) => ({ jobs: event.jobs }) },
            target: 'recycling.leaving',
          },
          { target: 'recycling' },
        ],
      },
    },
    full: {
      tags: 'working',
      after: { heartbeat: { target: 'dead', actions: { type: 'keepDeath', params: { death: 'silent' } } } },
      on: {
        'host.beat': { target: 'full', reenter: true },
        'host.freed': 'ready',
        'host.recycle': 'recycling',
      },
    },
    recycling: {
      tags: 'working',
      initial: 'serving',
      states: {
        serving: {
          after: { heartbeat: { target: '#host.dead', actions: { type: 'keepDeath', params: { death: 'silent' } } } },
          on: {
            'host.beat': { target: 'serving', reenter: true },
            'host.emptied': 'leaving',
          },
        },
        // Its last job has ended, or the worker ends: it may tidy up, but not for ever.
        leaving: {
          entry: { type: 'askToLeave', params: ({ context: { hostId } }) => ({ hostId }) },
          after: { stop: { target: '#host.dead', actions: { type: 'keepDeath', params: { death: 'recycled' } } } },
          on: {
            'host.exited': { target: '#host.dead', actions: { type: 'keepDeath', params: { death: 'recycled' } } },
            // It was told already, and keeps its deadline.
            'supervisor.exit': 'leaving',
          },
        },
      },
    },
    dead: { type: 'final' },
  },
});
