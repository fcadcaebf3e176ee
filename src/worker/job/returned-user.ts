// A participant who was cut off and is back: the server makes another job for them, although the first one has waited.
import { sleep } from '../../clock.ts';
import type { JobRecord } from '../job-table.ts';
import type { WorkerScope } from '../worker-scope.ts';
import type { JobInfo } from './job-info.ts';

/** What the answer to such an offer may take: the session of somebody who left closes within 1 s, and its job ends. */
export const RETURN_CHECK_MS = 1_500;
const LOOK_EVERY_MS = 100;

type Scope = Pick<WorkerScope, 'jobs' | 'runner' | 'clock'>;

/** The job here that has a session for the participant of this job, and its agent in the room or on its way. */
export function withSessionFor({ jobs, runner }: Scope, offered: JobInfo): JobRecord | undefined {
  const { id, kind, roomName, roomSid, dispatchId, participant } = offered;
  if (participant === null) return undefined;
  const others = jobs.list().filter(({ info, phase, actor, run }) => {
    const isSame =
      info.id !== id &&
      info.kind === kind &&
      // After a restart of the server the room has another sid, and its dispatches are others. Without one, another dispatch
      // asks for another agent.
      info.roomName === roomName &&
      (info.dispatchId === dispatchId || info.roomSid !== roomSid) &&
      info.participant?.identity === participant.identity;
    const state = run?.presence().state;
    const isThere = state === 'joined' || state === 'joining' || state === 'lost';
    return isSame && phase === 'running' && isThere && actor?.getSnapshot().hasTag('rest') === true;
  });
  // One that was linked to somebody else is not theirs any more.
  const talksTo = (identity: string | null | undefined) => (identity ?? participant.identity) === participant.identity;
  const sessions = runner.sessions().filter((session) => talksTo(session.participant));
  return others.find(({ info }) => sessions.some(({ jobId }) => jobId === info.id));
}

/** That job when its session does not end in a moment: it goes on with the participant, and a second agent would talk over it. */
export async function awaitedBy(scope: Scope, info: JobInfo): Promise<JobRecord | undefined> {
  for (let waitedMs = 0; ; waitedMs += LOOK_EVERY_MS) {
    const record = withSessionFor(scope, info);
    if (record === undefined || waitedMs >= RETURN_CHECK_MS - LOOK_EVERY_MS) return record;
    await sleep(scope.clock, LOOK_EVERY_MS);
  }
}
