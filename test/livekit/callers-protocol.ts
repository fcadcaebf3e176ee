// What a test and a process that carries several callers say to each other.
import type { HeardFact } from './room-user.ts';

export type CallerCommand =
  | { readonly type: 'join'; readonly room: string; readonly url: string; readonly token: string }
  /** A sine through the microphone. */
  | { readonly type: 'speak'; readonly room: string; readonly durationMs: number; readonly hz: number }
  | { readonly type: 'leave'; readonly room: string }
  | { readonly type: 'exit' };

export type CallerFact =
  | { readonly type: 'joined' }
  /** Somebody came, or was there already. */
  | { readonly type: 'came'; readonly identity: string }
  | { readonly type: 'went'; readonly identity: string }
  | HeardFact
  /** What the agent shows of itself: listening, thinking, ... */
  | { readonly type: 'state'; readonly identity: string; readonly state: string }
  /** The last 20 ms of a tone were handed over. */
  | { readonly type: 'said' }
  /** Out of the room, on purpose or not. */
  | { readonly type: 'left'; readonly reason: number }
  | { readonly type: 'failed'; readonly command: string; readonly message: string };

export type CallerReport = { readonly type: 'ready' } | ({ readonly room: string; readonly atMs: number } & CallerFact);
