import { expect, test } from 'vitest';
import { AgentError } from '../../../src/errors.ts';
import { VirtualClock } from '../../../src/testing/virtual-clock.ts';
import { releaseRoom } from '../../../src/worker/reconciler/release.ts';
import type { ServerDispatch, ServerRoom } from '../../../src/worker/server/server-api.ts';
import { type LogLine, recorder } from '../test-worker.ts';

const ROOM: ServerRoom = { sid: 'RM_1', name: 'r', metadata: '', participantCount: 1, createdAtEpochMs: 0 };

async function release(
  rooms: readonly ServerRoom[],
  answers: ('gone' | 'down' | 'done')[],
  kinds: readonly string[] = ['room'],
) {
  const clock = new VirtualClock();
  const lines: LogLine[] = [];
  let deletes = 0;
  const api = {
    listRooms: async () => rooms,
    listDispatch: async () => [{ id: 'AD_1', jobs: kinds.map((kind) => ({ kind })) }] as unknown as ServerDispatch[], // what is read
    deleteDispatch: async () => {
      deletes++;
      const answer = answers.shift() ?? 'done';
      if (answer === 'gone') throw new AgentError('ERR_NOT_FOUND', 'no such dispatch');
      if (answer === 'down') throw new AgentError('ERR_SERVER_API', 'no answer');
    },
  };

  const released = releaseRoom({ api, clock, logger: recorder(lines), dispatchId: 'AD_1', roomName: 'r' });
  await clock.advance(10_000);
  const isOver = await Promise.race([released.then(() => true), clock.settle({ turns: 2 }).then(() => false)]);
  return { deletes, lines: lines.length, isOver };
}

test.each([
  ['a dispatch is deleted once', [ROOM], ['done'], 1, 0],
  ['one that is gone already is no trouble', [ROOM], ['gone'], 1, 0],
  ['a room that is gone is not asked about: the server would not answer for seconds', [], [], 0, 0],
  ['a server that is down is asked three times, and each is told', [ROOM], ['down', 'down', 'down', 'down'], 3, 3],
  ['one that comes back is enough', [ROOM], ['down', 'done'], 2, 1],
] as const)('%s', async (_rule, rooms, answers, deletes, lines) => {
  expect(await release(rooms, [...answers])).toMatchObject({ deletes, lines, isOver: true });
});

test('a dispatch of which other workers have jobs for single participants is left alone', async () => {
  expect(await release([ROOM], ['done'], ['room', 'participant'])).toMatchObject({
    deletes: 0,
    lines: 0,
    isOver: true,
  });
});
