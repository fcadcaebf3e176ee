// A microphone may take a moment to be listened to: after a reconnect, or when the agent is linked to somebody else.
import { vi } from 'vitest';
import type { RemoteUser } from './remote-user.ts';

const TRIES = 6;
/** The tone, the end of the turn, and time for a busy machine. */
const TRY_MS = 3_500;

/** The user says something again and again, until it has the effect. */
export async function speakUntil(user: RemoteUser, isHeard: () => boolean): Promise<void> {
  for (let tries = 0; tries < TRIES; tries++) {
    user.send({ type: 'speak', durationMs: 800, hz: 700 });
    const looked = vi.waitUntil(isHeard, { timeout: TRY_MS });
    if (await looked.catch(() => false)) return;
  }
  throw new Error(`what the user said ${TRIES} times was not heard`);
}
