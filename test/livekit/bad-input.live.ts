import { expect, inject, test } from 'vitest';
import { startCommand } from '../../src/cli/start-command.ts';

const WORKER = new URL('../cli/fixtures/idle-worker.ts', import.meta.url).pathname;

test.each<[string, Readonly<Record<string, string>>, number, RegExp]>([
  [
    'a key the server does not know',
    { LIVEKIT_API_KEY: 'another' },
    3,
    /apiKey, apiSecret: .*401.*Check LIVEKIT_API_KEY/,
  ],
  [
    'a wrong secret',
    { LIVEKIT_API_SECRET: 'a-wrong-secret-of-more-than-32-characters' },
    3,
    /apiKey, apiSecret: .*401/,
  ],
  ['an address without an agent endpoint', { path: '/elsewhere' }, 2, /url: .*404.*Check LIVEKIT_URL/],
  ['an address where nobody listens', { LIVEKIT_URL: 'ws://127.0.0.1:9' }, 2, /url: .*ECONNREFUSED.*Check LIVEKIT_URL/],
])('a worker with %s ends with one line that says what to do', async (_, given, expected, line) => {
  const { path = '', ...wrong } = given;
  const { url, apiKey, apiSecret } = inject('livekit');
  const env = { LIVEKIT_URL: `${url}${path}`, LIVEKIT_API_KEY: apiKey, LIVEKIT_API_SECRET: apiSecret, ...wrong };
  let out = '';
  const write = (text: string) => {
    out += text;
  };
  const code = await startCommand([WORKER, '--no-health', '--in-process', '--attempts', '2'], {
    stdout: { write },
    stderr: { write },
    env,
    signal: new AbortController().signal,
  });
  expect(code).toBe(expected);
  expect(out.split('\n').filter((each) => each !== '' && !each.startsWith('{'))).toEqual([expect.stringMatching(line)]);
  expect(out).not.toMatch(/^\s+at /m);
  for (const secret of [apiSecret, env.LIVEKIT_API_SECRET, 'eyJ']) expect(out).not.toContain(secret);
});
