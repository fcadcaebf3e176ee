// Jobs of which the server can tell this worker nothing any more: whether their dispatches were deleted is asked for.
import { fromPromise } from 'xstate';
import { reconcilerMachine } from '../../machines/reconciler.machine.ts';
import type { ChildSpec } from '../../supervisor/index.ts';
import type { JobRecord } from '../job-table.ts';
import type { ServerApi } from '../server-api.ts';
import type { WorkerScope } from '../worker-scope.ts';
import { isDispatchGone } from './dispatch-gone.ts';

const EVERY_MS = 2_500;
const LOOK_MS = 15_000;
const MAX_DELAY_MS = 60_000;
/** Jobs that one look asks about, in turn; two calls each. */
const MAX_ASKED = 5;

/** For workers without a reconciler, whose looks see that as well. Asks nothing while the server can tell. */
export function unheardJobsSpec(scope: WorkerScope, api: ServerApi): ChildSpec<unknown> {
  let asked = 0;
  const logic = reconcilerMachine.provide({
    actors: {
      look: fromPromise(async () => {
        const jobs = scope.jobs.list().filter((record) => isUnheard(scope, record));
        const first = jobs.length === 0 ? 0 : asked % jobs.length;
        const turn = [...jobs.slice(first), ...jobs.slice(0, first)].slice(0, MAX_ASKED);
        asked += turn.length;
        await Promise.all(turn.map((record) => endWhenGone(scope, api, record)));
      }),
    },
  });
  const jitterSeed = Math.floor(scope.ids.random() * 2 ** 31);
  return {
    id: 'unheard-jobs',
    restart: 'permanent',
    shutdown: 'brutal_kill',
    // A look has no right to cost the calls of the worker anything, not even when it crashes each time.
    backoff: { initialMs: EVERY_MS },
    start: () => ({
      logic,
      input: { everyMs: EVERY_MS, lookMs: LOOK_MS, maxDelayMs: MAX_DELAY_MS, jitterSeed },
    }),
  };
}

/** The server tells what becomes of a job to the socket that took it, and only until its agent has left the room once. */
function isUnheard({ registrations }: WorkerScope, { phase, registrationId, toldBy }: JobRecord): boolean {
  const workerId = registrations.get(registrationId)?.workerId ?? null;
  return phase === 'running' && workerId !== null && workerId !== toldBy;
}

async function endWhenGone({ logger }: WorkerScope, api: ServerApi, { served, info, actor }: JobRecord): Promise<void> {
  if (!(await isDispatchGone(api, served))) return;
  logger.warn({ jobId: info.id, room: info.roomName }, 'the dispatch of a running job is gone');
  actor?.send({ type: 'job.stop', reason: 'its dispatch was deleted' });
}
