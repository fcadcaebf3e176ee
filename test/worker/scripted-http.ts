// An HTTP side for the server API that answers what a test says, and remembers what it was asked.
import type { HttpFetch } from '../../src/worker/server/twirp.ts';

export interface HttpAsked {
  readonly url: string;
  /** The last part of the address. */
  readonly method: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** What the token allows. */
  readonly claims: Readonly<Record<string, unknown>>;
}

export class ScriptedHttp {
  readonly asked: HttpAsked[] = [];
  /** The answer to every request from now on; a promise that does not settle is a server that is silent. */
  answer: (asked: HttpAsked) => Response | Promise<Response> = () => json({});

  readonly fetch: HttpFetch = async (url, { body, headers }) => {
    const { authorization = '' } = headers as Record<string, string>; // as twirp.ts gives them
    const [, payload = ''] = authorization.split('.');
    const asked = {
      url,
      method: url.split('/').at(-1) ?? '',
      body: JSON.parse(String(body)),
      claims: JSON.parse(Buffer.from(payload, 'base64url').toString()),
    };
    this.asked.push(asked);
    return this.answer(asked);
  };
}

export function json(body: unknown, status = 200): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });
}
