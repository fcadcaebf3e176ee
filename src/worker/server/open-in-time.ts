// The deadline of opening a socket.
import type { Clock } from '../../clock.ts';
import { AgentError } from '../../errors.ts';
import { type AgentSocket, UNREACHED } from './agent-socket.ts';

/** TCP, TLS and the upgrade. */
export const OPEN_TIMEOUT_MS = 9_000;

/** The socket, or an error when it takes too long or nobody waits for it any more. One that comes later is closed. */
export async function openInTime(
  open: (left: AbortSignal) => Promise<AgentSocket>,
  signal: AbortSignal,
  clock: Clock,
): Promise<AgentSocket> {
  const left = new AbortController();
  const leave = () => left.abort();
  const timer = clock.setTimeout(leave, OPEN_TIMEOUT_MS);
  signal.addEventListener('abort', leave, { once: true });
  try {
    return await new Promise<AgentSocket>((resolve, reject) => {
      const late = () => reject(new AgentError('ERR_TIMEOUT', 'the server did not open the socket in time', UNREACHED));
      left.signal.addEventListener('abort', late, { once: true });
      if (signal.aborted) leave();
      Promise.resolve(open(left.signal)).then((socket) => {
        if (left.signal.aborted) socket.close();
        else resolve(socket);
      }, reject);
    });
  } finally {
    clock.clearTimeout(timer);
    signal.removeEventListener('abort', leave);
  }
}
