import { afterAll, afterEach, beforeEach, expect, inject, test, vi } from 'vitest';
import { Agent } from '../../src/runtime/agent.ts';
import { disposeLivekit } from '../../src/transports/livekit/index.ts';
import { defineWorker } from '../../src/worker/define-worker.ts';
import { WorkerManager } from '../../src/worker/worker-manager.ts';
import type { JobReport } from '../../src/worker/worker-scope.ts';
import { dispatchClient, roomClient } from './api-clients.ts';
import { ANSWER } from './call.ts';
import { RemoteUser } from './remote-user.ts';
import { isSound } from './reports.ts';
import { tokenFor } from './tokens.ts';
import { toneProviders } from './tone-providers.ts';

const NAME = `worker-${process.pid}`;
let count = 0;
let manager: WorkerManager;
let reports: JobReport[] = [];
let users: RemoteUser[] = [];

beforeEach(async () => {
  reports = [];
  users = [];
  const definition = defineWorker({
    agentName: NAME,
    entry: (job) => job.startSession({ agent: new Agent({ instructions: 'Answer.' }) }),
    runtime: {
      providers: toneProviders(() => ({ text: ANSWER, firstTokenMs: 0, durationMs: 0 })),
      session: { endpointing: { minDelayMs: 0 } },
    },
  });
  manager = new WorkerManager(definition, {
    ...inject('livekit'),
    // A worker on a machine in full use is offered nothing, and tests make machines busy.
    cpu: () => 0,
    onJobReport: (report) => reports.push(report),
  });
  await manager.start();
  await manager.available();
});

afterEach(async () => {
  await Promise.all(users.map((user) => user.end()));
  await manager.stop();
});

afterAll(() => disposeLivekit());

async function dispatch(): Promise<{ readonly user: RemoteUser; readonly room: string }> {
  const access = inject('livekit');
  const room = `dispatched-${process.pid}-${++count}`;
  const user = new RemoteUser();
  users.push(user);
  await user.join(access.url, await tokenFor(access, { identity: 'user', room }));
  await dispatchClient(access).createDispatch(room, NAME, { metadata: 'm' });
  await user.until(({ type }) => type === 'track', { what: 'the track of the agent' });
  return { user, room };
}

test('a dispatched job joins its room, answers, and ends when the user leaves', async () => {
  const { user, room } = await dispatch();
  expect(manager.status.jobs).toEqual([expect.objectContaining({ roomName: room, state: 'running' })]);
  user.send({ type: 'speak', durationMs: 800, hz: 700 });
  await user.until(isSound(true), { what: 'the answer' });
  user.send({ type: 'leave' });
  await vi.waitFor(() => expect(reports).toHaveLength(1), { timeout: 10_000 });
  expect(reports[0]).toMatchObject({ roomName: room, outcome: 'succeeded' });
});

test('the session of a job is asked for its state by a control message, and tells its events', async () => {
  const { user } = await dispatch();
  const base64 = Buffer.from('{"type":"getState","id":1}').toString('base64');
  user.send({ type: 'data', topic: 'agent-control', base64, to: [] });
  const answer = await user.until(({ type }) => type === 'data', { what: 'the answer' });
  const json = answer.type === 'data' ? Buffer.from(answer.base64, 'base64').toString() : '';
  expect(JSON.parse(json)).toMatchObject({ type: 'result', id: 1, result: { agentState: 'listening' } });
  // Anything on the channel shows that the page knows it; bytes that are no request are not answered.
  user.send({ type: 'bytes', topic: 'lk.agent.session', base64: 'AA==', to: [] });
  await user.until(({ type }) => type === 'bytes', { what: 'an event' });
});

test('a drain lets the call go on to its end', async () => {
  const { user } = await dispatch();
  const drained = manager.drain();
  user.send({ type: 'speak', durationMs: 800, hz: 700 });
  await user.until(isSound(true), { what: 'the answer' });
  expect(manager.status.state).toBe('draining');
  user.send({ type: 'leave' });
  await drained;
  expect(reports.map(({ outcome }) => outcome)).toEqual(['succeeded']);
});

test('a room that is deleted ends the job', async () => {
  const { room } = await dispatch();
  await roomClient(inject('livekit')).deleteRoom(room);
  await vi.waitFor(() => expect(reports).toHaveLength(1), { timeout: 10_000 });
  expect(manager.status.jobs).toEqual([]);
});
