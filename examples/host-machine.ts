// A machine of the host that starts a call, follows its state, and ends it: here a kiosk that serves one guest.
import {
  Agent,
  type AgentSessionEvent,
  type AgentSessionInput,
  type AgentSessionOutput,
  agentSession,
  createRuntime,
  LoopbackTransport,
} from 'livekitex-agent';
import { assign, createActor, sendTo, setup } from 'xstate';

const kioskMachine = setup({
  types: {
    input: {} as AgentSessionInput,
    context: {} as { call: AgentSessionInput; ending: AgentSessionOutput | null },
    events: {} as AgentSessionEvent,
  },
  actors: { agentSession },
  actions: {
    showState: ({ event }) => {
      if (event.type === 'session.state_changed') console.log(`${event.fromState} -> ${event.toState}`);
    },
    greet: sendTo('call', { type: 'session.say', text: 'Welcome.' }),
    ask: sendTo('call', { type: 'session.sendText', text: 'Who are you?' }),
    sayGoodbye: sendTo('call', { type: 'session.close', reason: 'served' }),
    keepEnding: assign((_, ending: AgentSessionOutput) => ({ ending })),
  },
}).createMachine({
  id: 'kiosk',
  context: ({ input }) => ({ call: input, ending: null }),
  initial: 'serving',
  states: {
    serving: {
      // Leaving this state would end the call as well.
      invoke: {
        id: 'call',
        src: 'agentSession',
        input: ({ context }) => context.call,
        onDone: {
          target: 'closed',
          actions: { type: 'keepEnding', params: ({ event }) => event.output },
        },
      },
      on: { 'session.state_changed': { actions: 'showState' } },
      initial: 'greeting',
      states: {
        // A command may be sent at once: it waits until the call is up.
        greeting: { entry: 'greet', on: { 'session.turn_completed': 'asking' } },
        asking: { entry: 'ask', on: { 'session.turn_completed': 'leaving' } },
        leaving: { entry: 'sayGoodbye' },
      },
    },
    closed: { type: 'final' },
  },
});

const runtime = createRuntime();
const agent = new Agent({ instructions: 'Serve the guest.' });
const kiosk = createActor(kioskMachine, { input: { runtime, agent, transport: new LoopbackTransport() } });
kiosk.subscribe({
  complete: () => {
    console.log(`the call ended: ${kiosk.getSnapshot().context.ending?.reason}`);
    void runtime.close();
  },
});
kiosk.start();
