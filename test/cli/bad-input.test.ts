import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { startCommand } from '../../src/cli/start-command.ts';
import { IDLE_WORKER, MAIN, SECRET, useEndpoint } from '../worker/real-endpoint.ts';

const server = useEndpoint();
const fixture = (name: string) => new URL(`fixtures/${name}.ts`, import.meta.url).pathname;

/** Runs the command to its end, with all it says at the usual level. */
async function start(argv: readonly string[], env: Record<string, string> = {}) {
  let out = '';
  const write = (text: string) => {
    out += text;
  };
  const code = await startCommand([...argv, '--no-health'], {
    stdout: { write },
    stderr: { write },
    env: { ...server.env, ...env },
    signal: new AbortController().signal,
  });
  const lines = out.trim().split('\n');
  const log = lines.filter((line) => line.startsWith('{'));
  return { code, out, log, told: lines.filter((line) => !line.startsWith('{')) };
}

describe('is one line that says what to do, and an exit code', () => {
  test.each([
    ['a name that is too long', [fixture('long-name-worker')], {}, 1, /agentName: .*at most 128 characters.*Correct/],
    ['an unknown option', [fixture('misspelt-worker')], {}, 1, /maxjobs: .*not an option; there are .*maxJobs/],
    [
      'an unknown option of sessions',
      [fixture('misspelt-session-worker'), '--in-process'],
      {},
      1,
      /endpointing\.mindelayMs: .*not an option; there are minDelayMs/,
    ],
    ['a slow prewarm', [fixture('slow-worker'), '--in-process'], {}, 1, /prewarmTimeoutMs: .*not end in time.*Raise/],
    [
      'a module that throws',
      [fixture('throwing-worker')],
      {},
      1,
      /FILE: .*throwing-worker\.ts:2 .*no weights in the cache\. Correct the module/,
    ],
    [
      'an address that is none',
      [IDLE_WORKER],
      { LIVEKIT_URL: 'lk.test:7880' },
      1,
      /LIVEKIT_URL: .*ws, wss, http or https/,
    ],
    [
      'an address with a password',
      [IDLE_WORKER],
      { LIVEKIT_URL: `ws://user:${SECRET}@lk.test` },
      1,
      /LIVEKIT_URL: .*without user and password/,
    ],
    [
      'an address where nobody listens',
      [IDLE_WORKER, '--in-process', '--attempts', '1'],
      { LIVEKIT_URL: 'ws://127.0.0.1:9' },
      2,
      /url: .*cannot be reached: .*ECONNREFUSED.*Check LIVEKIT_URL/,
    ],
    ['an empty key', [IDLE_WORKER], { LIVEKIT_API_KEY: '' }, 1, /LIVEKIT_API_KEY: .*must be set/],
  ])('%s', async (_, argv, env, expected, line) => {
    const { code, out, told } = await start(argv, env);
    expect(code).toBe(expected);
    expect(told).toEqual([expect.stringMatching(line)]);
    expect(out).not.toMatch(/^\s+at /m);
    expect(out).not.toContain(SECRET);
    expect(server.endpoint.upgrades).toEqual([]);
  });
});

test.each([
  ['a command', ['strat'], 1, /strat: unknown command\. Did you mean `start`/],
  ['an option of a command that has 1 for what it found', ['models', 'verify', '--fast'], 2, /--fast/],
] as const)('%s that is unknown is told, with the nearest one and an exit code', (_, argv, expected, line) => {
  const { status, stderr } = spawnSync(process.execPath, [MAIN, ...argv], { encoding: 'utf8' });
  expect([status, stderr.trim().split('\n')]).toEqual([expected, [expect.stringMatching(line)]]);
});

describe('of a server is told after one attempt, because another would change nothing', () => {
  test.each([
    [
      'a wrong secret',
      {},
      { LIVEKIT_API_SECRET: `not-${SECRET}` },
      3,
      /refused the key \(401\).*Check LIVEKIT_API_KEY/,
    ],
    ['a key it does not know', { status: 401 }, {}, 3, /refused the key \(401\)/],
    ['a token without the right', { status: 403 }, {}, 3, /refused the key \(403\)/],
    ['a server of another kind', { status: 404 }, {}, 2, /no LiveKit agent endpoint at this address/],
  ])('%s', async (_, script, env, expected, line) => {
    Object.assign(server.endpoint.script, script);
    const { code, out, log, told } = await start([IDLE_WORKER, '--in-process', '--attempts', '5'], env);
    expect(code).toBe(expected);
    expect(told).toEqual([expect.stringMatching(line)]);
    expect(log.filter((each) => each.includes('"level":40'))).toHaveLength(1);
    expect(server.endpoint.upgrades).toHaveLength(1);
    expect(out).not.toMatch(/^\s+at /m);
    expect(out).not.toContain(SECRET);
    expect(out).not.toMatch(/eyJ[\w-]+\./);
  });

  test('a server that takes the connection and says nothing is no wait for ever', async () => {
    server.endpoint.script.silent = true;
    const { code, log, told } = await start([IDLE_WORKER, '--in-process', '--attempts', '1']);
    expect(code).toBe(2);
    expect(told).toEqual([expect.stringMatching(/url: .*did not open the socket in time.*Check LIVEKIT_URL/)]);
    expect(log.filter((each) => each.includes('"level":40'))).toHaveLength(1);
  });

  test('a server that is not well is tried as often as was asked for, with growing pauses, and no more', async () => {
    server.endpoint.script.status = 503;
    const { code, told } = await start([IDLE_WORKER, '--in-process', '--attempts', '3']);
    expect(code).toBe(2);
    expect(told).toEqual([expect.stringContaining('answered 503')]);
    expect(server.endpoint.upgrades).toHaveLength(3);
  });
});
