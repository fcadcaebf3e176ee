import { Room, SimulateScenarioKind } from '@livekit/rtc-node';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { Agent } from '../../src/runtime/agent.ts';
import type { AgentSession } from '../../src/runtime/agent-session.ts';
import { disposeLivekit } from '../../src/transports/livekit/index.ts';
import type { ParticipantSessions } from '../../src/worker/job/participant-sessions.ts';
import { type LiveWorker, startLiveWorker } from './live-worker.ts';
import type { RemoteUser } from './remote-user.ts';
import { isFinalOf, isSound } from './reports.ts';
import { speakUntil } from './speak-until.ts';
import type { UserReport } from './user-protocol.ts';

let worker: LiveWorker;
afterEach(async () => {
  vi.restoreAllMocks();
  await worker.end();
});
afterAll(() => disposeLivekit());

const agent = () => new Agent({ instructions: 'Answer.' });
const speak = (user: RemoteUser) => user.send({ type: 'speak', durationMs: 800, hz: 700 });
/** Users hear each other; this is what they hear, see or read of agents. */
const ofAgent = (report: UserReport) => 'identity' in report && report.identity.startsWith('agent');
const count = (user: RemoteUser, type: UserReport['type']) =>
  user.reports.filter((report) => report.type === type && (type === 'transcript' || ofAgent(report))).length;
const answers = (user: RemoteUser, from = 0) =>
  user.until((report) => isSound(true)(report) && ofAgent(report), { from, what: 'the answer' });
const falls = (user: RemoteUser, from = 0) =>
  user.until((report) => isSound(false)(report) && ofAgent(report), { from, what: 'the end of the answer' });
/** The first answer that this user gets; the agent may not listen to the microphone yet. */
const isAnswered = (user: RemoteUser) =>
  speakUntil(user, () => user.reports.some((report) => isSound(true)(report) && ofAgent(report)));
const isCalled = (user: RemoteUser) =>
  user.until((report) => report.type === 'track' && ofAgent(report), { what: 'the track of the agent' });

interface Heard {
  readonly session: AgentSession;
  /** What the session heard of users. */
  readonly said: string[];
}

async function twoUsers() {
  const heard = new Map<string, Heard>();
  const running: ParticipantSessions[] = [];
  /** Whom the entrypoint was called for. */
  const entered: string[] = [];
  worker = await startLiveWorker(async (job) => {
    job.addParticipantEntrypoint((_, { identity }) => entered.push(identity));
    running.push(await job.startSessionPerParticipant(() => ({ agent: agent() }), { lingerMs: 100 }));
  });
  const room = worker.room();
  const ann = await worker.user(room, 'ann');
  await worker.dispatch(room);
  await isCalled(ann);
  const bob = await worker.user(room, 'bob');
  await isCalled(bob);
  // A track is there a little before its session.
  await vi.waitFor(() => expect(running[0]?.sessions.size).toBe(2), { timeout: 10_000 });
  for (const [identity, session] of running[0]?.sessions ?? []) {
    const said: string[] = [];
    session.on('stt_result', ({ text, isFinal }) => isFinal && said.push(text));
    heard.set(identity, { session, said });
  }
  return { ann, bob, heard, room, entered };
}

test('two users in one room have an agent each: each hears and reads only its own, and is heard only by its own', async () => {
  const { ann, bob, heard } = await twoUsers();
  expect([...heard.keys()].sort()).toEqual(['ann', 'bob']);
  speak(ann);
  await answers(ann);
  await ann.until(isFinalOf('ann'), { what: 'what ann said' });
  await falls(ann);
  expect(heard.get('ann')?.said).toEqual(['hello']);
  expect(heard.get('bob')?.said).toEqual([]);
  expect([count(bob, 'sound'), count(bob, 'transcript')]).toEqual([0, 0]);
  const annBefore = count(ann, 'sound');
  speak(bob);
  await answers(bob);
  await bob.until(isFinalOf('bob'), { what: 'what bob said' });
  await falls(bob);
  expect(heard.get('bob')?.said).toEqual(['hello']);
  expect(heard.get('ann')?.said).toEqual(['hello']);
  expect(count(ann, 'sound')).toBe(annBefore);
  // One track each, although the room has two of the agent.
  expect([count(ann, 'track'), count(bob, 'track')]).toEqual([1, 1]);
  expect(ann.reports.some((report) => isFinalOf('bob')(report))).toBe(false);
});

