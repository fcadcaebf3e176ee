// The messages of the topic `lk.agent.session` as the official front ends read them: one protobuf in each byte stream.
import type { AgentSession as pb } from '@livekit/protocol';
import { AgentError } from '../../../errors.ts';
import type { TurnLatency, UserState } from '../../../events.ts';
import type { ShownAgentState } from '../room/shown-state.ts';

export const SESSION_TOPIC = 'lk.agent.session';

type InitOf<Message extends abstract new (...args: never[]) => unknown> = NonNullable<
  ConstructorParameters<Message>[0]
>;
type MessageInit = InitOf<typeof pb.AgentSessionMessage>;
export type EventInit = NonNullable<InitOf<typeof pb.AgentSessionEvent>['event']>;
export type ResponseInit = NonNullable<InitOf<typeof pb.SessionResponse>['response']>;
export type ChatItemInit = InitOf<typeof pb.ChatContext_ChatItem>;
export type SessionRequest = pb.SessionRequest;
type TimestampInit = NonNullable<InitOf<typeof pb.AgentSessionEvent>['createdAt']>;

/** One entry of the conversation, as a session has it. */
export type SpokenItem = { readonly id: string; readonly turn: number; readonly createdAtMs: number } & (
  | { readonly type: 'user'; readonly text: string }
  | { readonly type: 'assistant'; readonly text: string; readonly interrupted: boolean }
  | { readonly type: 'toolCall'; readonly callId: string; readonly name: string; readonly arguments: string }
  | {
      readonly type: 'toolOutput';
      readonly callId: string;
      readonly name: string;
      readonly output: string;
      readonly isError: boolean;
    }
  | { readonly type: 'agentHandoff'; readonly fromAgentId: string; readonly toAgentId: string }
);

// The enums of the protocol by number, so that nothing of it is loaded before the first room is joined.
export const AGENT_STATES: Readonly<Record<ShownAgentState, pb.AgentState>> = {
  initializing: 0,
  listening: 2,
  thinking: 3,
  speaking: 4,
};
export const USER_STATES: Readonly<Record<UserState, pb.UserState>> = { speaking: 0, listening: 1, away: 2 };
const ROLES = { user: 2, assistant: 3 } satisfies Record<string, pb.ChatRole>;
export const TOOL_DONE = 1 satisfies pb.ToolCallStatus;
export const TOOL_ERROR = 2 satisfies pb.ToolCallStatus;

export function timestampOf(epochMs: number): TimestampInit {
  const seconds = Math.floor(epochMs / 1_000);
  return { seconds: BigInt(seconds), nanos: Math.floor((epochMs - seconds * 1_000) * 1e6) };
}

/** `latency` only for the item whose turn it is of. */
export function chatItemOf(item: SpokenItem, latency?: TurnLatency): ChatItemInit {
  const { id } = item;
  const createdAt = timestampOf(item.createdAtMs);
  switch (item.type) {
    case 'user':
    case 'assistant': {
      const content = [{ payload: { case: 'text' as const, value: item.text } }];
      const interrupted = item.type === 'assistant' && item.interrupted;
      const metrics = latency === undefined ? {} : { metrics: metricsOf(latency) };
      return {
        item: { case: 'message', value: { id, role: ROLES[item.type], content, interrupted, createdAt, ...metrics } },
      };
    }
    case 'toolCall': {
      const { callId, name, arguments: given } = item;
      return { item: { case: 'functionCall', value: { id, callId, name, arguments: given, createdAt } } };
    }
    case 'toolOutput': {
      const { callId, name, output, isError } = item;
      return { item: { case: 'functionCallOutput', value: { id, callId, name, output, isError, createdAt } } };
    }
    case 'agentHandoff': {
      const { fromAgentId: oldAgentId, toAgentId: newAgentId } = item;
      return { item: { case: 'agentHandoff', value: { id, oldAgentId, newAgentId, createdAt } } };
    }
  }
}

/** Seconds, as the protocol has them. */
function metricsOf({ endpointingMs, transcriptionMs, firstTokenMs, firstAudioMs, totalMs }: TurnLatency) {
  const seconds = <Name extends string>(name: Name, ms: number | null) =>
    (ms === null ? {} : { [name]: ms / 1_000 }) as { readonly [K in Name]?: number }; // the one key
  return {
    ...seconds('endOfTurnDelay', endpointingMs),
    ...seconds('transcriptionDelay', transcriptionMs),
    ...seconds('llmNodeTtft', firstTokenMs),
    ...seconds('ttsNodeTtfb', firstAudioMs),
    ...seconds('e2eLatency', totalMs),
  };
}

export interface Usage {
  readonly modelCalls: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

export function usageOf({ inputTokens, outputTokens }: Usage, model: string) {
  return { modelUsage: [{ usage: { case: 'llm' as const, value: { model, inputTokens, outputTokens } } }] };
}

/** Writes and reads the messages. */
export interface SessionCodec {
  encode(message: NonNullable<MessageInit['message']>): Uint8Array;
  /**
   * Null for a message that is no request.
   * @throws AgentError `ERR_CONTROL_MESSAGE` when the bytes are no message
   */
  readRequest(bytes: Uint8Array): SessionRequest | null;
  /** Statistics as JSON, in the form in which they are sent. */
  statsOf(publisher: readonly unknown[], subscriber: readonly unknown[]): pb.SessionResponse_GetRTCStatsResponse;
}

/** Loads the protocol when it is first needed: 85 ms, 10 MB. */
export async function loadSessionCodec(): Promise<SessionCodec> {
  const { AgentSession } = await import('@livekit/protocol');
  return {
    encode: (message) => new AgentSession.AgentSessionMessage({ message }).toBinary(),
    readRequest: (bytes) => {
      try {
        const { message } = AgentSession.AgentSessionMessage.fromBinary(bytes);
        return message.case === 'request' ? message.value : null;
      } catch (cause) {
        throw new AgentError('ERR_CONTROL_MESSAGE', 'a session message cannot be read', {
          field: SESSION_TOPIC,
          cause,
        });
      }
    },
    statsOf: (publisher, subscriber) =>
      AgentSession.SessionResponse_GetRTCStatsResponse.fromJson({
        publisherStats: JSON.parse(JSON.stringify(publisher)),
        subscriberStats: JSON.parse(JSON.stringify(subscriber)),
      }),
  };
}
