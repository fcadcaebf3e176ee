// A session that is for one participant ends when that one stays away: nobody else will ever talk to it.
import type { Clock } from '../../clock.ts';
import type { JobParticipants } from './job-participants.ts';

/** Long enough for a telephone in a tunnel; shorter than anybody listens to a room without a word. */
const RETURN_WITHIN_MS = 30_000;

/** Calls `onAbsent` once when `identity` is not in the room for so long. Returns a function that stops it. */
export function watchAbsence(
  { participants, clock }: { readonly participants: JobParticipants; readonly clock: Clock },
  identity: string,
  onAbsent: () => void,
): () => void {
  let timer: unknown;
  const away = () => {
    clock.clearTimeout(timer);
    timer = clock.setTimeout(() => {
      stop();
      onAbsent();
    }, RETURN_WITHIN_MS);
  };
  away();
  const leave = participants.listen({
    joined: (participant) => {
      if (participant.identity === identity) clock.clearTimeout(timer);
    },
    left: (participant) => {
      if (participant.identity === identity) away();
    },
  });
  const stop = () => {
    clock.clearTimeout(timer);
    leave();
  };
  return stop;
}