test('after the library has reconnected in full each is still heard only by its own', async () => {
  const rooms: Room[] = [];
  const { connect } = Room.prototype;
  vi.spyOn(Room.prototype, 'connect').mockImplementation(function (this: Room, ...given) {
    rooms.push(this);
    return connect.apply(this, given);
  });
  const { ann, bob, heard, entered } = await twoUsers();
  expect(rooms).toHaveLength(1);
  const before = ann.reports.length;
  await rooms[0]?.simulateScenario(SimulateScenarioKind.SIMULATE_FULL_RECONNECT);
  // The tracks of the agent are published anew.
  await ann.until((report) => report.type === 'track' && ofAgent(report), { from: before, limitMs: 20_000 });
  await vi.waitFor(() => expect(count(bob, 'track')).toBe(2), { timeout: 20_000 });
  await speakUntil(ann, () => (heard.get('ann')?.said.length ?? 0) > 0);
  await answers(ann, before);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect(heard.get('bob')?.said).toEqual([]);
  expect([count(bob, 'sound'), count(bob, 'transcript')]).toEqual([0, 0]);
  expect([count(ann, 'track'), count(bob, 'track')]).toEqual([2, 2]);
  // Nobody is new to the job.
  expect(entered).toEqual(['ann', 'bob']);
}, 60_000);

test('one leaves, the other goes on; the job ends when all have left', async () => {
  const { ann, bob, heard } = await twoUsers();
  ann.send({ type: 'leave' });
  expect((await heard.get('ann')?.session.whenStopped)?.reason).toBe('the user left');
  expect(worker.reports).toEqual([]);
  speak(bob);
  await answers(bob);
  bob.send({ type: 'leave' });
  expect(await worker.reported(15_000)).toMatchObject({ outcome: 'succeeded', reason: 'the user left' });
});

test('who is cut off and comes back finds the same session; who comes again after leaving gets a new one', async () => {
  const { ann, bob, heard, room } = await twoUsers();
  const before = heard.get('bob')?.session;
  bob.kill();
  // The server takes some twenty seconds to notice.
  await ann.until(({ type }) => type === 'participantLeft', { limitMs: 45_000 });
  const back = await worker.user(room, 'bob');
  await isCalled(back);
  await isAnswered(back);
  expect(before?.state).not.toBe('closed');
  back.send({ type: 'leave' });
  expect((await before?.whenStopped)?.reason).toBe('the user left');
  const again = await worker.user(room, 'bob');
  await isCalled(again);
  await isAnswered(again);
}, 90_000);

