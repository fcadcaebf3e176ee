import { expect, inject, test, vi } from 'vitest';
import { startCommand } from '../../src/cli/start-command.ts';
import { RemoteUser } from './remote-user.ts';
import { tokenFor } from './tokens.ts';

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

test('a user of a test who does not enter the room fails the test, whether it waits for that or not', async () => {
  const access = inject('livekit');
  const wrong = { ...access, apiSecret: 'a-wrong-secret-of-more-than-32-characters' };
  const token = await tokenFor(wrong, { identity: 'user', room: 'closed' });
  const user = new RemoteUser();
  await expect(user.join(access.url, token)).rejects.toThrow('the user did not join');
  user.send({ type: 'join', url: access.url, token });
  await vi.waitFor(() => expect(user.reports.map(({ type }) => type)).toEqual(['ready', 'failed', 'failed']), 10_000);
  await expect(user.end()).rejects.toThrow('commands of the user failed');
});
