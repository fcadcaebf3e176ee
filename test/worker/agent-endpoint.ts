// The agent endpoint of a LiveKit server on 127.0.0.1: real WebSocket, real protobuf, and faults on demand.
import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { type ServerScript, ServerSide } from './scripted-server.ts';

export interface EndpointScript extends ServerScript {
  /** Takes the TCP connection and never answers the upgrade. */
  silent?: boolean;
  /** Answers the upgrade with this status. */
  status?: number;
  /** The first upgrades are answered like this, one each: with a status, or with half of a response and closed. */
  first?: (number | 'half')[];
}

export class AgentEndpoint {
  readonly script: EndpointScript = {};
  readonly sides: ServerSide[] = [];
  readonly upgrades: IncomingMessage[] = [];
  readonly #secret: string;
  /** What was asked of the API. Every room that is asked for exists, and its dispatch; everything else is answered with nothing. */
  readonly calls: { readonly path: string; readonly body: unknown }[] = [];
  readonly #http = createServer((request, response) => {
    const path = request.url ?? '';
    if (!path.startsWith('/twirp/')) return void response.writeHead(404).end();
    let text = '';
    request.on('data', (data) => {
      text += data;
    });
    request.on('end', () => {
      const body = JSON.parse(text);
      this.calls.push({ path, body });
      const rooms = (body.names ?? []).map((name: string) => ({ name }));
      // As `ServerSide` names the rooms and dispatches of its jobs.
      const agentDispatches = [{ id: `AD_${body.room?.replace('room-of-', '')}`, room: body.room }];
      const answers = { ListRooms: { rooms }, ListDispatch: { agentDispatches } };
      const answer = Object.entries(answers).find(([method]) => path.endsWith(`/${method}`))?.[1] ?? {};
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    });
  });
  readonly #ws = new WebSocketServer({ noServer: true });
  readonly #sockets: WebSocket[] = [];
  readonly #tcp = new Set<Socket>();

  constructor(secret: string) {
    this.#secret = secret;
    this.#http.on('connection', (socket) => {
      this.#tcp.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.#tcp.delete(socket));
    });
    this.#http.on('upgrade', (request, socket: Socket, head) => {
      this.upgrades.push(request);
      const refuse = (status: number) =>
        socket.end(`HTTP/1.1 ${status} No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      if (this.script.silent) return;
      const answer = this.script.first?.shift() ?? this.script.status;
      if (answer === 'half') return void socket.end('HTTP/1.1 101 Swi');
      if (answer !== undefined) return refuse(answer);
      if (request.url !== '/agent') return refuse(404);
      if (!this.#isSigned(request.headers.authorization)) return refuse(401);
      this.#ws.handleUpgrade(request, socket, head, (ws) => this.#accept(ws));
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#http.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`; // listens on TCP
  }

  get side(): ServerSide {
    const last = this.sides.at(-1);
    if (last === undefined) throw new Error('no worker has connected');
    return last;
  }

  /** Of registered workers. */
  get openSockets(): number {
    return this.#sockets.filter(({ readyState, OPEN }) => readyState === OPEN).length;
  }

  /** Bytes on the TCP connection itself, below the WebSocket. */
  writeRaw(bytes: Uint8Array): void {
    for (const socket of this.#tcp) socket.write(bytes);
  }

  sendText(text: string): void {
    this.#sockets.at(-1)?.send(text);
  }

  /** RST instead of a goodbye. */
  reset(): void {
    for (const socket of this.#tcp) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    for (const socket of this.#tcp) socket.destroy();
    await new Promise((resolve) => this.#http.close(resolve));
  }

  #accept(ws: WebSocket): void {
    this.#sockets.push(ws);
    const side = new ServerSide(this.script, (bytes) => ws.send(bytes));
    this.sides.push(side);
    ws.on('error', () => {});
    ws.on('message', (data) => side.receive(data as Buffer)); // ws delivers Buffers unless told otherwise
  }

  #isSigned(header = ''): boolean {
    const [head, body, signature] = header.replace(/^Bearer /, '').split('.');
    const expected = createHmac('sha256', this.#secret).update(`${head}.${body}`).digest('base64url');
    if (signature !== expected) return false;
    const claims: unknown = JSON.parse(Buffer.from(body ?? '', 'base64url').toString());
    return (claims as { video?: { agent?: boolean } }).video?.agent === true; // written by the token under test
  }
}
