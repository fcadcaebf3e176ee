import { describe, expect, test } from 'vitest';
import { livekitTransport } from '../../../src/transports/livekit/index.ts';
import { endpointOf, isServerUrl } from '../../../src/transports/livekit/server-url.ts';
import { agentUrl } from '../../../src/worker/server/agent-socket.ts';
import { resolveConnection } from '../../../src/worker/server/connection-options.ts';

describe('the address of a server, for a transport and for a worker alike', () => {
  test.each(['ws://lk.test', 'wss://lk.test/base', 'http://127.0.0.1:7880/', 'https://lk.test'])(
    '%s is taken',
    (url) => {
      expect(isServerUrl(url)).toBe(true);
      expect(() => livekitTransport({ url, token: 't' })).not.toThrow();
      expect(resolveConnection({ url, apiKey: 'k', apiSecret: 's' }, {}).url).toBe(url);
    },
  );

  test.each(['', 'lk.test', 'ftp://lk.test', 'wss://', 'wss://user:pass@lk.test', 'http://user@lk.test'])(
    '%j is refused',
    (url) => {
      const refusal = expect.objectContaining({ code: 'ERR_OPTION', field: 'url' });
      expect(() => livekitTransport({ url, token: 't' })).toThrow(refusal);
      expect(() => resolveConnection({ url, apiKey: 'k', apiSecret: 's' }, {})).toThrow(refusal);
    },
  );
});

test.each([
  ['https://h.test', 'wss://h.test/agent', 'https://h.test/twirp/x'],
  ['http://h.test:7880/', 'ws://h.test:7880/agent', 'http://h.test:7880/twirp/x'],
  ['wss://h.test/base//', 'wss://h.test/base/agent', 'https://h.test/base/twirp/x'],
])('the endpoints of %s are %s and %s', (server, agent, api) => {
  expect(agentUrl(server)).toBe(agent);
  expect(endpointOf(server, 'http', 'twirp/x')).toBe(api);
});
