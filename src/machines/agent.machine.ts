// The life of an Agent, stepped with the pure `transition()`: it runs nothing, it says which calls are allowed.
import { assign, setup } from 'xstate';

interface AgentContext {
  /** Sessions that use the agent now. */
  readonly sessions: number;
}

export type AgentLifeEvent =
  | { readonly type: 'agent.configure' }
  | { readonly type: 'agent.startSession' }
  | { readonly type: 'agent.stopSession' }
  /** Starts a session of an agent that was used before. */
  | { readonly type: 'agent.restart' }
  | { readonly type: 'agent.destroy' };

export const agentMachine = setup({
  types: { context: {} as AgentContext, events: {} as AgentLifeEvent, tags: {} as 'rest' },
  guards: { isLastSession: ({ context }) => context.sessions <= 1 },
  actions: {
    countSession: assign({ sessions: ({ context }) => context.sessions + 1 }),
    uncountSession: assign({ sessions: ({ context }) => Math.max(0, context.sessions - 1) }),
    forgetSessions: assign({ sessions: 0 }),
  },
}).createMachine({
  id: 'agent',
  // A factory would be called through `assign()` on every pure step, and xstate warns of that inside of a host's own action.
  context: Object.freeze({ sessions: 0 }),
  initial: 'created',
  on: { 'agent.destroy': '.destroyed' },
  states: {
    created: {
      tags: 'rest',
      on: { 'agent.configure': 'configured' },
    },
    configured: {
      tags: 'rest',
      on: { 'agent.startSession': { target: 'active', actions: 'countSession' } },
    },
    active: {
      tags: 'rest',
      on: {
        'agent.startSession': { actions: 'countSession' },
        'agent.stopSession': [
          { guard: 'isLastSession', target: 'inactive', actions: 'uncountSession' },
          { actions: 'uncountSession' },
        ],
      },
    },
    inactive: {
      tags: 'rest',
      on: {
        'agent.startSession': { target: 'active', actions: 'countSession' },
        'agent.restart': { target: 'active', actions: 'countSession' },
      },
    },
    destroyed: { type: 'final', entry: 'forgetSessions' },
  },
});
