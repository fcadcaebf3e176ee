// One call to the API of a LiveKit server: JSON over HTTP, with a deadline, and every failure as a coded error.
import type { Clock } from '../../clock.ts';
import { AgentError, textOf } from '../../errors.ts';
import { endpointOf } from '../../transports/livekit/server-url.ts';
import { accessToken } from './access-token.ts';
import { type Connection, refusedKey } from './connection-options.ts';

export type HttpFetch = (url: string, init: RequestInit) => Promise<Response>;

export interface TwirpOptions {
  readonly connection: Connection;
  readonly clock: Clock;
  readonly fetch: HttpFetch;
}

export interface TwirpCall {
  readonly service: string;
  readonly method: string;
  readonly body: unknown;
  /** Grants of the token: no call carries more rights than it needs. */
  readonly grants: Readonly<Record<'video' | 'sip', object | undefined>>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** The token is made for one call. */
const TOKEN_SECONDS = 60;
const MAX_TEXT_CHARS = 300;

/**
 * The JSON that the server answered.
 * @throws AgentError `ERR_WORKER_AUTH`, `ERR_NOT_FOUND`, `ERR_SIP_UNAVAILABLE`, `ERR_SIP_CALL`, `ERR_SERVER_API`,
 * `ERR_TIMEOUT`, `ERR_TRANSPORT`; `ERR_CLOSED` when the signal aborts
 */
export async function callTwirp({ connection, clock, fetch }: TwirpOptions, call: TwirpCall): Promise<unknown> {
  const { service, method, body, grants, timeoutMs, signal } = call;
  const token = accessToken({
    ...connection,
    atEpochMs: clock.wallNow(),
    ttlSeconds: TOKEN_SECONDS + Math.ceil(timeoutMs / 1000),
    claims: grants,
  });
  const ended = deadline(clock, timeoutMs, method, signal);
  try {
    const answer = fetch(endpointOf(connection.url, 'http', `twirp/livekit.${service}/${method}`), {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      // Elsewhere nobody has a right to the token.
      redirect: 'error',
      signal: ended.signal,
    }).then(async (response) => ({ status: response.status, isOk: response.ok, text: await response.text() }));
    // A server, or a stand-in for fetch, that does not care for the signal must not hold the caller.
    const { status, isOk, text } = await Promise.race([answer, ended.failure]);
    const json = parsed(text);
    if (!isOk) throw refusal(service, method, status, json);
    if (json === undefined) throw apiError(method, 'an answer that is no JSON', { retryable: false });
    return json;
  } catch (error) {
    if (ended.error !== null) throw ended.error;
    if (error instanceof AgentError) throw error;
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    throw new AgentError(
      'ERR_TRANSPORT',
      `${method}: the LiveKit server could not be reached: ${clean(textOf(cause))}`,
      {
        fix: 'Check LIVEKIT_URL and that the server runs',
      },
    );
  } finally {
    ended.clear();
  }
}

/** Aborts after `timeoutMs` or with the caller's signal; `error` says which. */
function deadline(clock: Clock, timeoutMs: number, method: string, caller: AbortSignal | undefined) {
  const abort = new AbortController();
  let fail: (error: AgentError) => void = () => {};
  const failure = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failure.catch(() => {}); // nobody races it any more when the answer came first
  const state = {
    signal: abort.signal,
    failure,
    error: null as AgentError | null,
    clear: () => {
      clock.clearTimeout(timer);
      caller?.removeEventListener('abort', abandon);
    },
  };
  const end = (error: AgentError) => {
    state.error ??= error;
    fail(state.error);
    abort.abort();
  };
  const abandon = () => end(new AgentError('ERR_CLOSED', `${method} was given up: nobody waits for it any more`));
  const timer = clock.setTimeout(
    () =>
      end(
        new AgentError('ERR_TIMEOUT', `${method}: the LiveKit server did not answer`, {
          field: 'timeoutMs',
          rule: `${timeoutMs} ms`,
        }),
      ),
    timeoutMs,
  );
  caller?.addEventListener('abort', abandon, { once: true });
  if (caller?.aborted === true) abandon();
  return state;
}

function refusal(service: string, method: string, status: number, json: unknown): AgentError {
  const { code, msg, meta } = errorOf(json);
  const text = msg === '' ? `status ${status}` : msg.replace(/^twirp error unknown: /, '');
  const sipStatus = meta.sip_status_code;
  if (typeof sipStatus === 'string' || typeof sipStatus === 'number') {
    const phrase = typeof meta.sip_status === 'string' ? ` ${meta.sip_status}` : '';
    return new AgentError(
      'ERR_SIP_CALL',
      `${method}: the telephone network answered ${clean(`${sipStatus}${phrase}`)}`,
    );
  }
  // The server has no codes of its own for these: it says so as internal errors.
  if (/sip (is )?not connected/i.test(text) || (service === 'SIP' && /no response from servers/i.test(text))) {
    return new AgentError('ERR_SIP_UNAVAILABLE', `${method}: ${clean(text)}`, {
      fix: 'Run livekit-sip beside the server; both need the same Redis',
    });
  }
  if (/no SIP session/i.test(text)) {
    return new AgentError('ERR_SIP_CALL', `${method}: the participant is not on the telephone`, { retryable: false });
  }
  if (status === 401 || status === 403 || code === 'unauthenticated' || code === 'permission_denied')
    return refusedKey(method, status);
  if (code === 'not_found') return new AgentError('ERR_NOT_FOUND', `${method}: ${clean(text)}`);
  if (status === 404 || code === 'bad_route') {
    return apiError(method, `there is no LiveKit API at this address (${status})`, {
      retryable: false,
      fix: 'Check LIVEKIT_URL',
    });
  }
  if (code === 'deadline_exceeded') return new AgentError('ERR_TIMEOUT', `${method}: ${clean(text)}`);
  return apiError(method, text, { retryable: status >= 500 || status === 429 });
}

function apiError(method: string, text: string, detail: { readonly retryable: boolean; readonly fix?: string }) {
  return new AgentError('ERR_SERVER_API', `${method}: ${clean(text)}`, detail);
}

function errorOf(json: unknown) {
  const { code, msg, meta } = recordOf(json);
  return {
    code: typeof code === 'string' ? code : '',
    msg: typeof msg === 'string' ? msg : '',
    meta: recordOf(meta),
  };
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}; // an object, just checked
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** One short line, without anything that looks like a token. */
function clean(text: string): string {
  return text
    .replaceAll(/eyJ[\w-]+\.[\w-]+\.[\w-]+/g, '...')
    .replaceAll(/\s+/g, ' ')
    .slice(0, MAX_TEXT_CHARS);
}
