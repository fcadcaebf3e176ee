// What a command reaches of its process; a test hands in its own.

export interface Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** What a process that runs `start` is told over its channel. */
export type WorkerOrder =
  /** Take no more calls, end with the last one. */
  | 'drain'
  /** Have the calls dispatched to another worker, and end. */
  | 'handOver'
  /** End the calls, and end. */
  | 'stop';

/** What a process that runs `start` tells over its channel. */
export type WorkerNews =
  /** It takes calls, for the first time. */
  | { readonly type: 'ready' }
  /** It cannot run because of its code; the line for the person at the terminal was written. */
  | { readonly type: 'fault' };

export interface CommandIo {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly env: NodeJS.ProcessEnv;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** For commands that end in two steps: called at the second Ctrl-C, which otherwise ends the process. */
  readonly onSecondSignal?: (listener: () => void) => void;
  /** To the process that started this one, if it opened a channel. */
  readonly tell?: (news: WorkerNews) => void;
  readonly onOrder?: (listener: (order: WorkerOrder) => void) => void;
}
