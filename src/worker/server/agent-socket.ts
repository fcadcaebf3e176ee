// Contract: one open socket to the agent endpoint of a LiveKit server. The protocol above it knows no network.
import { endpointOf } from '../../transports/livekit/server-url.ts';

export interface SocketTarget {
  /** `ws:` or `wss:`, the path of the agent endpoint included. */
  readonly url: string;
  readonly token: string;
  /** Aborted when nobody waits for the socket any more. */
  readonly signal: AbortSignal;
}

export interface SocketListener {
  onMessage(data: Uint8Array | string): void;
  /** Once, and never after `close` was called. */
  onClosed(why: string): void;
}

export interface AgentSocket {
  /** Never throws; a socket that cannot send closes. */
  send(data: Uint8Array): void;
  /** Idempotent. */
  close(): void;
}

/**
 * Opens a socket. What opens after `signal` was aborted is closed by itself.
 * Rejects with `ERR_WORKER_AUTH` (401, 403) or `ERR_TRANSPORT`; not retryable when the address can never work.
 */
export type OpenSocket = (target: SocketTarget, listener: SocketListener) => Promise<AgentSocket>;

/** The agent endpoint of a server: `https://host/base` -> `wss://host/base/agent`. */
export const agentUrl = (serverUrl: string): string => endpointOf(serverUrl, 'ws', 'agent');

/** What to do about a server that cannot be reached. */
export const UNREACHED = { field: 'url', fix: 'Check LIVEKIT_URL, and that the server runs' };
