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
