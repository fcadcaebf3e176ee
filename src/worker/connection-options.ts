// Where a worker registers and with which key: options first, then the environment.
import { fieldsOf, having, type OptionsOf, parseOptions } from '../options.ts';

export interface ConnectionOptions {
  /** `ws:`, `wss:`, `http:` or `https:` address of the server. Default LIVEKIT_URL. */
  readonly url?: string;
  /** Default LIVEKIT_API_KEY. */
  readonly apiKey?: string;
  /** Default LIVEKIT_API_SECRET. */
  readonly apiSecret?: string;
}

const SCHEMES = /^(wss?|https?):$/;

const isFilled = (value: unknown) => typeof value === 'string' && value !== '';

const isServerUrl = (text: string) => {
  try {
    const url = new URL(text);
    return SCHEMES.test(url.protocol) && url.username === '' && url.password === '';
  } catch {
    return false;
  }
};

const setBy = (field: string, variable: string) =>
  having<string>(
    (value) => value !== undefined,
    `must be set: give \`${field}\` or the environment variable ${variable}`,
  );

const schema = fieldsOf<Required<ConnectionOptions>>()({
  url: setBy('url', 'LIVEKIT_URL').and(
    isServerUrl,
    'must be a ws, wss, http or https address without user and password',
  ),
  apiKey: setBy('apiKey', 'LIVEKIT_API_KEY').and(isFilled, 'must not be empty'),
  apiSecret: setBy('apiSecret', 'LIVEKIT_API_SECRET').and(isFilled, 'must not be empty'),
});

export type Connection = Readonly<OptionsOf<typeof schema>>;

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
