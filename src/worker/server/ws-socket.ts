// The agent socket over a real WebSocket.
import type { IncomingMessage } from 'node:http';
import { type ClientOptions, WebSocket } from 'ws';
import { AgentError, textOf } from '../../errors.ts';
import {
  type AgentSocket,
  type OpenSocket,
  type SocketListener,
  type SocketTarget,
  UNREACHED,
} from './agent-socket.ts';
import { refusedKey } from './connection-options.ts';

/** A job carries metadata of at most some kilobytes; more than this is not a message of the agent protocol. */
const MAX_MESSAGE_BYTES = 1_048_576;
/** Unsent bytes after which the peer counts as gone: it has not read for minutes. */
const MAX_BUFFERED_BYTES = 1_048_576;
/** The library's own is 30 s. What a living peer needs to answer is one way there and back. */
const CLOSE_TIMEOUT_MS = 1_000;

export const openWebSocket: OpenSocket = ({ url, token, signal }: SocketTarget, listener: SocketListener) =>
  new Promise<AgentSocket>((resolve, reject) => {
    let phase: 'opening' | 'open' | 'closed' = 'opening';
    // Its types do not know `closeTimeout` yet.
    const options: ClientOptions & { readonly closeTimeout: number } = {
      headers: { authorization: `Bearer ${token}` },
      maxPayload: MAX_MESSAGE_BYTES,
      perMessageDeflate: false,
      followRedirects: false,
      // A peer that never answers the closing frame must not keep the process alive.
      closeTimeout: CLOSE_TIMEOUT_MS,
    };
    const socket = new WebSocket(url, options);
    const end = (error: AgentError) => {
      const before = phase;
      phase = 'closed';
      signal.removeEventListener('abort', abandon);
      socket.terminate();
      if (before === 'opening') reject(error);
      else if (before === 'open') listener.onClosed(error.message);
    };
    const abandon = () => {
      if (phase === 'opening')
        end(new AgentError('ERR_TIMEOUT', 'the server did not open the socket in time', UNREACHED));
    };
    // A terminated socket may still report an error; without a listener that would end the process.
    socket.on('error', (error) => {
      if (phase === 'opening') end(unreachable(error));
      else end(failure(textOf(error), error));
    });
    socket.on('unexpected-response', (_request, response) => {
      response.resume();
      end(refusal(response));
    });
    socket.on('close', (code) => end(failure(`the socket was closed (${code})`)));
    socket.on('message', (data, isBinary) => {
      if (phase === 'open') listener.onMessage(isBinary ? bytesOf(data) : String(data));
    });
    socket.on('open', () => {
      if (phase !== 'opening') return;
      phase = 'open';
      signal.removeEventListener('abort', abandon);
      resolve({
        send: (bytes) => {
          if (phase !== 'open') return;
          if (socket.bufferedAmount > MAX_BUFFERED_BYTES) end(failure('the server does not read'));
          else socket.send(bytes, () => {}); // a failed send is followed by `close`
        },
        close: () => {
          if (phase !== 'open') return;
          phase = 'closed';
          socket.close(1000);
        },
      });
    });
    signal.addEventListener('abort', abandon, { once: true });
    if (signal.aborted) abandon();
  });

function refusal({ statusCode = 0 }: IncomingMessage): AgentError {
  if (statusCode === 401 || statusCode === 403) return refusedKey('registration', statusCode);
  const isHopeless = statusCode === 404;
  return new AgentError('ERR_TRANSPORT', `the server answered ${statusCode} instead of opening a socket`, {
    retryable: !isHopeless,
    ...(isHopeless && { field: 'url', fix: 'Check LIVEKIT_URL: there is no LiveKit agent endpoint at this address' }),
  });
}

function unreachable(cause: Error): AgentError {
  return new AgentError('ERR_TRANSPORT', `the server cannot be reached: ${textOf(cause)}`, { ...UNREACHED, cause });
}

function failure(message: string, cause?: unknown): AgentError {
  return new AgentError('ERR_TRANSPORT', message, { cause });
}

function bytesOf(data: Buffer | ArrayBuffer | Buffer[]): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}
