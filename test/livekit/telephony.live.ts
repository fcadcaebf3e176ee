import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { realClock } from '../../src/clock.ts';
import { randomIds } from '../../src/ids.ts';
import { Agent } from '../../src/runtime/agent.ts';
import type { AgentSession } from '../../src/runtime/agent-session.ts';
import { disposeLivekit } from '../../src/transports/livekit/index.ts';
import { forkHost } from '../../src/worker/host/fork-host.ts';
import { HostPool } from '../../src/worker/host/host-pool.ts';
import type { JobContext } from '../../src/worker/job/job-context.ts';
import { silentLogger } from '../../src/worker/logger.ts';
import { type LiveWorker, startLiveWorker } from './live-worker.ts';

let worker: LiveWorker;
const sessions: AgentSession[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  await worker.end();
  sessions.length = 0;
});
afterAll(() => disposeLivekit());

/** What the token of a caller has; the rest a bridge tells later. */
const CALLER = {
  kind: 'sip',
  attributes: { 'sip.callID': 'SCL_1', 'sip.trunkID': 'ST_1', 'sip.phoneNumber': '+4930123' },
} as const;

async function startCall(entry: (job: JobContext, session: AgentSession) => unknown = () => {}) {
  worker = await startLiveWorker(async (job) => {
    const session = await job.startSession({ agent: new Agent({ instructions: 'Answer.' }) });
    sessions.push(session);
    await entry(job, session);
  });
  const room = worker.room();
  const caller = await worker.user(room, 'caller', CALLER);
  const job = await worker.dispatch(room);
  await caller.until(({ type }) => type === 'track', { what: 'the track of the agent' });
  await vi.waitFor(() => expect(sessions).toHaveLength(1), { timeout: 10_000 });
  return { caller, job, room };
}

test('keys reach the other side, in both directions', async () => {
  const { caller, job } = await startCall();
  const digits: string[] = [];
  sessions[0]?.on('dtmf_received', ({ digit }) => digits.push(digit));
  const collected = job.collectDtmf({ participant: 'caller' });
  for (const [code, digit] of [
    [1, '1'],
    [10, '*'],
    [15, 'D'],
    [11, '#'],
  ] as const)
    caller.send({ type: 'press', code, digit });
  expect(await collected).toEqual({ digits: '1*D', end: 'terminator' });
  expect(digits).toEqual(['1', '*', 'D', '#']);
  await job.sendDtmf('5#A', { spacingMs: 50 });
  const tones = () => caller.reports.filter(({ type }) => type === 'tone');
  await caller.until(() => tones().length >= 3, { what: 'three tones' });
  expect(tones()).toEqual([
    { type: 'tone', code: 5, digit: '5', identity: job.identity },
    { type: 'tone', code: 11, digit: '#', identity: job.identity },
    { type: 'tone', code: 12, digit: 'A', identity: job.identity },
  ]);
});

test('a caller is known by number, and the call is followed by attributes that come later', async () => {
  const { caller, job } = await startCall();
  const participant = await job.waitForParticipant('caller');
  expect(participant).toMatchObject({ kind: 'sip' });
  expect(participant.sip).toMatchObject({
    callId: 'SCL_1',
    trunkId: 'ST_1',
    phoneNumber: '+4930123',
    callStatus: null,
  });
  const answered = job.waitForAnswer('caller');
  caller.send({ type: 'setAttributes', attributes: { 'sip.callStatus': 'ringing' } });
  caller.send({ type: 'setAttributes', attributes: { 'sip.callStatus': 'active', 'sip.h.X-Account': '42' } });
  expect((await answered).sip).toMatchObject({ callStatus: 'active', headers: { 'X-Account': '42' } });
});

test('who is removed is out, and the call is over', async () => {
  const { caller, job } = await startCall();
  await job.removeParticipant('caller');
  await caller.until(({ type }) => type === 'left');
  expect((await sessions[0]?.whenStopped)?.reason).toBe('the user was removed');
  expect(await worker.reported()).toMatchObject({ outcome: 'succeeded', reason: 'the user was removed' });
});

test('hanging up sends everybody away, and the job succeeds with the reason', async () => {
  const { caller, job, room } = await startCall();
  await job.hangUp('all is said');
  await caller.until(({ type }) => type === 'left');
  expect(await worker.reported()).toMatchObject({ outcome: 'succeeded', reason: 'all is said' });
  expect(await worker.api.listRooms([room])).toEqual([]);
});

test('in a host process as well, which has the key from its worker', async () => {
  for (const name of ['LIVEKIT_API_KEY', 'LIVEKIT_API_SECRET', 'LIVEKIT_URL']) vi.stubEnv(name, undefined);
  const file = fileURLToPath(new URL('./fixtures/hang-up-agent.ts', import.meta.url));
  const runner = new HostPool({
    fork: forkHost(file, 'silent'),
    clock: realClock,
    ids: randomIds,
    logger: silentLogger,
    maxJobs: 1,
  });
  worker = await startLiveWorker(() => {}, {}, runner);
  const roomName = worker.room();
  const caller = await worker.user(roomName, 'caller', CALLER);
  await worker.api.createDispatch({ roomName, agentName: worker.name });
  await caller.until(({ type }) => type === 'track', { what: 'the track of the agent' });
  await vi.waitFor(
    () => {
      caller.send({ type: 'press', code: 11, digit: '#' }, { mayFail: true }); // the one before may have ended it
      expect(worker.reports).toMatchObject([{ outcome: 'succeeded', reason: '# was pressed' }]);
    },
    { timeout: 10_000, interval: 500 },
  );
  await caller.until(({ type }) => type === 'left');
  expect(await worker.api.listRooms([roomName])).toEqual([]);
}, 60_000);

test('after deleteRoom the job goes on to its end', async () => {
  const done: string[] = [];
  const { caller, room } = await startCall(async (job) => {
    await job.waitForSipStatus('caller', 'hangup');
    await job.deleteRoom();
    done.push('report written');
  });
  caller.send({ type: 'setAttributes', attributes: { 'sip.callStatus': 'hangup' } });
  await caller.until(({ type }) => type === 'left');
  expect(await worker.reported()).toMatchObject({ outcome: 'succeeded' });
  expect(done).toEqual(['report written']);
  expect(await worker.api.listRooms([room])).toEqual([]);
});

test('without telephony behind the server, calling and transferring say so', async () => {
  const { job } = await startCall();
  await expect(job.createSipParticipant({ identity: 'bob', trunkId: 'ST_1', to: '+4930999' })).rejects.toMatchObject({
    code: 'ERR_SIP_UNAVAILABLE',
    retryable: false,
  });
  await expect(job.transferSipParticipant('caller', 'tel:+4930999')).rejects.toMatchObject({
    code: 'ERR_SIP_UNAVAILABLE',
    retryable: false,
  });
  await expect(job.removeParticipant('nobody')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
  expect(sessions[0]?.state).not.toBe('closed');
});
