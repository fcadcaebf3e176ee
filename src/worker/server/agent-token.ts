// The token with which a worker registers: it allows nothing but being a worker.
import { type AccessTokenOptions, accessToken } from './access-token.ts';

export interface AgentTokenOptions extends Omit<AccessTokenOptions, 'claims' | 'ttlSeconds'> {
  /** How long the token can be used to connect, in seconds; an open socket outlives it. Default 600. */
  readonly ttlSeconds?: number;
}

/** A token with the grant `video.agent`. */
export function agentToken({ ttlSeconds = 600, ...options }: AgentTokenOptions): string {
  return accessToken({ ...options, ttlSeconds, claims: { video: { agent: true } } });
}
