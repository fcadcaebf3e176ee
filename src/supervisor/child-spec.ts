// What a child is: how it starts, when it is restarted, how it is stopped.
import type { AnyActorLogic, AnyActorRef } from 'xstate';
import type { ExitReason } from './exit-reason.ts';

export type Strategy = 'one_for_one' | 'one_for_all' | 'rest_for_one';
export type RestartType = 'permanent' | 'transient' | 'temporary';
export type ChildType = 'worker' | 'supervisor';
export type AutoShutdown = 'never' | 'any_significant' | 'all_significant';
/** `brutal_kill`: stopped without asking. A number: asked, and killed after that many milliseconds. `infinity`: asked. */
export type Shutdown = 'brutal_kill' | 'infinity' | number;

export interface StartContext<Input> {
  /** The input of the supervisor itself, so that one list of specs serves thousands of supervisors. */
  readonly input: Input;
  /** 0 for the first start of this child, then counting every start, also those that failed. */
  readonly attempt: number;
  /** How the incarnation before this one ended; undefined at the first start. */
  readonly lastExit: ExitReason | undefined;
  /** What the child last passed to `saveCheckpoint`; needs `checkpoint: true` in the spec. */
  readonly checkpoint: unknown;
}

/** Any actor logic. xstate's own type for it cannot be met by all of its logics under exact optional properties. */
export type ChildLogic = Pick<AnyActorLogic, 'transition' | 'getInitialSnapshot'>;

export interface StartedChild {
  readonly logic: ChildLogic;
  readonly input?: unknown;
  /** Registers the child under this name in the supervisor's registry until it ends; a taken name fails the start. */
  readonly name?: string;
  /** Returned to callers of `startChild` and `restartChild` only; never stored. */
  readonly info?: unknown;
  /** Called between creation and start of the actor: the place to subscribe. A throw fails the start. */
  onSpawn?(ref: AnyActorRef): void;
}

/** Waits between restarts that follow each other. Delay n is `initialMs * factor^n`, at most `maxMs`, less the jitter. */
export interface Backoff {
  /** Milliseconds before the first retry, > 0. */
  readonly initialMs: number;
  /** Upper bound in milliseconds. Default 30 000. */
  readonly maxMs?: number;
  /** Growth per retry, >= 1. Default 2. */
  readonly factor?: number;
  /** Share of the delay that is random, 0 to 1. Default 0.2; 0 turns it off. */
  readonly jitter?: number;
  /** A child that ran for this many milliseconds starts its delays over. Default `maxMs`. */
  readonly resetMs?: number;
}

// `Input` defaults to any, as only the supervisor that uses the spec knows its own input.
// biome-ignore lint/suspicious/noExplicitAny: a spec for any supervisor must fit supervisors of every input
export interface ChildSpec<Input = any> {
  /** Unique within a static supervisor; a dynamic one allows the same id many times. */
  readonly id: string;
  /** Default `worker`. */
  readonly type?: ChildType;
  /** Default `permanent`; in a dynamic supervisor too. */
  readonly restart?: RestartType;
  /** Default 5 000 ms for workers and `infinity` for supervisors. */
  readonly shutdown?: Shutdown;
  /** Its own orderly end may end the supervisor, see `autoShutdown`. Default false. */
  readonly significant?: boolean;
  /** Says what to start. Runs inside the supervisor and synchronously; a throw is a failed start. */
  start(context: StartContext<Input>): StartedChild | 'ignore';
  /** The child counts as started only when this is true of its snapshot; later siblings wait. Default: at once. */
  // biome-ignore lint/suspicious/noExplicitAny: the snapshot is that of whatever logic `start` returned
  readonly ready?: (snapshot: any) => boolean;
  /** Deadline of `ready` in milliseconds, > 0. Default none. Missing it fails the start. */
  readonly startTimeoutMs?: number;
  /** Delays restarts of this child. Default: restarted at once, as OTP does. */
  readonly backoff?: Backoff;
  /** Keeps what the child passes to `saveCheckpoint` for its next incarnation. Default false. */
  readonly checkpoint?: boolean;
}

/** A spec with its defaults filled in. */
// biome-ignore lint/suspicious/noExplicitAny: see ChildSpec
export interface FullChildSpec<Input = any> extends ChildSpec<Input> {
  readonly type: ChildType;
  readonly restart: RestartType;
  readonly shutdown: Shutdown;
  readonly significant: boolean;
}
