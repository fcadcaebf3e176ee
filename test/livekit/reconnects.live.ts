// The server takes every leave of an agent for the end of its job; an agent that comes back keeps its call.
import { readdirSync, readFileSync } from 'node:fs';
import { Room, SimulateScenarioKind } from '@livekit/rtc-node';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { Agent } from '../../src/runtime/agent.ts';
import { disposeLivekit } from '../../src/transports/livekit/index.ts';
import { type LiveWorker, startLiveWorker } from './live-worker.ts';
import type { RemoteUser } from './remote-user.ts';
import { isSound } from './reports.ts';
import { speakUntil } from './speak-until.ts';

/** Longer than the agent can be said to be just joining. */
const SETTLED_MS = 7_000;
/** Longer than the second look at a termination. */
const LOOKED_AT_MS = 7_000;

let worker: LiveWorker;
afterEach(async () => {
  vi.restoreAllMocks();
  await worker.end();
});
afterAll(() => disposeLivekit());

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** How many sets of threads the room library runs in this process; Linux only. */
function runtimes(): number {
  return readdirSync('/proc/self/task').filter((id) => {
    try {
      return readFileSync(`/proc/self/task/${id}/comm`, 'utf8').startsWith('signaling_');
    } catch {
      return false; // it has just ended
    }
  }).length;
}

/** Hears an answer, and its end. */
async function isAnswered(user: RemoteUser): Promise<void> {
  const from = user.reports.length;
  await speakUntil(user, () => user.reports.slice(from).some(isSound(true)));
  await user.until(isSound(false), { from, what: 'the end of the answer' });
}

test.each([
  ['the library reconnects in full', SimulateScenarioKind.SIMULATE_FULL_RECONNECT],
  ['the server sends the agent away', SimulateScenarioKind.SIMULATE_SERVER_LEAVE],
])(
  '%s: the call goes on, in the same job',
  async (_, scenario) => {
    const rooms: Room[] = [];
    const { connect } = Room.prototype;
    vi.spyOn(Room.prototype, 'connect').mockImplementation(function (this: Room, ...given) {
      rooms.push(this);
      return connect.apply(this, given);
    });
    worker = await startLiveWorker(async (job) => {
      await job.startSession({ agent: new Agent({ instructions: 'Answer.' }) });
    });
    const room = worker.room();
    const user = await worker.user(room, 'ann');
    const job = await worker.dispatch(room);
    await isAnswered(user);
    await wait(SETTLED_MS);
    expect(rooms).toHaveLength(1);
    // A voice with a set of its own breaks the process when what the reconnect leaves behind is freed after it.
    expect(runtimes()).toBe(1);
    const from = user.reports.length;
    await rooms[0]?.simulateScenario(scenario);
    await user.until(({ type }) => type === 'track', { from, limitMs: 20_000, what: 'the track published anew' });
    await wait(LOOKED_AT_MS);
    await isAnswered(user);
    expect([worker.jobs.length, worker.reports, job.signal.aborted]).toEqual([1, [], false]);
    const dispatches = await worker.api.listDispatch(room);
    expect(dispatches.filter(({ agentName }) => agentName === worker.name)).toHaveLength(1);
    user.send({ type: 'leave' });
    expect(await worker.reported(15_000)).toMatchObject({ outcome: 'succeeded', reason: 'the user left' });
    // The room that went on is not dispatched again.
    expect(worker.jobs.length).toBe(1);
  },
  90_000,
);

test('a job that deletes its room goes on', async () => {
  let isDone = false;
  worker = await startLiveWorker(async (job) => {
    await job.joinRoom();
    await wait(SETTLED_MS);
    await job.deleteRoom();
    await wait(LOOKED_AT_MS);
    isDone = !job.signal.aborted;
  });
  const room = worker.room();
  await worker.user(room, 'ann');
  await worker.dispatch(room);
  expect(await worker.reported(30_000)).toMatchObject({ outcome: 'succeeded' });
  expect(isDone).toBe(true);
}, 60_000);

test('a participant who is cut off and comes back finds the agent of their job, and no second one', async () => {
  worker = await startLiveWorker(
    async (job) => {
      await job.startSession({ agent: new Agent({ instructions: 'Answer.' }) });
    },
    { kinds: ['participant'] },
  );
  const room = worker.room();
  const user = await worker.user(room, 'ann');
  const job = await worker.dispatch(room);
  await isAnswered(user);
  user.kill();
  const back = await worker.user(room, 'ann');
  await wait(LOOKED_AT_MS);
  await isAnswered(back);
  const agents = (await worker.api.listParticipants(room)).filter(({ kind }) => kind === 'agent');
  expect(agents.map(({ identity }) => identity)).toEqual([job.identity]);
  expect([worker.jobs.length, worker.reports]).toEqual([1, [expect.objectContaining({ outcome: 'refused' })]]);
}, 90_000);
