// Tokens for the people and agents of a test.
import { RoomAgentDispatch, RoomConfiguration } from '@livekit/protocol';
import { AccessToken, type VideoGrant } from 'livekit-server-sdk';
import type { LivekitAccess } from './server.ts';

export function tokenFor(
  { apiKey, apiSecret }: LivekitAccess,
  {
    identity,
    room,
    agent = false,
    kind = agent ? 'agent' : 'standard',
    attributes = {},
    grant = {},
    ttl = '1h',
    agents = [],
  }: TokenOptions,
): Promise<string> {
  const token = new AccessToken(apiKey, apiSecret, { identity, ttl, attributes });
  token.addGrant({
    roomJoin: true,
    room,
    canPublish: true,
    canSubscribe: true,
    canPublishData: true,
    canUpdateOwnMetadata: true,
    ...(agent && { agent: true }),
    ...grant,
  });
  token.kind = kind;
  if (agents.length > 0) {
    token.roomConfig = new RoomConfiguration({
      agents: agents.map((agentName) => new RoomAgentDispatch({ agentName })),
    });
  }
  return token.toJwt();
}

export interface TokenOptions {
  readonly identity: string;
  readonly room: string;
  /** Only agents may speak in the name of others. Default false. */
  readonly agent?: boolean;
  /** What the participant is to the others. Default: by `agent`. */
  readonly kind?: 'standard' | 'agent' | 'sip' | 'egress';
  readonly attributes?: Readonly<Record<string, string>>;
  readonly grant?: VideoGrant;
  readonly ttl?: string | number;
  /** Names of agents that are dispatched when the room is opened with this token. */
  readonly agents?: readonly string[];
}
