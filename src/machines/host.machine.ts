// One host process of the pool: started, given jobs up to its limit, watched by its heartbeats, recycled after enough rooms.
import { assign, setup } from 'xstate';
import { effectSlot } from './slots.ts';

/** Deadlines of one host, in milliseconds. */
export interface HostSettings {
  /** Forked -> ready for jobs, prewarming included. */
  readonly startMs: number;
  /** Silence after which a host counts as hung. */
  readonly heartbeatMs: number;
  /** How often it beats: the last part of that silence, with a timer of its own. */
  readonly beatMs: number;
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
  /** Nothing was heard but for the last beat. */
  readonly hasMissed: boolean;
}

export type HostEvent =
  | { readonly type: 'host.ready' }
  /** A sign of life. */
  | { readonly type: 'host.beat' }
  | { readonly type: 'host.filled' }
  | { readonly type: 'host.freed' }
  /** Enough rooms, or too much memory: no more jobs, end when they are over. */
  | { readonly type: 'host.recycle' }
  /** It has no jobs; told once it is to be recycled. */
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
    // A process that stood still runs its timers before it reads what came meanwhile: the first one proves nothing.
    heartbeat: ({ context: { hasMissed, settings } }) =>
      hasMissed ? settings.beatMs : settings.heartbeatMs - settings.beatMs,
    stop: ({ context }) => context.settings.stopMs,
  },
  guards: {
    hasMissed: ({ context }) => context.hasMissed,
  },
  actions: {
    noteMiss: assign({ hasMissed: true }),
    forgetMiss: assign({ hasMissed: false }),
    keepDeath: assign((_, params: { readonly death: HostDeath }) => params),
    /** Asks the process to tidy up and end. */
    askToLeave: effectSlot<{ hostId: string }>('askToLeave'),
  },
}).createMachine({
  id: 'host',
  context: ({ input }) => ({ ...input, death: 'exited', hasMissed: false }),
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
      after: {
        heartbeat: [
          {
            guard: 'hasMissed',
            target: 'dead',
            actions: { type: 'keepDeath', params: { death: 'silent' } },
          },
          { target: 'ready', reenter: true, actions: 'noteMiss' },
        ],
      },
      on: {
        'host.beat': { target: 'ready', reenter: true, actions: 'forgetMiss' },
        'host.filled': 'full',
        'host.recycle': 'recycling',
      },
    },
    full: {
      tags: 'working',
      after: {
        heartbeat: [
          {
            guard: 'hasMissed',
            target: 'dead',
            actions: { type: 'keepDeath', params: { death: 'silent' } },
          },
          { target: 'full', reenter: true, actions: 'noteMiss' },
        ],
      },
      on: {
        'host.beat': { target: 'full', reenter: true, actions: 'forgetMiss' },
        'host.freed': 'ready',
        'host.recycle': 'recycling',
      },
    },
    recycling: {
      tags: 'working',
      initial: 'serving',
      states: {
        serving: {
          after: {
            heartbeat: [
              {
                guard: 'hasMissed',
                target: '#host.dead',
                actions: { type: 'keepDeath', params: { death: 'silent' } },
              },
              { target: 'serving', reenter: true, actions: 'noteMiss' },
            ],
          },
          on: {
            'host.beat': { target: 'serving', reenter: true, actions: 'forgetMiss' },
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
