// The token with which a worker registers: a JWT signed with the API secret that allows nothing but being a worker.
import { createHmac } from 'node:crypto';

export interface AgentTokenOptions {
  readonly apiKey: string;
  readonly apiSecret: string;
  readonly atEpochMs: number;
  /** How long the token can be used to connect, in seconds; an open socket outlives it. Default 600. */
  readonly ttlSeconds?: number;
}

/** Clocks of two machines differ; the token counts from this many seconds ago. */
const SKEW_SECONDS = 10;

/** HS256 with the grant `video.agent`. */
export function agentToken({ apiKey, apiSecret, atEpochMs, ttlSeconds = 600 }: AgentTokenOptions): string {
  const now = Math.floor(atEpochMs / 1000);
  const head = encoded({ alg: 'HS256', typ: 'JWT' });
  const body = encoded({ iss: apiKey, nbf: now - SKEW_SECONDS, exp: now + ttlSeconds, video: { agent: true } });
  const signature = createHmac('sha256', apiSecret).update(`${head}.${body}`).digest('base64url');
  return `${head}.${body}.${signature}`;
}

function encoded(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}
