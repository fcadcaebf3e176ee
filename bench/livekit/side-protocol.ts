// What the driver and a side say to each other.

export type SideCommand =
  /** To the floor only: a worker is dispatched to by the server. */
  { readonly type: 'join'; readonly url: string; readonly token: string } | { readonly type: 'exit' };

export type SideReport = { readonly type: 'ready' } | { readonly type: 'failed'; readonly error: string };
