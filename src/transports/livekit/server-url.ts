// Addresses of a LiveKit server: which are taken, and where its endpoints are.

/** A `ws:`, `wss:`, `http:` or `https:` address without user and password, which no request of ours would send. */
export function isServerUrl(value: unknown): boolean {
  const url = typeof value === 'string' ? URL.parse(value) : null;
  return url !== null && /^(wss?|https?):$/.test(url.protocol) && url.username === '' && url.password === '';
}

export const SERVER_URL_RULE = 'must be a ws, wss, http or https address without user and password';

/** `wss://host/base` -> `https://host/base/path`; TLS stays as it was given. */
export function endpointOf(serverUrl: string, scheme: 'ws' | 'http', path: string): string {
  const url = new URL(serverUrl);
  url.protocol = url.protocol.replace(/^(ws|http)/, scheme);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/${path}`;
  return url.href;
}
