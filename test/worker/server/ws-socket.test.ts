import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { JobStatus } from '@livekit/protocol';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { defineWorker, type WorkerOptions } from '../../../src/worker/define-worker.ts';
import { readServer } from '../../../src/worker/server/messages.ts';
import { openWebSocket } from '../../../src/worker/server/ws-socket.ts';
import { WorkerManager, type WorkerManagerOptions } from '../../../src/worker/worker-manager.ts';
import { eventually } from '../../eventually.ts';
import { AgentEndpoint } from '../agent-endpoint.ts';
import { ServerSide } from '../scripted-server.ts';
import { type LogLine, recorder } from '../test-worker.ts';

const KEY = { apiKey: 'devkey', apiSecret: 'a-secret-of-more-than-thirty-two-chars' };
let endpoint: AgentEndpoint;
let url: string;
let managers: WorkerManager[] = [];
const uncaught: unknown[] = [];
const note = (error: unknown) => uncaught.push(error);

beforeEach(async () => {
  endpoint = new AgentEndpoint(KEY.apiSecret);
  url = await endpoint.listen();
  process.on('uncaughtException', note);
  process.on('unhandledRejection', note);
});

afterEach(async () => {
  await Promise.all(managers.map((manager) => manager.stop()));
  managers = [];
  await endpoint.close();
  process.off('uncaughtException', note);
  process.off('unhandledRejection', note);
  expect(uncaught.splice(0)).toEqual([]);
});

async function startWorker(given: Partial<WorkerOptions> = {}, options: Partial<WorkerManagerOptions> = {}) {
  const lines: LogLine[] = [];
  const entry = (job: { signal: AbortSignal }) =>
    new Promise<void>((resolve) => job.signal.addEventListener('abort', () => resolve()));
  const manager = new WorkerManager(defineWorker({ entry, agentName: 'a', ...given }), {
    ...KEY,
    url,
    cpu: () => 0,
    logger: recorder(lines),
    ...options,
  });
  managers.push(manager);
  await manager.start();
  return { manager, lines };
}

