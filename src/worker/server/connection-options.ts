// Where a worker registers and with which key: options first, then the environment.
import { AgentError } from '../../errors.ts';
import { fieldsOf, having, namedAs, type OptionsOf, parseOptions } from '../../options.ts';
import { isServerUrl, SERVER_URL_RULE } from '../../transports/livekit/server-url.ts';

export interface ConnectionOptions {
  /** `ws:`, `wss:`, `http:` or `https:` address of the server. Default LIVEKIT_URL. */
  readonly url?: string;
  /** Default LIVEKIT_API_KEY. */
  readonly apiKey?: string;
  /** Default LIVEKIT_API_SECRET. */
  readonly apiSecret?: string;
}

const isFilled = (value: unknown) => typeof value === 'string' && value !== '';

const setBy = (field: string, variable: string) =>
  having<string>(
    (value) => value !== undefined,
    `must be set: give \`${field}\` or the environment variable ${variable}`,
  );

const schema = fieldsOf<Required<ConnectionOptions>>()({
  url: setBy('url', 'LIVEKIT_URL').and(isServerUrl, SERVER_URL_RULE),
  apiKey: setBy('apiKey', 'LIVEKIT_API_KEY').and(isFilled, 'must not be empty'),
  apiSecret: setBy('apiSecret', 'LIVEKIT_API_SECRET').and(isFilled, 'must not be empty'),
});

export type Connection = Readonly<OptionsOf<typeof schema>>;

const VARIABLES = { url: 'LIVEKIT_URL', apiKey: 'LIVEKIT_API_KEY', apiSecret: 'LIVEKIT_API_SECRET' } as const;
const FIELDS = ['url', 'apiKey', 'apiSecret'] as const;

/** An empty variable is one that is not set. @throws AgentError `ERR_OPTION`, by the name of what is wrong: field or variable */
export function resolveConnection(
  options: ConnectionOptions,
  env: Readonly<Record<string, string | undefined>>,
): Connection {
  const given: Partial<Record<keyof Connection, string>> = {};
  const names: Record<string, string> = {};
  for (const field of FIELDS) {
    const variable = VARIABLES[field];
    const value = options[field] ?? (env[variable] || undefined);
    if (value === undefined) continue;
    given[field] = value;
    if (options[field] === undefined) names[field] = variable;
  }
  return namedAs(names, () => parseOptions(schema, given, 'worker'));
}

/** The server does not take the key: 401 or 403. */
export function refusedKey(what: string, status: number): AgentError {
  return new AgentError('ERR_WORKER_AUTH', `${what}: the LiveKit server refused the key (${status})`, {
    field: 'apiKey, apiSecret',
    fix: 'Check LIVEKIT_API_KEY and LIVEKIT_API_SECRET against the keys of the server',
  });
}
