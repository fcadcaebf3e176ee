// A job whose call outlived its server: the room was opened anew, and the server, which has forgotten the job, asks for another agent.
import type { JobInfo } from '../job/job-info.ts';
import type { JobRecord } from '../job-table.ts';
import type { Presence } from '../runner.ts';

const IN_ROOM: readonly Presence[] = ['joined'];
const SOON_IN_ROOM: readonly Presence[] = ['joined', 'joining', 'lost'];

/** Its agent was in the room that the job stands for: for sure unless the server has opened that one anew. */
export function wasInRoom({ info, served, seenIn }: Pick<JobRecord, 'info' | 'served' | 'seenIn'>): boolean {
  return served.roomSid === info.roomSid || served.roomSid === seenIn;
}

/**
 * The job of this worker that has the room of an offered job, under the sid that the room had before. `isCertain`: only one
 * whose agent is there counts, not one whose agent is on its way.
 */
export function survivorOf(
  jobs: readonly JobRecord[],
  { id, kind, roomName, roomSid }: JobInfo,
  isCertain: boolean,
): JobRecord | undefined {
  const states = isCertain ? IN_ROOM : SOON_IN_ROOM;
  return jobs.find(
    ({ info, phase, served, run, actor }) =>
      kind === 'room' &&
      info.kind === 'room' &&
      info.id !== id &&
      info.roomName === roomName &&
      served.roomSid !== roomSid &&
      phase === 'running' &&
      actor?.getSnapshot().hasTag('rest') === true &&
      run !== null &&
      states.includes(run.presence().state),
  );
}
