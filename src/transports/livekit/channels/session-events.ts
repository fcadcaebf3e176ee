// What happens in a session, told as the events of `lk.agent.session`.
import type { Clock } from '../../../clock.ts';
import { ERRORS } from '../../../errors.ts';
import { namedEvent, type SessionEventMap, type SessionEventName, type TurnLatency } from '../../../events.ts';
import { type ShownAgentState, shownStateOf } from '../room/shown-state.ts';
import {
  AGENT_STATES,
  chatItemOf,
  type EventInit,
  type SpokenItem,
  TOOL_DONE,
  TOOL_ERROR,
  timestampOf,
  USER_STATES,
  type Usage,
  usageOf,
} from './session-protocol.ts';

/** What of an AgentSession its events are made of. */
export interface NarratedSession {
  readonly history: readonly SpokenItem[];
  readonly usage: Usage;
  readonly agent: { readonly llm: { readonly label: string } | undefined };
}

export interface NarratorOptions {
  readonly session: NarratedSession;
  readonly clock: Pick<Clock, 'wallNow'>;
  /** Are calls of tools told? */
  readonly showTools: boolean;
  /** Of events that wait under one key only the newest is wanted. */
  tell(event: EventInit, key: string | null): void;
}

export class SessionNarrator {
  readonly #options: NarratorOptions;
  /** Items that were told. */
  readonly #told = new Set<string>();
  /** Open calls, so that their end can be told with what they were. */
  readonly #calls = new Map<string, { readonly callId: string; readonly name: string; readonly arguments: string }>();
  #agent: ShownAgentState = 'initializing';
  /** When the user began to speak over the agent. */
  #overlapAtMs: number | null = null;
  #toldTokens = 0;

  constructor(options: NarratorOptions) {
    this.#options = options;
  }

  hear(name: SessionEventName, event: SessionEventMap[SessionEventName]): void {
    const told = namedEvent(name, event);
    switch (told.name) {
      case 'state_changed':
        this.#agentIs(told);
        return;
      case 'user_state_changed':
        this.#userIs(told);
        return;
      case 'turn_started':
        this.#tellItems(null);
        return;
      case 'stt_result':
        this.#heard(told);
        return;
      case 'tool_called':
        this.#called({ callId: told.callId, name: told.toolName, arguments: told.arguments });
        return;
      case 'tool_completed':
        this.#returned(told.callId, told.toolName, told.result, false);
        return;
      case 'tool_error':
        this.#returned(told.callId, told.toolName, told.error, true);
        return;
      case 'interruption':
        if (told.cause === 'voice') this.#overlapped(true);
        return;
      case 'turn_completed':
        this.#tellItems(told);
        this.#tellUsage();
        return;
      case 'session_error':
        this.#tell({ case: 'error', value: { message: `${told.part}: ${meaningOf(told.code)}` } });
        return;
    }
  }

  #agentIs({ fromState, toState }: SessionEventMap['state_changed']): void {
    if (fromState === 'paused' && toState === 'speaking')
      this.#tell({ case: 'agentFalseInterruption', value: { resumed: true } });
    const next = shownStateOf(toState);
    if (next === null || next === this.#agent) return;
    const value = { oldState: AGENT_STATES[this.#agent], newState: AGENT_STATES[next] };
    this.#agent = next;
    this.#tell({ case: 'agentStateChanged', value });
  }

  #userIs({ fromState, toState }: SessionEventMap['user_state_changed']): void {
    this.#tell({
      case: 'userStateChanged',
      value: { oldState: USER_STATES[fromState], newState: USER_STATES[toState] },
    });
    if (toState !== 'speaking') this.#overlapped(false);
    else if (this.#agent === 'speaking') this.#overlapAtMs = this.#options.clock.wallNow();
  }

  /** The user spoke over the agent, and stopped it or not. */
  #overlapped(isInterruption: boolean): void {
    const startedAtMs = this.#overlapAtMs;
    this.#overlapAtMs = null;
    if (startedAtMs === null) return;
    const nowMs = this.#options.clock.wallNow();
    this.#tell({
      case: 'overlappingSpeech',
      value: {
        isInterruption,
        overlapStartedAt: timestampOf(startedAtMs),
        detectedAt: timestampOf(nowMs),
        detectionDelay: (nowMs - startedAtMs) / 1_000,
      },
    });
  }

  #heard({ utterance, text, isFinal }: SessionEventMap['stt_result']): void {
    const value = { transcript: text, isFinal };
    this.#tell({ case: 'userInputTranscribed', value }, isFinal ? null : `heard ${utterance}`);
  }

  #called(call: { readonly callId: string; readonly name: string; readonly arguments: string }): void {
    if (!this.#options.showTools) return;
    this.#calls.set(call.callId, call);
    this.#tell({ case: 'functionToolsStarted', value: { functionCalls: [call] } });
    this.#tell({
      case: 'toolExecutionUpdated',
      value: { update: { case: 'started', value: { functionCall: call } } },
    });
    this.#tellItems(null);
  }

  #returned(callId: string, name: string, result: string, isError: boolean): void {
    if (!this.#options.showTools) return;
    const call = this.#calls.get(callId) ?? { callId, name, arguments: '' };
    this.#calls.delete(callId);
    // What the model was told; the error itself is the host's.
    const item = this.#options.session.history.findLast((each) => each.type === 'toolOutput' && each.callId === callId);
    const output = item?.type === 'toolOutput' ? item.output : isError ? 'failed' : result;
    this.#tell({
      case: 'functionToolsExecuted',
      value: { functionCalls: [call], functionCallOutputs: [{ callId, name, output, isError }] },
    });
    this.#tell({
      case: 'toolExecutionUpdated',
      value: { update: { case: 'ended', value: { id: callId, callId, status: isError ? TOOL_ERROR : TOOL_DONE } } },
    });
    this.#tellItems(null);
  }

  /** Each item once, when nothing about it changes any more: the agent's words at the end of their turn. */
  #tellItems(ended: { readonly turn: number; readonly latency: TurnLatency } | null): void {
    let latency = ended?.latency;
    for (const item of this.#options.session.history) {
      if (this.#told.has(item.id)) continue;
      if (!this.#options.showTools && (item.type === 'toolCall' || item.type === 'toolOutput')) continue;
      if (item.type === 'assistant' && (ended === null || item.turn > ended.turn)) continue;
      this.#told.add(item.id);
      const isTimed = item.type === 'assistant' && item.turn === ended?.turn;
      this.#tell({ case: 'conversationItemAdded', value: { item: chatItemOf(item, isTimed ? latency : undefined) } });
      if (isTimed) latency = undefined;
    }
  }

  #tellUsage(): void {
    const { usage, agent } = this.#options.session;
    const tokens = usage.inputTokens + usage.outputTokens;
    if (tokens === this.#toldTokens) return;
    this.#toldTokens = tokens;
    this.#tell({ case: 'sessionUsageUpdated', value: { usage: usageOf(usage, agent.llm?.label ?? '') } }, 'usage');
  }

  #tell(event: EventInit, key: string | null = null): void {
    this.#options.tell(event, key);
  }
}

/** The text of an error may quote what is the host's; its meaning does not. */
function meaningOf(code: string): string {
  const table: Readonly<Record<string, { readonly meaning: string }>> = ERRORS;
  return (Object.hasOwn(table, code) ? table[code]?.meaning : undefined) ?? 'something failed';
}
