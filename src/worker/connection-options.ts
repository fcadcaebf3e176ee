// Where a worker registers and with which key: options first, then the environment.
import { z } from 'zod';
import { parseOptions } from '../options.ts';

export interface ConnectionOptions {
  /** `ws:`, `wss:`, `http:` or `https:` address of the server. Default LIVEKIT_URL. */
  readonly url?: string;
  /** Default LIVEKIT_API_KEY. */
  readonly apiKey?: string;
  /** Default LIVEKIT_API_SECRET. */
  readonly apiSecret?: string;
}

const SCHEMES = /^(wss?|https?):$/;

const isServerUrl = (text: string) => {
  try {
    const url = new URL(text);
    return SCHEMES.test(url.protocol) && url.username === '' && url.password === '';
  } catch {
    return false;
  }
};

const schema = z.object({
  url: z
    .string('must be set: give `url` or the environment variable LIVEKIT_URL')
    .refine(isServerUrl, 'must be a ws, wss, http or https address without user and password'),
  apiKey: z
    .string('must be set: give `apiKey` or the environment variable LIVEKIT_API_KEY')
    .min(1, 'must not be empty'),
  apiSecret: z
    .string('must be set: give `apiSecret` or the environment variable LIVEKIT_API_SECRET')
    .min(1, 'must not be empty'),
});

export type Connection = Readonly<z.output<typeof schema>>;

/** @throws AgentError `ERR_OPTION` */
export function resolveConnection(
  { url, apiKey, apiSecret }: ConnectionOptions,
  env: Readonly<Record<string, string | undefined>>,
): Connection {
  const given = {
    url: url ?? env.LIVEKIT_URL,
    apiKey: apiKey ?? env.LIVEKIT_API_KEY,
    apiSecret: apiSecret ?? env.LIVEKIT_API_SECRET,
  };
  return parseOptions(schema, given, 'worker');
}
