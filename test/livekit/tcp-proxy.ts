// A wire between the agent and the server that a test can cut and mend.
import { createServer, type Socket, connect as tcpConnect } from 'node:net';
import { ServerWords } from './server-words.ts';

export interface TcpProxy {
  readonly url: string;
  /** Ends every connection and takes no new one. */
  cut(): void;
  mend(): void;
  /** Bytes are held back, in both directions; what is open stays open. */
  stall(): void;
  /** What was held back arrives, in order. */
  flow(): void;
  /** Nothing that the server says in the rooms that are joined comes through any more; its signs of life do. */
  deafen(): void;
  /** From now on every byte arrives so much later. 0: at once. */
  slow(delayMs: number): void;
  close(): Promise<void>;
}

export async function startTcpProxy(target: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let isCut = false;
  let isStalled = false;
  let delayMs = 0;
  const pumps = new Set<() => void>();
  const rooms = new Set<ServerWords>();
  const server = createServer((near) => {
    if (isCut) {
      near.destroy();
      return;
    }
    const far = tcpConnect(Number(port), hostname);
    const words = new ServerWords();
    near.once('data', (bytes) => {
      if (bytes.subarray(0, 8).toString() === 'GET /rtc') rooms.add(words);
    });
    near.on('close', () => rooms.delete(words));
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      const waiting: { readonly bytes: Buffer; readonly dueMs: number }[] = [];
      const pump = () => {
        for (let next = waiting[0]; next !== undefined && !isStalled; next = waiting[0]) {
          const leftMs = next.dueMs - Date.now();
          if (leftMs > 0) return void setTimeout(pump, leftMs);
          waiting.shift();
          if (!to.destroyed) to.write(next.bytes);
        }
      };
      pumps.add(pump);
      from.on('data', (bytes) => {
        const passed = from === far && rooms.has(words) ? words.take(bytes) : Buffer.from(bytes);
        waiting.push({ bytes: passed, dueMs: Date.now() + delayMs });
        pump();
      });
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        pumps.delete(pump);
        setTimeout(() => to.destroy(), delayMs); // what is on its way arrives
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const own = typeof address === 'object' && address !== null ? address.port : 0;
  const cut = () => {
    isCut = true;
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `ws://127.0.0.1:${own}`,
    cut,
    mend: () => {
      isCut = false;
    },
    stall: () => {
      isStalled = true;
    },
    flow: () => {
      isStalled = false;
      for (const pump of pumps) pump();
    },
    deafen: () => {
      for (const words of rooms) words.isSwallowed = true;
    },
    slow: (ms) => {
      delayMs = ms;
    },
    close: () => {
      cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
