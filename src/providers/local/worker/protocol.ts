// The messages between a host and its worker; the same over a thread port and over a process channel.

export type ToWorker =
  | { readonly type: 'open'; readonly module: string; readonly options: unknown }
  | { readonly type: 'request'; readonly id: number; readonly payload: unknown }
  | { readonly type: 'probe'; readonly id: number };

export type FromWorker =
  | { readonly type: 'ready' }
  /** What a thread printed; a process has a pipe for it. */
  | { readonly type: 'output'; readonly text: string }
  | { readonly type: 'broken'; readonly message: string }
  | { readonly type: 'emit'; readonly id: number; readonly message: unknown }
  | { readonly type: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly type: 'error'; readonly id: number; readonly message: string };
