// Our side as a process: what `livekitex-agent start` runs, a worker with a pool of hosts and a health server.
import { globalTools, randomIds, realClock } from 'livekitex-agent';
import { forkHost, HealthServer, HostPool, pinoLogger, WorkerManager } from 'livekitex-agent/worker';
import worker from './agent.ts';
import type { SideCommand, SideReport } from './side-protocol.ts';

const tell = (report: SideReport) => process.send?.(report);

const LEVEL = 'warn';
const logger = pinoLogger({ level: LEVEL });
const [file = ''] = process.argv.slice(2);
const { maxJobs } = worker;
const manager = new WorkerManager(worker, {
  runner: new HostPool({ fork: forkHost(file, LEVEL), clock: realClock, ids: randomIds, logger, maxJobs }),
  logger,
});
const health = new HealthServer({ source: manager, tools: () => globalTools.list(), port: 0, logger });

process.on('message', async (message) => {
  if ((message as SideCommand).type !== 'exit') return; // sent by sides.ts only
  await manager.stop();
  await health.close();
  process.exit(0);
});
process.on('disconnect', () => process.exit(0));

try {
  await health.start();
  await manager.start();
  await manager.available();
  tell({ type: 'ready' });
} catch (error) {
  tell({ type: 'failed', error: String(error) });
}
