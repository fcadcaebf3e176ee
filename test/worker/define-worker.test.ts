import { describe, expect, test } from 'vitest';
import { defineWorker } from '../../src/worker/define-worker.ts';
import { loadOf, toldLoad } from '../../src/worker/load.ts';
import { pinoLogger } from '../../src/worker/logger.ts';
import { resolveConnection } from '../../src/worker/server/connection-options.ts';

const entry = () => {};

test.each([
  [{}, 'entry'],
  [{ entry: 'x' }, 'entry'],
  [{ entry, agentName: 'x'.repeat(129) }, 'agentName'],
  [{ entry, agentName: 'a\nb' }, 'agentName'],
  [{ entry, kinds: [] }, 'kinds'],
  [{ entry, kinds: ['room', 'room'] }, 'kinds'],
  [{ entry, kinds: ['lobby'] }, 'kinds.0'],
  [{ entry, maxJobs: -1 }, 'maxJobs'],
  [{ entry, maxJobs: 1.5 }, 'maxJobs'],
  [{ entry, deployment: 'a_b' }, 'deployment'],
  [{ entry, deployment: 'ä'.repeat(33) }, 'deployment'],
  [{ entry, filterTimeoutMs: 2_001 }, 'filterTimeoutMs'],
  [{ entry, shutdownTimeoutMs: Number.NaN }, 'shutdownTimeoutMs'],
  [{ entry, agentname: 'x' }, 'agentname'],
  [{ entry, hosts: { sessionsPerHost: 0 } }, 'hosts.sessionsPerHost'],
  [{ entry, hosts: { spares: 0.5 } }, 'hosts.spares'],
  [{ entry, hosts: { spare: 2 } }, 'hosts.spare'],
])('defineWorker(%j) names %s', (options, field) => {
  expect(() => defineWorker(options as never)).toThrow(expect.objectContaining({ code: 'ERR_OPTION', field }));
});

describe('the connection', () => {
  const env = { LIVEKIT_URL: 'wss://a.test', LIVEKIT_API_KEY: 'k', LIVEKIT_API_SECRET: 's' };

  test('comes from the environment where no option is given', () => {
    expect(resolveConnection({ url: 'ws://b.test' }, env)).toEqual({ url: 'ws://b.test', apiKey: 'k', apiSecret: 's' });
  });

  test.each([
    [{}, { ...env, LIVEKIT_URL: undefined }, 'url'],
    [{}, { ...env, LIVEKIT_API_KEY: '' }, 'apiKey'],
    [{}, { ...env, LIVEKIT_API_SECRET: undefined }, 'apiSecret'],
    [{}, { ...env, LIVEKIT_URL: 'lk.test' }, 'LIVEKIT_URL'],
    [{ url: 'lk.test' }, env, 'url'],
  ])('%j is refused', (options, given, field) => {
    expect(() => resolveConnection(options, given)).toThrow(expect.objectContaining({ code: 'ERR_OPTION', field }));
  });
});

describe('load', () => {
  test.each([
    [{ cpu: 0.2, running: 1, reserved: 1, maxJobs: 10 }, 0.2],
    [{ cpu: 0.1, running: 3, reserved: 2, maxJobs: 10 }, 0.5],
    [{ cpu: 0, running: 0, reserved: 0, maxJobs: 0 }, 1],
    [{ cpu: Number.NaN, running: 0, reserved: 0, maxJobs: 5 }, 0],
    [{ cpu: 7, running: 0, reserved: 0, maxJobs: 5 }, 1],
  ])('of %j is %d', (levels, load) => expect(loadOf(levels)).toBe(load));

  test('a worker with free slots tells less than the target of the server, a closed one 1', () => {
    expect([toldLoad(0.5, true), toldLoad(0, false)]).toEqual([0.35, 1]);
    const busy = toldLoad(1, true);
    expect(Math.fround(busy)).toBeLessThan(0.69);
    expect(busy).toBeGreaterThan(toldLoad(0.9, true));
  });
});

test('a secret that slips into a line is blanked', () => {
  const lines: string[] = [];
  const logger = pinoLogger({ write: (line) => lines.push(line) });
  logger.child({ token: 'abc-secret' }).info({ jobId: 'AJ_1', job: { apiSecret: 'abc-secret' } }, 'hello');
  expect(lines[0]).toContain('AJ_1');
  expect(lines[0]).not.toContain('abc-secret');
});
