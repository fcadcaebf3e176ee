// The charts for whoever wants to draw, walk or step them. States and events are public; what a context holds is not.
import type { AnyStateMachine } from 'xstate';
import {
  agentMachine,
  circuitBreakerMachine,
  connectionMachine,
  pipelineMachine,
  sessionMachine,
  toolCallMachine,
  turnMachine,
} from '../machines/index.ts';

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
