import { connect } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { HealthServer, type HealthServerOptions } from '../../../src/worker/health/health-server.ts';
import type { WorkerState } from '../../../src/worker/worker-manager.ts';
import { startTestWorker } from '../test-worker.ts';

const open: HealthServer[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

const sourceIn = (state: WorkerState) => ({
  status: {
    agentName: 'a',
    state,
    registrations: [{ kind: 'room' as const, state, workerId: 'AW_1', registrations: 3 }],
    jobs: [
      {
        jobId: 'AJ_1',
        roomName: 'lobby',
        identity: 'agent-AJ_1',
        participant: null,
        state: 'running',
        ageMs: 5,
      },
    ],
    hosts: [
      {
        hostId: 'host_1',
        pid: 7,
        state: 'ready',
        jobs: 1,
        rssBytes: 1_000,
        loopLag: { p50Ms: 1, p99Ms: 20, maxMs: 30 },
      },
    ],
    maxJobs: 10,
    load: 0.1,
    totals: { succeeded: 7, failed: 1, refused: 2, expired: 0 },
    reconciler: { state: 'resting' as const, redispatched: 4, givenUp: 1 },
  },
  sessions: [
    {
      sessionId: 'sess_1',
      jobId: 'AJ_1',
      roomName: 'lobby',
      participant: 'ada',
      agentId: 'agent_1',
      state: 'idle',
      modelCalls: 1,
      inputTokens: 2,
      outputTokens: 3,
    },
  ],
});

async function startHealth(options: Partial<HealthServerOptions> = {}) {
  const server = new HealthServer({ source: sourceIn('available'), port: 0, ...options });
  open.push(server);
  const { url } = await server.start();
  const get = async (path: string, init?: RequestInit) => {
    const response = await fetch(url + path, init);
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  return { server, url, get };
}

describe('addresses', () => {
  test.each([
    ['available', 200],
    ['idle', 503],
    ['connecting', 503],
    ['registering', 503],
    ['starting', 503],
    ['full', 503],
    ['draining', 503],
    ['stopped', 503],
  ] as const)('/health and /ready of a worker that is %s answer %d, /live 200', async (state, status) => {
    const { get } = await startHealth({ source: sourceIn(state) });
    expect((await get('/health')).status).toBe(status);
    expect((await get('/ready')).status).toBe(status);
    expect((await get('/live')).status).toBe(200);
  });

  test('/health tells state and loop lag', async () => {
    const { get } = await startHealth();
    expect(JSON.parse((await get('/health')).text)).toMatchObject({
      status: 'ok',
      state: 'available',
      loopLag: { p99Ms: expect.any(Number) },
    });
  });

  test('/status, /sessions, /sessions/:id and /tools show what there is', async () => {
    const tools = () => [{ name: 'get_weather', description: 'Weather of a city.', execute: () => 'secret' }];
    const { get } = await startHealth({ tools });
    expect(JSON.parse((await get('/status')).text)).toMatchObject({
      worker: { jobs: [{ jobId: 'AJ_1' }], hosts: [{ state: 'ready' }] },
    });
    expect(JSON.parse((await get('/sessions')).text).sessions).toHaveLength(1);
    expect(JSON.parse((await get('/sessions/sess_1')).text)).toMatchObject({ state: 'idle' });
    expect((await get('/sessions/sess_2')).status).toBe(404);
    expect(JSON.parse((await get('/tools')).text)).toEqual({
      tools: [{ name: 'get_weather', description: 'Weather of a city.' }],
    });
  });

  test('/metrics is what Prometheus reads, and a second scrape counts nothing twice', async () => {
    const { get } = await startHealth();
    await get('/metrics');
    const { text, headers } = await get('/metrics');
    expect(headers.get('content-type')).toContain('text/plain; version=0.0.4');
    expect(text).toContain('livekitex_agent_jobs_total{outcome="succeeded"} 7');
    expect(text).toContain('livekitex_agent_rooms_redispatched_total{outcome="redispatched"} 4');
    expect(text).toContain('livekitex_agent_rooms_redispatched_total{outcome="given_up"} 1');
    expect(text).toContain('livekitex_agent_reconciler_up 1');
    expect(text).toContain('livekitex_agent_registrations_total 3');
    expect(text).toContain('livekitex_agent_worker_state{state="available"} 1');
    expect(text).toContain('livekitex_agent_worker_state{state="full"} 0');
    expect(text).toContain('nodejs_eventloop_lag_p99_seconds');
    expect(text).toContain('livekitex_agent_host_loop_lag_p99_seconds{host="host_1",state="ready"} 0.02');
    const job = 'job="AJ_1",room="lobby"';
    expect(text).toContain(`livekitex_agent_job_info{${job},participant="",state="running"} 1`);
    expect(text).toContain(`livekitex_agent_session_info{session="sess_1",${job},participant="ada",state="idle"} 1`);
  });

  test.each(['POST', 'PUT', 'DELETE'])('%s is not allowed', async (method) => {
    const { get } = await startHealth();
    const { status, headers } = await get('/status', { method });
    expect([status, headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  test('HEAD answers without a body, a query changes nothing', async () => {
    const { get } = await startHealth();
    expect(await get('/live?x=1', { method: 'HEAD' })).toMatchObject({ status: 200, text: '' });
  });

  test('a source that throws is a 500 that tells nothing', async () => {
    const source = {
      ...sourceIn('available'),
      get status(): never {
        throw new Error('the-secret');
      },
    };
    const { get } = await startHealth({ source });
    const { status, text } = await get('/status');
    expect(status).toBe(500);
    expect(text).not.toContain('the-secret');
  });
});

describe('a real worker', () => {
  test('is seen to connect, fill, drain and stop, and nothing that is answered holds a secret', async () => {
    const worker = startTestWorker({ maxJobs: 1 });
    const { get } = await startHealth({ source: worker.manager });
    expect((await get('/ready')).status).toBe(503);
    await worker.start();
    expect((await get('/ready')).status).toBe(200);
    await worker.offer('AJ_1');
    expect(JSON.parse((await get('/ready')).text)).toMatchObject({ state: 'full', jobs: 1 });
    const pages = await Promise.all(['/status', '/sessions', '/metrics', '/health'].map((path) => get(path)));
    const text = pages.map((page) => page.text).join('');
    expect(text).not.toContain('the-secret-of-the-key');
    expect(text).not.toContain('token-of');
    worker.network.cut();
    expect(JSON.parse((await get('/ready')).text)).toMatchObject({ state: 'connecting' });
    await worker.end();
    expect(JSON.parse((await get('/ready')).text)).toMatchObject({ state: 'stopped', jobs: 0 });
  });
});

describe('the token', () => {
  const token = 'a-token-of-enough-length';

  test.each([
    [undefined, 401],
    ['Bearer wrong', 401],
    [`Basic ${token}`, 401],
    [`Bearer ${token}x`, 401],
    [`Bearer ${token}`, 200],
    [`bearer  ${token}`, 200],
  ])('%s answers %d', async (authorization, status) => {
    const { get } = await startHealth({ token });
    for (const path of ['/live', '/metrics', '/nowhere'])
      expect((await get(path, authorization === undefined ? {} : { headers: { authorization } })).status).toBe(
        path === '/nowhere' && status === 200 ? 404 : status,
      );
  });

  test('a short one is refused', () => {
    expect(() => new HealthServer({ source: sourceIn('idle'), token: 'short' })).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION', field: 'token' }),
    );
  });
});

test('it listens on loopback only unless it is told otherwise', async () => {
  const { url } = await startHealth();
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
});

test('a port that is taken is one clear error', async () => {
  const { url } = await startHealth();
  const second = new HealthServer({ source: sourceIn('idle'), port: Number(new URL(url).port) });
  await expect(second.start()).rejects.toMatchObject({ code: 'ERR_OPTION', field: 'port' });
  await second.close();
});

test('clients that never end their request are dropped, and make room for probes', async () => {
  const { url, get } = await startHealth();
  const port = Number(new URL(url).port);
  const dropped = Array.from(
    { length: 64 },
    () =>
      new Promise<void>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => socket.write('GET /live HTTP/1.1\r\nHost: x\r\nX-Slow: '));
        socket.on('error', () => {}).on('close', () => resolve());
        socket.resume();
      }),
  );
  await Promise.all(dropped);
  expect((await get('/live')).status).toBe(200);
});

test('headers without end are refused before they are read', async () => {
  const { url, get } = await startHealth();
  const answer = await new Promise<string>((resolve) => {
    let text = '';
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    const header = `X-Long: ${'a'.repeat(1_000)}\r\n`;
    socket.write(`GET /live HTTP/1.1\r\nHost: x\r\n${header.repeat(20)}`);
    socket.on('data', (data) => {
      text += data;
    });
    socket.on('error', () => {}).on('close', () => resolve(text));
  });
  expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
  expect((await get('/live')).status).toBe(200);
});

test.each([
  ['of another scheme', 'Basic MTIzNDU2Nzg5MDEyMzQ1Njc4OTA='],
  ['with a part of it', 'Bearer 1234567890123456789'],
  ['with more than it', 'Bearer 123456789012345678901'],
  ['twice', 'Bearer 12345678901234567890 12345678901234567890'],
  ['of many kilobytes', `Bearer ${'1'.repeat(6_000)}`],
  ['without one', 'Bearer'],
])('a token %s opens nothing', async (_, authorization) => {
  const { get } = await startHealth({ token: '12345678901234567890' });
  expect((await get('/status', { headers: { authorization } })).status).toBe(401);
});

test('random bytes and random requests never end it', async () => {
  const { url, get } = await startHealth();
  const port = Number(new URL(url).port);
  const line = fc
    .tuple(fc.constantFrom('GET', 'HEAD', 'PRI', 'G\0T'), fc.string({ maxLength: 60, unit: 'binary' }))
    .map(([method, path]) => Buffer.from(`${method} /${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`));
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((each) => Buffer.from(each)),
    line,
    fc.constant(Buffer.from(`GET /${'a'.repeat(20_000)} HTTP/1.1\r\n\r\n`)),
  );
  const send = (data: Buffer) =>
    new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.end(data));
      socket.on('error', () => {}).on('close', () => resolve());
      socket.resume();
    });
  // Many at a time: one after the other they wait for the processor most of all.
  const crowd = fc.array(bytes, { minLength: 50, maxLength: 50 });
  await fc.assert(
    fc.asyncProperty(crowd, async (clients) => void (await Promise.all(clients.map(send)))),
    { numRuns: 5 },
  );
  expect((await get('/live')).status).toBe(200);
});
