// What a test waits for in the reports of a user.
import type { UserReport } from './user-protocol.ts';

type Of<Type extends UserReport['type']> = Extract<UserReport, { type: Type }>;

/** A whole final transcript in the name of a participant. */
export const isFinalOf =
  (identity: string) =>
  (report: UserReport): report is Of<'transcript'> =>
    report.type === 'transcript' &&
    report.identity === identity &&
    report.isClosed &&
    report.attributes['lk.transcription_final'] === 'true';

/** Sound from the room began or ended. */
export const isSound =
  (on: boolean) =>
  (report: UserReport): report is Of<'sound'> =>
    report.type === 'sound' && report.on === on;

/** What was heard from index `from` on, in ms of sound; a sound that goes on does not count yet. */
export function heardMs(reports: readonly UserReport[], from = 0): number {
  let sumMs = 0;
  let beganMs: number | null = null;
  for (const report of reports.slice(from)) {
    if (isSound(true)(report)) beganMs = report.positionMs;
    if (!isSound(false)(report) || beganMs === null) continue;
    sumMs += report.positionMs - beganMs;
    beganMs = null;
  }
  return sumMs;
}

/** Whether nothing sounds at the end of these reports. */
export const isSilent = (reports: readonly UserReport[]): boolean =>
  reports.findLast((report) => report.type === 'sound')?.on !== true;
