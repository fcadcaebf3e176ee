// Tokens that this process signs itself with the API secret: JWTs that allow what their claims say, and no more.
import { createHmac } from 'node:crypto';

export interface AccessTokenOptions {
  readonly apiKey: string;
  readonly apiSecret: string;
  readonly atEpochMs: number;
  readonly ttlSeconds: number;
  /** Beside issuer and times: grants as `video` and `sip`. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/** Clocks of two machines differ; the token counts from this many seconds ago. */
const SKEW_SECONDS = 10;

/** HS256, as LiveKit checks it. */
export function accessToken({ apiKey, apiSecret, atEpochMs, ttlSeconds, claims }: AccessTokenOptions): string {
  const now = Math.floor(atEpochMs / 1000);
  const head = encoded({ alg: 'HS256', typ: 'JWT' });
  const body = encoded({ iss: apiKey, nbf: now - SKEW_SECONDS, exp: now + ttlSeconds, ...claims });
  const signature = createHmac('sha256', apiSecret).update(`${head}.${body}`).digest('base64url');
  return `${head}.${body}.${signature}`;
}

function encoded(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}
