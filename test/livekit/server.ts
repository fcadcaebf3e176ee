// A LiveKit server on the loopback interface: the one of LIVEKIT_URL, one from PATH, or one built once with Go.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { defaultCacheDir } from '../../src/providers/local/models/cache-dir.ts';

export interface LivekitAccess {
  readonly url: string;
  readonly apiKey: string;
  readonly apiSecret: string;
}

export interface LivekitServer extends LivekitAccess {
  stop(): Promise<void>;
  /** Kills it and starts it again on the same ports; `whileDown` runs in between. */
  restart(whileDown?: () => Promise<void>): Promise<void>;
}

const VERSION = 'v1.13.5';

/** Path of the server program; building it takes two minutes, once for each machine. */
export function serverProgram(): string {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, 'livekit-server');
    if (folder !== '' && existsSync(path)) return path;
  }
  const folder = join(defaultCacheDir(), 'livekit-server', VERSION);
  const path = join(folder, 'server');
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true });
    const target = `github.com/livekit/livekit-server/cmd/server@${VERSION}`;
    console.log(`building livekit-server ${VERSION} into ${folder}; this takes some minutes, once`);
    // Low priority: it takes every core there is. The usual place of Go is looked in even when PATH does not name it.
    execFileSync('nice', ['-n', '19', 'go', 'install', target], {
      env: { ...process.env, GOBIN: folder, PATH: `${process.env.PATH ?? ''}${delimiter}/usr/local/go/bin` },
      stdio: 'inherit',
    });
  }
  return path;
}

export async function startLivekitServer(): Promise<LivekitServer> {
  const { LIVEKIT_URL, LIVEKIT_API_KEY = 'devkey', LIVEKIT_API_SECRET = 'secret' } = process.env;
  if (LIVEKIT_URL) {
    const given = async () => {};
    return { url: LIVEKIT_URL, apiKey: LIVEKIT_API_KEY, apiSecret: LIVEKIT_API_SECRET, stop: given, restart: given };
  }
  return startOwnServer();
}

/** One that can be restarted, although another one may have been given. */
export async function startOwnServer(): Promise<LivekitServer> {
  const program = serverProgram();
  const [port, udpPort] = [await freeTcpPort(), await freeUdpPort()];
  const access = {
    url: `ws://127.0.0.1:${port}`,
    apiKey: 'devkey',
    apiSecret: 'secret-of-the-tests-with-more-than-32-characters',
  };
  let child = await launch(program, configOf(port, udpPort, access), port);
  return {
    ...access,
    stop: () => end(child),
    restart: async (whileDown) => {
      await end(child);
      await whileDown?.();
      child = await launch(program, configOf(port, udpPort, access), port);
    },
  };
}

/** The explicit address stops STUN look-ups and moves every candidate to loopback; short timeouts end rooms soon. */
function configOf(port: number, udpPort: number, { apiKey, apiSecret }: LivekitAccess): string {
  return JSON.stringify({
    port,
    bind_addresses: ['127.0.0.1'],
    rtc: {
      node_ip: '127.0.0.1',
      udp_port: udpPort,
      tcp_port: 0,
      use_external_ip: false,
      enable_loopback_candidate: true,
      interfaces: { includes: ['lo'] },
      stun_servers: ['127.0.0.1:3478'],
    },
    turn: { enabled: false },
    room: { empty_timeout: 5, departure_timeout: 1 },
    logging: { level: process.env.LIVEKIT_LOG ?? 'error' },
    keys: { [apiKey]: apiSecret },
  });
}

async function launch(program: string, config: string, port: number): Promise<ChildProcess> {
  const child = spawn(program, ['--config-body', config], { stdio: ['ignore', 'inherit', 'inherit'] });
  process.once('exit', () => child.kill('SIGKILL'));
  for (let tries = 0; tries < 200 && child.exitCode === null; tries++) {
    const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
    if (answer?.ok === true) return child;
    await delay(50);
  }
  throw new Error(`livekit-server did not answer on port ${port} (exit code ${child.exitCode})`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL'); // a drain would wait for rooms
  await ended;
}

function freeTcpPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

function freeUdpPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4').once('error', reject);
    socket.bind(0, '127.0.0.1', () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    });
  });
}
