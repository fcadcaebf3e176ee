// What the verbs of `agent-control` do to a session.
import type { SessionState, UserState } from '../../../events.ts';
import type { JsonValue } from '../../../json.ts';
import type { RoomSwitches } from '../room/room-switches.ts';
import { shownStateOf } from '../room/shown-state.ts';
import { type ControlBody, type ControlVerb, MAX_CONTROL_BYTES, readBody } from './control-protocol.ts';

/** Room that the rest of an answer takes. */
const ENVELOPE_BYTES = 500;

/** What of an AgentSession can be asked for from a room. */
export interface ControlledSession {
  readonly sessionId: string;
  readonly state: SessionState;
  readonly userState: UserState;
  readonly agent: { readonly agentId: string; updateInstructions(instructions: string): void };
  readonly history: readonly {
    readonly id: string;
    readonly type: string;
    readonly createdAtMs: number;
    readonly text?: string;
    readonly interrupted?: boolean;
  }[];
  say(text: string, options: { readonly allowInterruptions: boolean }): { readonly id: string };
  generateReply(options: { readonly instructions?: string; readonly allowInterruptions: boolean }): {
    readonly id: string;
  };
  sendText(text: string): { readonly id: string };
  interrupt(): void;
  commitTurn(): void;
  clearTurn(): void;
  close(reason: string): Promise<unknown>;
}

interface Target {
  readonly session: ControlledSession;
  readonly switches: RoomSwitches;
}

type Perform = { readonly [Verb in ControlVerb]: (target: Target, body: ControlBody<Verb>) => JsonValue };

const PERFORM: Perform = {
  ping: () => ({}),
  interrupt: ({ session }) => {
    session.interrupt();
    return {};
  },
  commitTurn: ({ session }) => {
    session.commitTurn();
    return {};
  },
  clearTurn: ({ session }) => {
    session.clearTurn();
    return {};
  },
  getState: ({ session, switches }) => ({
    sessionId: session.sessionId,
    agentId: session.agent.agentId,
    state: session.state,
    agentState: shownStateOf(session.state) ?? 'listening',
    userState: session.userState,
    io: { ...switches },
  }),
  getHistory: ({ session }, { limit }) => ({ items: newestThatFit(session.history, limit) }),
  sendText: ({ session }, { text }) => ({ speechId: session.sendText(text).id }),
  updateIo: ({ switches }, body) => {
    Object.assign(switches, body);
    return { io: { ...switches } };
  },
  say: ({ session }, { text, allowInterruptions }) => ({ speechId: session.say(text, { allowInterruptions }).id }),
  generateReply: ({ session }, { instructions, allowInterruptions }) => ({
    speechId: session.generateReply({ ...(instructions !== undefined && { instructions }), allowInterruptions }).id,
  }),
  updateInstructions: ({ session }, { instructions }) => {
    session.agent.updateInstructions(instructions);
    return {};
  },
  close: ({ session }, { reason }) => {
    // The end of the session is told by its own event; the answer goes out before the agent leaves.
    session.close(reason).catch(() => {});
    return {};
  },
};

/** @throws AgentError what the body or the session says */
export function performVerb<Verb extends ControlVerb>(verb: Verb, body: unknown, target: Target): JsonValue {
  return PERFORM[verb](target, readBody(verb, body));
}

/** What both sides said, without tools; the newest, in order, as many as one answer holds. */
function newestThatFit(history: ControlledSession['history'], limit: number): JsonValue[] {
  const encoder = new TextEncoder();
  const items: JsonValue[] = [];
  let bytes = ENVELOPE_BYTES;
  for (let at = history.length - 1; at >= 0 && items.length < limit; at--) {
    const item = history[at];
    if (item === undefined || (item.type !== 'user' && item.type !== 'assistant')) continue;
    const { id, type, createdAtMs, text = '', interrupted = false } = item;
    const shown = { id, role: type, text, createdAtMs, ...(type === 'assistant' && { interrupted }) };
    bytes += encoder.encode(JSON.stringify(shown)).byteLength + 1;
    if (bytes > MAX_CONTROL_BYTES) break;
    items.unshift(shown);
  }
  return items;
}
