// What a command reaches of its process; a test hands in its own.

export interface Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface CommandIo {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly env: NodeJS.ProcessEnv;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** For commands that end in two steps: called at the second Ctrl-C, which otherwise ends the process. */
  readonly onSecondSignal?: (listener: () => void) => void;
}
