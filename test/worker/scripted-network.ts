// A network without packets: every socket that a worker opens ends at a scripted server, which may refuse, hang or cut.
import type { AgentSocket, OpenSocket, SocketListener } from '../../src/worker/server/agent-socket.ts';
import { type ServerScript, ServerSide } from './scripted-server.ts';

export class ScriptedNetwork {
  readonly script: ServerScript = {};
  /** One per socket that opened. */
  readonly sockets: ServerSide[] = [];
  readonly tokens: string[] = [];
  readonly urls: string[] = [];
  attempts = 0;
  /** Throws to refuse, or returns a promise that decides. Default: opens. */
  onOpen: () => unknown = () => {};
  #listener: SocketListener | null = null;
  #isOpen = false;

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The server's end of the newest socket. */
  get server(): ServerSide {
    const last = this.sockets.at(-1);
    if (last === undefined) throw new Error('no socket was opened');
    return last;
  }

  readonly open: OpenSocket = async ({ url, token }, listener) => {
    this.attempts++;
    this.urls.push(url);
    this.tokens.push(token);
    await this.onOpen();
    let isOpen = true;
    const server = new ServerSide(this.script, (bytes) => queueMicrotask(() => isOpen && listener.onMessage(bytes)));
    this.sockets.push(server);
    this.#isOpen = true;
    this.#listener = {
      onMessage: (data) => listener.onMessage(data),
      onClosed: (why) => {
        if (!isOpen) return;
        isOpen = false;
        this.#isOpen = false;
        listener.onClosed(why);
      },
    };
    const socket: AgentSocket = {
      send: (bytes) => {
        if (isOpen) server.receive(bytes);
      },
      close: () => {
        if (isOpen) this.#isOpen = false;
        isOpen = false;
      },
    };
    return socket;
  };

  /** The connection breaks. */
  cut(why = 'reset by peer'): void {
    this.#listener?.onClosed(why);
  }

  text(data: string): void {
    this.#listener?.onMessage(data);
  }
}
