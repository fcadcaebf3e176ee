// A room library that is connected and takes in nothing any more: nobody comes or goes for it, and no request is answered.
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, expect, inject, test } from 'vitest';
import { disposeLivekit } from '../../src/transports/livekit/index.ts';
import { type LiveCall, startLiveCall, talk, talkAgain } from './call.ts';
import { PoolRun } from './pool-run.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

const access = inject('livekit');
let wire: TcpProxy;
let end: (() => Promise<void>) | null = null;

afterEach(async () => {
  await end?.();
  end = null;
  await wire.close();
});
afterAll(() => disposeLivekit());

test('an agent that is in its room alone joins it anew, and the user is answered', async () => {
  wire = await startTcpProxy(access.url);
  const call: LiveCall = await startLiveCall({ url: wire.url });
  end = call.end;
  await talk(call);
  const from = call.user.reports.length;
  wire.deafen();
  await call.user.until(({ type }) => type === 'track', { from, limitMs: 40_000, what: 'the track published anew' });
  await talkAgain(call);
  expect(call.log.filter(({ name }) => name === 'session_error')).toEqual([]);
}, 90_000);

test('the room of a job is joined anew too, and the job goes on', async () => {
  wire = await startTcpProxy(access.url);
  const run = new PoolRun(access);
  end = () => run.end();
  const worker = await run.worker({}, { access: { ...access, url: wire.url } });
  const [caller] = await run.calls(1);
  if (caller === undefined) throw new Error('nobody calls');
  await caller.turn();
  const line = worker.lines.length;
  wire.deafen();
  const told = await worker.until('the room did not take something', { from: line, limitMs: 40_000 });
  expect(told).toMatchObject({ where: 'network', room: caller.room });
  await caller.served(10_000);
  await caller.turn();
  // Neither a second job nor a second agent.
  await delay(5_000);
  expect([worker.said('job running').length, caller.company.length]).toEqual([1, 1]);
}, 120_000);