describe('a worker over a real WebSocket', () => {
  test('registers, takes a job, runs it and reports it', async () => {
    const { manager } = await startWorker({ entry: () => {} });
    await manager.available();
    endpoint.side.offer('AJ_1');
    await eventually(() =>
      expect(endpoint.side.statuses.map((each) => JobStatus[each.status])).toEqual(['JS_RUNNING', 'JS_SUCCESS']),
    );
    expect(endpoint.upgrades[0]?.url).toBe('/agent');
  });

  test('gives up on a wrong secret with one clear line and without a storm', async () => {
    const { manager, lines } = await startWorker({}, { apiSecret: 'wrong' });
    await expect(manager.stopped()).rejects.toMatchObject({ code: 'ERR_WORKER_AUTH' });
    expect(endpoint.upgrades).toHaveLength(1);
    expect(lines.filter((line) => line.level === 'warn')).toHaveLength(1);
  });

  test('gives up on an address without an agent endpoint', async () => {
    endpoint.script.status = 404;
    const { manager } = await startWorker();
    await expect(manager.stopped()).rejects.toMatchObject({ code: 'ERR_TRANSPORT' });
  });

  test('tries again when the server is not well, or breaks off in the upgrade', async () => {
    endpoint.script.first = [503, 'half'];
    const { manager } = await startWorker();
    await manager.available();
    expect(endpoint.upgrades).toHaveLength(3);
  });

  test('comes back after a reset with its jobs', async () => {
    const { manager } = await startWorker();
    await manager.available();
    endpoint.side.offer('AJ_1');
    await eventually(() => expect(endpoint.side.statuses).toHaveLength(1));
    endpoint.reset();
    await eventually(() => expect(endpoint.sides).toHaveLength(2));
    await manager.available();
    expect(manager.status.jobs.map((job) => job.jobId)).toEqual(['AJ_1']);
    expect(manager.status.registrations[0]).toMatchObject({ registrations: 2 });
  });

  test('comes back after bytes that are no WebSocket frames', async () => {
    const { manager } = await startWorker();
    await manager.available();
    endpoint.writeRaw(Uint8Array.of(0xff, 0xff, 0x00, 0x01));
    await eventually(() => expect(endpoint.sides).toHaveLength(2));
    await manager.available();
  });

  test('leaves the server only after the last job of a drain', async () => {
    const ends: (() => void)[] = [];
    const { manager } = await startWorker({ entry: () => new Promise<void>((resolve) => ends.push(resolve)) });
    await manager.available();
    endpoint.side.offer('AJ_1');
    await eventually(() => expect(ends).toHaveLength(1));
    const drained = manager.drain();
    endpoint.side.offer('AJ_2');
    await eventually(() => expect(endpoint.side.answers.at(-1)).toMatchObject({ jobId: 'AJ_2', available: false }));
    ends[0]?.();
    await drained;
    await eventually(() => expect(endpoint.side.statuses.at(-1)?.status).toBe(JobStatus.JS_SUCCESS));
  });

  test('double termination and late assignment do no harm', async () => {
    const { manager } = await startWorker();
    await manager.available();
    endpoint.side.assign('AJ_9');
    endpoint.side.offer('AJ_1');
    await eventually(() => expect(manager.status.jobs[0]?.state).toBe('running'));
    endpoint.side.terminate('AJ_1');
    endpoint.side.terminate('AJ_1');
    await eventually(() => expect(manager.status.jobs).toEqual([]));
    expect(manager.status.totals).toMatchObject({ succeeded: 1, failed: 0 });
    const statuses = () => endpoint.side.statuses.map(({ jobId, status }) => `${jobId} ${JobStatus[status]}`);
    // The last one is still on its way when the job is gone here.
    await eventually(() => expect(statuses()).toEqual(['AJ_9 JS_FAILED', 'AJ_1 JS_RUNNING', 'AJ_1 JS_SUCCESS']));
  });

  test('random and mutated messages never end it', async () => {
    const { manager } = await startWorker({ maxJobs: 3 });
    await manager.available();
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      // An offer with one byte changed: most of it still parses.
      fc.record({ at: fc.nat(40), byte: fc.nat(255) }),
    );
    const valid = offerBytes();
    const messages = fc
      .sample(bytes, { numRuns: 300, seed: 42 })
      .map((sample) =>
        sample instanceof Uint8Array ? sample : Uint8Array.from(valid, (b, i) => (i === sample.at ? sample.byte : b)),
      );
    const [bad, good] = [true, false].map((isBad) =>
      messages.filter((message) => (readServer(message).kind === 'bad') === isBad),
    );
    // The tenth that is no message drops the socket, and whatever comes behind it.
    for (const message of [...(bad ?? []).slice(0, 9), ...(good ?? [])]) endpoint.side.sendBytes(message);
    // The answer to an offer behind all of them: they were read, and there is a worker.
    endpoint.side.offer('AJ_last');
    const answered = (isAvailable: boolean) =>
      endpoint.side.answers.filter(({ available }) => available === isAvailable).map(({ jobId }) => jobId);
    await eventually(() => expect(answered(false)).toContain('AJ_last'));
    await eventually(() => expect(answered(true)).toHaveLength(3));
    expect(manager.status).toMatchObject({ state: 'full', jobs: [{}, {}, {}] });
    expect(endpoint.sides).toHaveLength(1);
  });
});

describe('openWebSocket', () => {
  const listener = { onMessage: () => {}, onClosed: () => {} };

  test('an abort ends an attempt that nobody answers', async () => {
    endpoint.script.silent = true;
    const abort = new AbortController();
    const opening = openWebSocket(
      { url: `${url.replace('http', 'ws')}/agent`, token: 't', signal: abort.signal },
      listener,
    );
    await eventually(() => expect(endpoint.upgrades).toHaveLength(1));
    abort.abort();
    await expect(opening).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
  });

  test('closing does not wait for a peer that never answers the closing frame', async () => {
    const gone = Promise.withResolvers<void>();
    const deaf = createServer().on('upgrade', ({ headers }, socket) => {
      const accept = createHash('sha1').update(`${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
      const answer = ['HTTP/1.1 101 OK', 'Upgrade: websocket', 'Connection: Upgrade'];
      socket.write([...answer, `Sec-WebSocket-Accept: ${accept.digest('base64')}`, '', ''].join('\r\n'));
      socket
        .on('error', () => {})
        .on('data', () => {})
        .on('end', gone.resolve);
    });
    await new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve));
    const { port } = deaf.address() as AddressInfo; // listens on TCP
    const target = { url: `ws://127.0.0.1:${port}/agent`, token: 't', signal: new AbortController().signal };
    (await openWebSocket(target, listener)).close();
    await gone.promise;
    deaf.close();
  }, 10_000);

  test('an address where nobody listens rejects and may be tried again', async () => {
    const opening = openWebSocket(
      { url: 'ws://127.0.0.1:9/agent', token: 't', signal: new AbortController().signal },
      listener,
    );
    await expect(opening).rejects.toMatchObject({ code: 'ERR_TRANSPORT', retryable: true });
  });
});

function offerBytes(): Uint8Array {
  let sent = new Uint8Array();
  const side = new ServerSide({}, (bytes) => {
    sent = new Uint8Array(bytes);
  });
  side.offer('AJ_fuzz');
  return sent;
}
