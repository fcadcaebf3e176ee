// What a worker makes of a termination: the server sends one whenever an agent leaves its room, also one that comes back.
import type { JobRun } from '../runner.ts';

/** An agent whose connection was made anew is back within a second or two. */
export const RECHECK_MS = 4_000;
/** Longer than all attempts of a session (5) or of a job (3) to join again, at most 10 s each, with the pauses between them. */
const REJOIN_MS = 60_000;

type Seen = ReturnType<JobRun['presence']>;

/** Sure is the end of an agent that was never in the room, and of one that was sent away for good. */
export function isDoubtful(seen: Seen | undefined): boolean {
  return seen !== undefined && seen.state !== 'none' && seen.state !== 'removed';
}

/** `left`: by itself, and the job has something else to do. `away`: it may still come back; `lost`: it has not. */
export type SecondLook = 'inRoom' | 'left' | 'away' | 'lost' | 'removed';

export function lookAgain(seen: Seen | undefined, nowMs: number): SecondLook {
  switch (seen?.state) {
    case 'joined':
      return 'inRoom';
    case 'left':
      return 'left';
    case 'joining':
    case 'lost':
      return nowMs - seen.sinceMs >= REJOIN_MS ? 'lost' : 'away';
    default:
      return 'removed';
  }
}