test('sessions that see the whole room: each reads and answers its own user; the end of one leaves the microphone to another', async () => {
  const sessions: AgentSession[] = [];
  const said: string[] = [];
  worker = await startLiveWorker(async (job) => {
    const start = async (participant: string) => {
      const session = await job.startSession({ agent: agent(), participant });
      sessions.push(session);
      return session;
    };
    const ann = await start('ann');
    ann.on('stt_result', ({ text, isFinal }) => isFinal && said.push(text));
    await start('bob');
    await start('ann');
  });
  const room = worker.room();
  const ann = await worker.user(room, 'ann');
  const bob = await worker.user(room, 'bob');
  const job = await worker.dispatch(room);
  await vi.waitFor(() => expect(sessions).toHaveLength(3), { timeout: 10_000 });
  const [ofAnn, ofBob, second] = sessions;
  const typed = (session: AgentSession | undefined) =>
    session?.history.flatMap((item) => (item.type === 'user' ? [item.text] : []));
  bob.send({ type: 'type', text: 'it is bob' });
  await vi.waitFor(() => expect(typed(ofBob)).toEqual(['it is bob']), { timeout: 10_000 });
  const request = Buffer.from(JSON.stringify({ type: 'getState', id: 7 })).toString('base64');
  bob.send({ type: 'data', topic: 'agent-control', base64: request, to: [] });
  const results = () =>
    bob.reports.flatMap((report) =>
      report.type === 'data' && report.topic === 'agent-control'
        ? [JSON.parse(Buffer.from(report.base64, 'base64').toString()).type as unknown]
        : [],
    );
  await vi.waitFor(() => expect(results()).toEqual(['result']), { timeout: 5_000 });
  await second?.close();
  if (ofAnn === undefined) throw new Error('no session');
  // Away and back at once.
  job.linkTo(ofAnn, 'bob');
  job.linkTo(ofAnn, 'ann');
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect(results()).toEqual(['result']);
  await speakUntil(ann, () => said.length > 0);
  expect(typed(ofAnn)).not.toContain('it is bob');
  // Away and back while the track is still ending.
  job.linkTo(ofAnn, 'bob');
  await new Promise((resolve) => setTimeout(resolve, 0));
  job.linkTo(ofAnn, 'ann');
  const before = said.length;
  await speakUntil(ann, () => said.length > before);
}, 60_000);

test('a session can be linked to another participant in the middle of the call', async () => {
  const sessions: AgentSession[] = [];
  const said: string[] = [];
  worker = await startLiveWorker(async (job) => {
    const session = await job.startSession({ agent: agent() });
    session.on('stt_result', ({ text, isFinal }) => isFinal && said.push(text));
    sessions.push(session);
  });
  const room = worker.room();
  const ann = await worker.user(room, 'ann');
  const job = await worker.dispatch(room);
  await isCalled(ann);
  const bob = await worker.user(room, 'bob');
  await bob.until((report) => report.type === 'track' && ofAgent(report));
  // One who is not linked speaks, then the one who is: two utterances, of which one is heard.
  const saysAfter = async (other: RemoteUser, linked: RemoteUser) => {
    const [from, before] = [other.reports.length, said.length];
    speak(other);
    await other.until(({ type }) => type === 'said', { from });
    await new Promise((resolve) => setTimeout(resolve, 1_000)); // were it heard, it would be answered by now
    const mark = linked.reports.length;
    speak(linked);
    await answers(linked, mark);
    await falls(linked, mark);
    expect(said).toHaveLength(before + 1);
  };
  await saysAfter(bob, ann);
  const [session] = sessions;
  if (session === undefined) throw new Error('no session');
  job.linkTo(session, 'bob');
  const from = bob.reports.length;
  await speakUntil(bob, () => said.length > 1);
  await falls(bob, from);
  await saysAfter(ann, bob);
  ann.send({ type: 'leave' });
  await bob.until(({ type }) => type === 'participantLeft');
  expect(session.state).not.toBe('closed');
  bob.send({ type: 'leave' });
  expect((await session.whenStopped).reason).toBe('the user left');
});

for (const kind of ['participant', 'publisher'] as const) {
  test(`a ${kind} job talks to the participant it was made for`, async () => {
    const whom: [string | undefined, string][] = [];
    // Automatic dispatch: jobs of this kind come with the participants of rooms without a named agent.
    worker = await startLiveWorker(
      async (job) => {
        const session = await job.startSession({ agent: agent(), isPrivate: true });
        session.on('stt_result', ({ text, isFinal }) => isFinal && whom.push([job.info.participant?.identity, text]));
      },
      { kinds: [kind], agentName: '' },
    );
    const room = worker.room();
    const ann = await worker.user(room, 'ann');
    await isCalled(ann);
    const bob = await worker.user(room, 'bob');
    await isCalled(bob);
    speak(bob);
    await answers(bob);
    expect(whom).toEqual([['bob', 'hello']]);
    expect(count(ann, 'sound')).toBe(0);
    ann.send({ type: 'leave' });
    await worker.reported();
    expect(worker.reports).toHaveLength(1);
    speak(bob);
    await vi.waitFor(() => expect(whom).toHaveLength(2), { timeout: 10_000 });
  });
}
