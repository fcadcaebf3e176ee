// Tells the server that a room is to have no agent of a dispatch any more: whoever looks finds nothing that asks for one.
import { type Clock, sleep } from '../../clock.ts';
import { textOf } from '../../errors.ts';
import type { Logger } from '../logger.ts';
import type { ServerApi } from '../server/server-api.ts';
import { CALL_MS, orNull } from './room-case.ts';
import { isShared } from './room-watch.ts';

export interface ReleaseOptions {
  readonly api: Pick<ServerApi, 'listRooms' | 'listDispatch' | 'deleteDispatch'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly dispatchId: string;
  readonly roomName: string;
}

const TRIES = 3;
const AGAIN_MS = 1_000;

/** Never rejects: what could not be told is logged. */
export async function releaseRoom({ api, clock, logger, dispatchId, roomName }: ReleaseOptions): Promise<void> {
  for (let tries = 1; tries <= TRIES; tries++) {
    const abort = new AbortController();
    try {
      // Both at once: other workers take the room for one that lost its agent after 2 s.
      const listed = orNull(api.listDispatch(roomName, { signal: abort.signal, timeoutMs: CALL_MS }));
      listed.catch(() => {}); // told below, unless the room is gone
      // Of a room that is gone the server says nothing about dispatches until its own deadline is over.
      const rooms = await api.listRooms([roomName], { timeoutMs: CALL_MS });
      if (rooms.length === 0) return;
      const dispatches = (await listed) ?? [];
      const dispatch = dispatches.find(({ id }) => id === dispatchId);
      if (dispatch !== undefined && !isShared(dispatch))
        await orNull(api.deleteDispatch(dispatchId, roomName, { timeoutMs: CALL_MS }));
      return;
    } catch (error) {
      logger.warn({ room: roomName, dispatchId, error: textOf(error) }, 'a dispatch could not be deleted');
    } finally {
      abort.abort();
    }
    if (tries < TRIES) await sleep(clock, AGAIN_MS);
  }
}
