import { afterEach, beforeEach, expect, inject, test, vi } from 'vitest';
import { PoolRun } from './pool-run.ts';

let run: PoolRun;

beforeEach(() => {
  run = new PoolRun(inject('livekit'));
});
afterEach(() => run.end());

/** What is said in the call: `hello` is what the scripted engine understands, the others are the answer. */
const SPOKEN = ['hello', 'quicksilver', 'marzipan'];

test('log lines and health pages carry the ids of a call, and neither its words nor a secret', async () => {
  const token = 'token-of-the-health-server';
  const worker = await run.worker(
    {},
    {
      answer: SPOKEN.slice(1).join(' '),
      args: ['--log-level', 'debug'],
      healthToken: token,
    },
  );
  const [caller] = await run.calls(1);
  await caller?.turn();
  const { sessionId, jobId } = await worker.until('session starting');
  const ids = [String(sessionId), String(jobId), caller?.room ?? '', 'caller'];
  const pages = async () => {
    const answers = await Promise.all(
      ['/health', '/status', '/sessions', '/metrics', '/tools'].map((p) => worker.ask(p)),
    );
    return answers.map(({ text }) => text);
  };
  // Hosts tell their sessions every 2.5 s.
  await vi.waitFor(async () => {
    const [, , sessions, metrics] = await pages();
    for (const id of ids) expect([id, sessions?.includes(id), metrics?.includes(id)]).toEqual([id, true, true]);
  }, 10_000);
  const shown = await pages();
  await caller?.leave();
  await worker.until('job succeeded');
  worker.signal('SIGTERM');
  await worker.exited;
  const about = worker.lines.filter(({ msg }) => /^(job|session) /.test(msg));
  expect(about.length).toBeGreaterThanOrEqual(4);
  for (const line of about) expect(line).toMatchObject({ jobId, room: caller?.room });
  for (const line of about.filter(({ msg }) => msg.startsWith('session '))) expect(line).toMatchObject({ sessionId });
  const everything = [worker.output, ...shown].join('\n');
  // Tokens of LiveKit begin like this.
  for (const secret of [inject('livekit').apiSecret, token, 'eyJ', ...SPOKEN])
    expect([secret, everything.includes(secret)]).toEqual([secret, false]);
});
