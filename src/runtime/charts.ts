// The charts for whoever wants to draw, walk or step them. States and events are public; what a context holds is not.
import type { AnyStateMachine } from 'xstate';
// One by one: the index has the charts of a worker as well, which a session never needs.
import { agentMachine } from '../machines/agent.machine.ts';
import { circuitBreakerMachine } from '../machines/circuit-breaker.machine.ts';
import { connectionMachine } from '../machines/connection.machine.ts';
import { pipelineMachine } from '../machines/pipeline.machine.ts';
import { sessionMachine } from '../machines/session.machine.ts';
import { toolCallMachine } from '../machines/tool-call.machine.ts';
import { turnMachine } from '../machines/turn.machine.ts';

export type ChartName = 'agent' | 'circuitBreaker' | 'connection' | 'pipeline' | 'session' | 'toolCall' | 'turn';

/** By id, without effects: slots are filled by the runtime and fail with `ERR_NOT_PROVIDED` until then. */
export const charts: Readonly<Record<ChartName, AnyStateMachine>> = {
  agent: agentMachine,
  circuitBreaker: circuitBreakerMachine,
  connection: connectionMachine,
  pipeline: pipelineMachine,
  session: sessionMachine,
  toolCall: toolCallMachine,
  turn: turnMachine,
};
