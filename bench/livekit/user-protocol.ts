// What the driver and the process of the users say to each other. Times are wall time, which all processes share.
import type { Judgement } from './judge.ts';

export type UsersCommand =
  | { readonly type: 'join'; readonly room: string; readonly url: string; readonly token: string }
  /** Every user holds a conversation of so many turns. */
  | { readonly type: 'talk'; readonly turns: number }
  | { readonly type: 'exit' };

export type UsersReport =
  | { readonly type: 'ready' }
  | { readonly type: 'joined'; readonly room: string }
  /** The user got the track of the agent. */
  | { readonly type: 'track'; readonly room: string; readonly atMs: number }
  | { readonly type: 'talked'; readonly judgements: readonly Judgement[]; readonly loopLagP99Ms: number }
  | { readonly type: 'failed'; readonly error: string };
