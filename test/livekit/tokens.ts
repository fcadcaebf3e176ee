// Tokens for the people and agents of a test.
import { AccessToken, type VideoGrant } from 'livekit-server-sdk';
import type { LivekitAccess } from './server.ts';

export function tokenFor(
  { apiKey, apiSecret }: LivekitAccess,
  { identity, room, agent = false, grant = {}, ttl = '1h' }: TokenOptions,
): Promise<string> {
  const token = new AccessToken(apiKey, apiSecret, { identity, ttl });
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
  if (agent) token.kind = 'agent';
  return token.toJwt();
}

export interface TokenOptions {
  readonly identity: string;
  readonly room: string;
  /** Only agents may speak in the name of others. Default false. */
  readonly agent?: boolean;
  readonly grant?: VideoGrant;
  readonly ttl?: string | number;
}
