// What a call as an actor is to the machine of a host; checked by the compiler alone.
import { expectTypeOf } from 'vitest';
import { type ActorRefFrom, type OutputFrom, type SnapshotFrom, sendTo, setup } from 'xstate';
import {
  type Agent,
  type AgentSessionContext,
  type AgentSessionEvent,
  type AgentSessionInput,
  type AgentSessionOutput,
  type AgentSessionRef,
  agentSession,
  type SessionState,
} from '../../src/index.ts';

// Snapshot, output and ref of the logic are typed.
expectTypeOf<SnapshotFrom<typeof agentSession>['context']>().toEqualTypeOf<AgentSessionContext>();
expectTypeOf<OutputFrom<typeof agentSession>>().toEqualTypeOf<AgentSessionOutput>();
expectTypeOf<ActorRefFrom<typeof agentSession>>().toExtend<AgentSessionRef>();

// Forwarded events are told apart by type, with the payload of the session event.
type Changed = Extract<AgentSessionEvent, { type: 'session.state_changed' }>;
expectTypeOf<Changed['toState']>().toEqualTypeOf<SessionState>();
type Failed = Extract<AgentSessionEvent, { type: 'session.error' }>;
expectTypeOf<Failed['code']>().toEqualTypeOf<string>();
expectTypeOf<Extract<AgentSessionEvent, { type: 'session.session_started' }>>().toEqualTypeOf<never>();

// Commands are checked.
{
  const ref = null as unknown as AgentSessionRef;
  () => ref.send({ type: 'session.sendText', text: 'hello' });
  // @ts-expect-error a text is needed
  () => ref.send({ type: 'session.sendText' });
  // @ts-expect-error there is no such command
  () => ref.send({ type: 'session.explode' });
}

// In a host machine the input is checked and the output reaches onDone.
setup({
  types: { input: {} as AgentSessionInput, events: {} as AgentSessionEvent | { type: 'hang up' } },
  actors: { agentSession },
}).createMachine({
  invoke: {
    id: 'call',
    src: 'agentSession',
    input: {} as AgentSessionInput,
    onDone: {
      guard: ({ event }) => {
        expectTypeOf(event.output).toEqualTypeOf<AgentSessionOutput>();
        return event.output.reason === 'closed by the host';
      },
      target: '.over',
    },
  },
  initial: 'calling',
  states: {
    calling: { on: { 'hang up': { actions: sendTo('call', { type: 'session.close' }) } } },
    over: {},
  },
});

// Input without a runtime is refused.
setup({ types: { input: {} as { agent: Agent } }, actors: { agentSession } }).createMachine({
  // @ts-expect-error the runtime is missing
  invoke: { src: 'agentSession', input: ({ event }) => ({ agent: event.type }) },
});
