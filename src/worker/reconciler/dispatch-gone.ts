// Asks the server whether a dispatch was deleted, of which it tells the worker only while it thinks that the job runs there,
// and ends its job.
import type { JobInfo } from '../job/job-info.ts';
import type { JobRecord } from '../job-table.ts';
import type { ServerApi } from '../server/server-api.ts';
import { CALL_MS, orNull } from './room-case.ts';

/** False for a room that is gone: its agents are told. @throws AgentError as {@link ServerApi} says */
export async function isDispatchGone(
  api: Pick<ServerApi, 'listRooms' | 'listDispatch'>,
  { dispatchId, roomName, roomSid }: Pick<JobInfo, 'dispatchId' | 'roomName' | 'roomSid'>,
): Promise<boolean> {
  if (dispatchId === '') return false;
  // A room of the same name that was opened since has dispatches of its own.
  const rooms = await api.listRooms([roomName], { timeoutMs: CALL_MS });
  if (!rooms.some(({ sid }) => sid === roomSid)) return false;
  const dispatches = await orNull(api.listDispatch(roomName, { timeoutMs: CALL_MS }));
  return dispatches !== null && !dispatches.some(({ id }) => id === dispatchId);
}

/** The job may have ended while the server was asked. */
export function endDeleted(record: Pick<JobRecord, 'actor'> | undefined): void {
  if (record?.actor?.getSnapshot().status !== 'active') return;
  record.actor.send({ type: 'job.stop', reason: 'its dispatch was deleted' });
}
