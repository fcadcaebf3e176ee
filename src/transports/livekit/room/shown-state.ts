// The state of the agent as front ends know it.
import type { SessionState } from '../../../events.ts';

/** Attribute of the agent in which front ends look for its state. */
export const STATE_ATTRIBUTE = 'lk.agent.state';

/** The states that front ends know. */
export type ShownAgentState = 'initializing' | 'listening' | 'thinking' | 'speaking';

const SHOWN: Readonly<Record<SessionState, ShownAgentState | null>> = {
  connecting: 'initializing',
  idle: 'listening',
  listening: 'listening',
  processing: 'listening',
  paused: 'listening',
  thinking: 'thinking',
  toolExecution: 'thinking',
  responding: 'thinking',
  speaking: 'speaking',
  interrupted: null,
  closing: null,
  closed: null,
  failed: null,
};

/** Null: what follows decides, or the agent is about to leave. */
export function shownStateOf(state: SessionState): ShownAgentState | null {
  return SHOWN[state];
}
