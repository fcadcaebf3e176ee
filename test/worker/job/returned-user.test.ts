import { JobType, ParticipantInfo, Room } from '@livekit/protocol';
import { describe, expect, test } from 'vitest';
import type { JobRunner, Presence, RunningSession, RunReport } from '../../../src/worker/runner.ts';
import type { ServerApi } from '../../../src/worker/server/server-api.ts';
import { startTestWorker } from '../test-worker.ts';

/** A worker for single participants with a job for ann, whose session and place in the room are what the test says. */
async function startJobForAnn(place: Presence = 'joined', api: ServerApi | null = null) {
  const stops: string[] = [];
  const sessions: RunningSession[] = [];
  const reports = new Map<string, (report: RunReport) => void>();
  const runner: JobRunner = {
    open: async () => {},
    freeSlots: () => 9,
    hosts: [],
    start: ({ info }, report) => {
      reports.set(info.id, report);
      report({ type: 'job.started' });
      return { stop: (reason) => stops.push(reason), kill: () => {}, presence: () => ({ state: place, sinceMs: 0 }) };
    },
    sessions: () => sessions,
    close: async () => {},
  };
  const worker = startTestWorker({ kinds: ['participant'] }, { runner, ...(api !== null && { api }) });
  await worker.start();
  const offer = async (id: string, identity: string, name = 'lobby', sid = 'RM_1', dispatchId = 'AD_1') => {
    const participant = new ParticipantInfo({ identity, sid: `PA_${id}` });
    worker.network.server.offer(id, {
      type: JobType.JT_PARTICIPANT,
      dispatchId,
      participant,
      room: new Room({ name, sid }),
    });
    await worker.settle();
  };
  await offer('AJ_1', 'ann');
  sessions.push({ sessionId: 'sess_1', jobId: 'AJ_1' } as RunningSession); // what is read
  const answerTo = (id: string) => worker.network.server.answers.find(({ jobId }) => jobId === id);
  return { worker, sessions, stops, offer, answerTo, report: (report: RunReport) => reports.get('AJ_1')?.(report) };
}

const TAKEN = { available: true };
const SERVED = { available: false, terminate: true };

describe('the job of a participant who has one already', () => {
  test.each<Presence>(['joined', 'lost', 'joining'])(
    'is refused for every worker while that one goes on (%s)',
    async (place) => {
      const { worker, offer, answerTo } = await startJobForAnn(place);
      await offer('AJ_2', 'ann');
      expect(answerTo('AJ_2')).toBeUndefined();
      await worker.clock.advance(1_500);
      expect(answerTo('AJ_2')).toMatchObject(SERVED);
      await worker.end();
    },
  );

  test('is refused for every worker also after a restart of the server, which gives the room another sid', async () => {
    const { worker, offer, answerTo } = await startJobForAnn();
    await offer('AJ_2', 'ann', 'lobby', 'RM_2');
    await worker.clock.advance(1_500);
    expect(answerTo('AJ_2')).toMatchObject(SERVED);
    await worker.end();
  });

  test('stands for the dispatch of the refused one from then on: when that is deleted its session ends', async () => {
    const dispatches = [{ id: 'AD_2' }];
    const api = { listRooms: async () => [{ sid: 'RM_2' }], listDispatch: async () => dispatches };
    const { worker, offer, stops } = await startJobForAnn('joined', api as unknown as ServerApi); // what is asked for
    // It was told of the end of the job, and nothing will be told of it any more.
    worker.network.server.terminate('AJ_1');
    await worker.clock.advance(5_000);
    await offer('AJ_2', 'ann', 'lobby', 'RM_2', 'AD_2');
    await worker.clock.advance(20_000);
    expect(stops).toEqual([]);
    dispatches.length = 0;
    await worker.clock.advance(10_000);
    expect(stops).toEqual(['its dispatch was deleted']);
    await worker.end();
  });

  test('is taken when that one ends a moment later, as after a page that was loaded again', async () => {
    const { worker, offer, answerTo, report } = await startJobForAnn();
    await offer('AJ_2', 'ann');
    await worker.clock.advance(1_000);
    report({ type: 'job.finished', reason: 'the user left', error: null });
    await worker.clock.advance(200);
    expect(answerTo('AJ_2')).toMatchObject(TAKEN);
    await worker.end();
  });

  test('is taken when that one has no session any more', async () => {
    const { worker, sessions, offer, answerTo } = await startJobForAnn();
    sessions.length = 0;
    await offer('AJ_2', 'ann');
    expect(answerTo('AJ_2')).toMatchObject(TAKEN);
    await worker.end();
  });

  test('is taken when the session of that one has been linked to somebody else', async () => {
    const { worker, sessions, offer, answerTo } = await startJobForAnn();
    sessions.splice(0, 1, { sessionId: 'sess_1', jobId: 'AJ_1', participant: 'bob' } as RunningSession);
    await offer('AJ_2', 'ann');
    expect(answerTo('AJ_2')).toMatchObject(TAKEN);
    await worker.end();
  });

  test('is taken when another dispatch asks for another agent', async () => {
    const { worker, offer, answerTo } = await startJobForAnn();
    await offer('AJ_2', 'ann', 'lobby', 'RM_1', 'AD_2');
    expect(answerTo('AJ_2')).toMatchObject(TAKEN);
    await worker.end();
  });

  test.each<[string, Presence, string, string]>([
    ['its agent has left', 'left', 'ann', 'lobby'],
    ['its agent was sent away', 'removed', 'ann', 'lobby'],
    ['it is for somebody else', 'joined', 'bob', 'lobby'],
    ['it is in another room', 'joined', 'ann', 'bar'],
  ])('is taken at once when %s', async (_, place, identity, room) => {
    const { worker, offer, answerTo } = await startJobForAnn(place);
    await offer('AJ_2', identity, room);
    expect(answerTo('AJ_2')).toMatchObject(TAKEN);
    await worker.end();
  });
});
