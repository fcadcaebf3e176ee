import { JobStatus } from '@livekit/protocol';
import { describe, expect, test } from 'vitest';
import { startCommand } from '../../src/cli/start-command.ts';
import { eventually } from '../eventually.ts';
import { IDLE_WORKER as FILE, SECRET, useEndpoint } from '../worker/real-endpoint.ts';
import { endedBySignal } from './ended-by-signal.ts';

const ENDLESS = new URL('fixtures/endless-worker.ts', import.meta.url).pathname;
const THROWING = new URL('fixtures/throwing-worker.ts', import.meta.url).pathname;
const server = useEndpoint();

function startIt(argv: readonly string[], env: Record<string, string> = {}) {
  const abort = new AbortController();
  const seconds: (() => void)[] = [];
  let out = '';
  const write = (text: string) => {
    out += text;
  };
  const code = startCommand(argv, {
    stdout: { write },
    stderr: { write },
    env: { ...server.env, ...env },
    signal: abort.signal,
    onSecondSignal: (listener) => seconds.push(listener),
  });
  return { code, out: () => out, signal: () => abort.abort(), second: () => seconds[0]?.() };
}

describe('exit codes', () => {
  test.each([
    ['no file', [], {}, 1, 'FILE'],
    ['a file that is not there', ['nowhere.ts'], {}, 1, 'nowhere.ts'],
    [
      'a file without a worker',
      [new URL('start-command.test.ts', import.meta.url).pathname.replace('.test', '-none')],
      {},
      1,
      'FILE',
    ],
    ['an unknown option', [FILE, '--healthport', '1'], {}, 1, '--health-port'],
    ['a wrong address', [FILE, '--no-health'], { LIVEKIT_URL: 'lk.test' }, 1, 'LIVEKIT_URL: is not valid'],
    ['a wrong argument', [FILE, '--no-health', '--url', 'lk.test'], {}, 1, '--url: is not valid'],
    ['a missing secret', [FILE, '--no-health'], { LIVEKIT_API_SECRET: '' }, 1, 'LIVEKIT_API_SECRET: is not valid'],
    [
      'a module that throws',
      [THROWING],
      {},
      1,
      `${THROWING}:2 cannot be loaded: no weights in the cache. Correct the module [`,
    ],
    [
      'a short health token',
      [FILE],
      { LIVEKITEX_AGENT_HEALTH_TOKEN: 'x' },
      1,
      'LIVEKITEX_AGENT_HEALTH_TOKEN: is not valid (must have at least 16 characters)',
    ],
    ['an address that is not of this machine', [FILE, '--health-host', '192.0.2.1'], {}, 1, 'host: the health server'],
    ['too many attempts', [FILE, '--attempts', '100000'], {}, 1, 'from 0 to 99999'],
    ['a port that is none', [FILE, '--health-port', '65536'], {}, 1, 'from 0 to 65535'],
    [
      'a server that is not there',
      [FILE, '--no-health', '--attempts', '1', '--url', 'ws://127.0.0.1:9'],
      {},
      2,
      'ERR_TRANSPORT',
    ],
    ['a wrong secret', [FILE, '--no-health'], { LIVEKIT_API_SECRET: 'wrong' }, 3, 'ERR_WORKER_AUTH'],
  ] as const)('%s', async (_, argv, env, expected, text) => {
    const { code, out } = startIt([...argv, ...(argv.length > 0 ? ['--log-level', 'silent'] : [])], env);
    expect(await code).toBe(expected);
    expect(out()).toContain(text);
    expect(out().trim().split('\n')).toHaveLength(1);
    expect(out()).not.toContain(SECRET);
    expect(out()).not.toMatch(/^\s+at /m);
  });
});

test('the first signal drains, the second ends the jobs', async () => {
  const run = startIt([FILE, '--health-port', '0']);
  await eventually(server.hasWorker);
  server.side.offer('AJ_1');
  await eventually(() => expect(server.side.statuses).toHaveLength(1));
  run.signal();
  server.side.offer('AJ_2');
  await eventually(() => expect(server.side.answers.at(-1)).toMatchObject({ jobId: 'AJ_2', available: false }));
  run.second();
  expect(await run.code).toBe(0);
  await eventually(() => expect(server.side.statuses.at(-1)?.status).toBe(JobStatus.JS_SUCCESS));
  const health = /http:\/\/127\.0\.0\.1:\d+/.exec(run.out())?.[0] ?? '';
  await expect(fetch(`${health}/live`)).rejects.toThrow();
  expect(run.out()).not.toContain(SECRET);
});

test('a process that is told to end while it prewarms does so at once, whatever its module holds', async () => {
  const argv = ['start', ENDLESS, '--in-process', '--no-health'];
  const isThere = (log: string) => expect(log).toContain('prewarming');
  expect(await endedBySignal({ argv, env: server.env, signal: 'SIGTERM', isThere })).toBe(0);
});

test('the process drains on SIGTERM and exits with 0', async () => {
  const argv = ['start', FILE, '--health-port', '0'];
  expect(await endedBySignal({ argv, env: server.env, signal: 'SIGTERM', isThere: server.hasWorker })).toBe(0);
}, 30_000);
