// Jobs of which the server can tell this worker nothing any more: whether their dispatches were deleted is asked for.
import type { ChildSpec } from '../../supervisor/index.ts';
import type { JobRecord } from '../job-table.ts';
import type { ServerApi } from '../server/server-api.ts';
import type { WorkerScope } from '../worker-scope.ts';
import { endDeleted, isDispatchGone } from './dispatch-gone.ts';
import { lookSpecOf } from './look-spec.ts';

/** Jobs that one look asks about, in turn; two calls each. */
const MAX_ASKED = 5;

/** For workers without a reconciler, whose looks see that as well. Asks nothing while the server can tell. */
export function unheardJobsSpec(scope: WorkerScope, api: ServerApi): ChildSpec<unknown> {
  let asked = 0;
  const look = async () => {
    const jobs = scope.jobs.list().filter((record) => isUnheard(scope, record));
    const first = jobs.length === 0 ? 0 : asked % jobs.length;
    const turn = [...jobs.slice(first), ...jobs.slice(0, first)].slice(0, MAX_ASKED);
    asked += turn.length;
    await Promise.all(turn.map((record) => endWhenGone(scope, api, record)));
  };
  return lookSpecOf({ id: 'unheard-jobs', ids: scope.ids, look });
}

/** The server tells what becomes of a job to the socket that took it, and only until its agent has left the room once. */
function isUnheard({ registrations }: WorkerScope, { phase, registrationId, toldBy }: JobRecord): boolean {
  const workerId = registrations.get(registrationId)?.workerId ?? null;
  return phase === 'running' && workerId !== null && workerId !== toldBy;
}

async function endWhenGone({ logger }: WorkerScope, api: ServerApi, record: JobRecord): Promise<void> {
  const { served, info } = record;
  if (!(await isDispatchGone(api, served))) return;
  logger.warn({ jobId: info.id, room: info.roomName }, 'the dispatch of a running job is gone');
  endDeleted(record);
}
