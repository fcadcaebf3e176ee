// The two sides that are compared: agents of a worker that the server dispatches to, and the floor.
import { AgentDispatchClient } from 'livekit-server-sdk';
import type { LivekitAccess } from '../../test/livekit/server.ts';
import { tokenFor } from '../../test/livekit/tokens.ts';
import type { BuiltPackage } from './built-package.ts';
import { Child } from './child.ts';
import { familyOf, killAll } from './processes.ts';
import type { SideCommand, SideReport } from './side-protocol.ts';

export interface Side {
  /** Of all its processes. */
  pids(): number[];
  /** Brings an agent into the room; resolves when that was asked for. */
  bring(room: string): Promise<void>;
  stop(): Promise<void>;
}

const READY_MS = 60_000;

export async function startWorker(access: LivekitAccess, { worker, agent }: BuiltPackage): Promise<Side> {
  const { url, apiKey, apiSecret } = access;
  const env = { LIVEKIT_URL: url, LIVEKIT_API_KEY: apiKey, LIVEKIT_API_SECRET: apiSecret };
  const child = new Child<SideCommand, SideReport>(worker, { argv: [agent], env });
  const dispatches = new AgentDispatchClient(url.replace('ws', 'http'), apiKey, apiSecret);
  return sideOf(child, async (room) => void (await dispatches.createDispatch(room, 'bench')));
}

export async function startFloor(access: LivekitAccess): Promise<Side> {
  const child = new Child<SideCommand, SideReport>(new URL('./floor-process.ts', import.meta.url));
  return sideOf(child, async (room) => {
    const token = await tokenFor(access, { identity: 'floor', room, agent: true });
    child.send({ type: 'join', url: access.url, token });
  });
}

async function sideOf(child: Child<SideCommand, SideReport>, bring: Side['bring']): Promise<Side> {
  await child.next('ready', READY_MS);
  return {
    pids: () => familyOf(child.pid),
    bring,
    stop: async () => {
      const family = familyOf(child.pid);
      await child.end({ type: 'exit' });
      // None should be left; one that is must not take part in the next run.
      killAll(family);
    },
  };
}
