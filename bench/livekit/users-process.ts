// All users of a run, in a process of their own, so that their work is not taken for the agent's.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { dispose } from '@livekit/rtc-node';
import { BenchUser } from './user.ts';
import type { UsersCommand, UsersReport } from './user-protocol.ts';

const users: BenchUser[] = [];
const lag = monitorEventLoopDelay({ resolution: 10 });
/** Users begin this far apart, or all of them would speak at once. */
const PHASE_MS = 370;

const tell = (report: UsersReport) => process.send?.(report);
const wallMs = () => performance.timeOrigin + performance.now();

async function run(command: UsersCommand): Promise<void> {
  switch (command.type) {
    case 'join': {
      const { room, url, token } = command;
      const user = new BenchUser();
      users.push(user);
      await user.join(url, token, () => tell({ type: 'track', room, atMs: wallMs() }));
      tell({ type: 'joined', room });
      return;
    }
    case 'talk': {
      lag.enable();
      const talks = users.map(async (user, i) => {
        await delay(i * PHASE_MS);
        return user.talk(command.turns);
      });
      const judgements = await Promise.all(talks);
      tell({ type: 'talked', judgements, loopLagP99Ms: Math.max(0, lag.percentile(99) / 1e6 - 10) });
      return;
    }
    case 'exit':
      await Promise.all(users.map((user) => user.leave().catch(() => {})));
      await dispose();
      process.exit(0);
  }
}

process.on('message', (message) => {
  run(message as UsersCommand).catch((error: unknown) => tell({ type: 'failed', error: String(error) })); // sent by measure.ts only
});
process.on('disconnect', () => process.exit(0));
tell({ type: 'ready' });
