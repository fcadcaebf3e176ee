// Entry of a host process: runs the jobs that the pool sends, and outlives a worker that was killed until they are over.
import { pathToFileURL } from 'node:url';
import { realClock, sleep } from '../../clock.ts';
import { textOf } from '../../errors.ts';
import { randomIds } from '../../ids.ts';
import { LOG_LEVELS } from '../../observer.ts';
import { disposeLivekit } from '../../transports/livekit/index.ts';
import { loadRtc } from '../../transports/livekit/rtc.ts';
import { isWorker } from '../define-worker.ts';
import { LoopLag } from '../health/loop-lag.ts';
import { InProcessRunner } from '../in-process-runner.ts';
import { pinoLogger } from '../logger.ts';
import { hasReconciler } from '../reconciler/has-reconciler.ts';
import { releaseRoom } from '../reconciler/release.ts';
import type { AssignedJob, JobRun, RunReport } from '../runner.ts';
import { serverApi } from '../server/http-server-api.ts';
import { BEAT_EVERY_MS, type FromHost, type ToHost } from './host-link.ts';
import { rehearse } from './rehearsal.ts';

/** For the goodbyes to the rooms; less than the pool waits before it kills. */
const LEAVE_MS = 3_000;
const [file = '', logLevel] = process.argv.slice(2);
const runs = new Map<string, JobRun>();
let isLeaving = false;
/** Rooms whose end the server is being told. */
let releases = 0;

// Ctrl-C reaches every process of the terminal; how the calls end is the worker's affair.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

const say = (message: FromHost) => {
  if (process.connected) process.send?.(message, () => {});
};

const leaveWhenIdle = () => {
  if (!isLeaving || runs.size > 0 || releases > 0) return;
  // Without a goodbye the server would keep the agents in their rooms for half a minute.
  void Promise.race([disposeLivekit(), sleep(realClock, LEAVE_MS)]).then(() => process.exit(0));
};

// The worker is gone: what runs goes on to its end, then nobody needs this process.
process.on('disconnect', () => {
  isLeaving = true;
  for (const [jobId, run] of runs) if (ending.has(jobId)) run.stop('the worker is gone');
  leaveWhenIdle();
});

const ending = new Set<string>();

try {
  const { default: worker } = (await import(pathToFileURL(file).href)) as { default?: unknown };
  if (!isWorker(worker)) throw new Error(`${file} exports no worker by default`);
  const level = LOG_LEVELS.find((each) => each === logLevel) ?? 'info';
  const logger = pinoLogger({ level }).child({ pid: process.pid });
  const runner = new InProcessRunner({ definition: worker, clock: realClock, ids: randomIds, logger });
  // The first call must not wait for the library to load; where it cannot be loaded a call says so itself.
  await Promise.all([runner.open(), loadRtc().catch(() => {})]);
  await rehearse().catch((error) => logger.warn({ error: textOf(error) }, 'the rehearsal failed'));
  // What the worker would do: a room that is over must not look to the other workers like one that lost its agent.
  const release = async ({ info: { kind, dispatchId, roomName }, server }: AssignedJob) => {
    if (kind !== 'room' || dispatchId === '' || !hasReconciler(worker)) return;
    releases++;
    const api = serverApi({ connection: server, clock: realClock });
    await releaseRoom({ api, clock: realClock, logger, dispatchId, roomName });
    releases--;
    leaveWhenIdle();
  };
  const report = (job: AssignedJob, said: RunReport) => {
    const jobId = job.info.id;
    // With the worker gone nobody says stop after the entry function is over.
    if (said.type === 'job.finished') {
      ending.add(jobId);
      if (!process.connected) {
        queueMicrotask(() => runs.get(jobId)?.stop(said.reason));
        if (said.error === null) void release(job);
      }
    }
    say({ type: 'report', jobId, report: said });
    if (said.type !== 'job.ended') return;
    runs.delete(jobId);
    ending.delete(jobId);
    leaveWhenIdle();
  };
  process.on('message', (message: ToHost) => {
    switch (message.type) {
      case 'start': {
        const jobId = message.job.info.id;
        runs.set(
          jobId,
          runner.start(message.job, (said) => report(message.job, said)),
        );
        return;
      }
      case 'stop':
        runs.get(message.jobId)?.stop(message.reason);
        return;
      case 'kill':
        runs.get(message.jobId)?.kill();
        runs.delete(message.jobId);
        ending.delete(message.jobId);
        leaveWhenIdle();
        return;
      case 'leave':
        isLeaving = true;
        leaveWhenIdle();
        return;
    }
  });
  const lag = new LoopLag();
  lag.start();
  const beat = () => {
    say({ type: 'beat', rssBytes: process.memoryUsage.rss(), loopLag: lag.read(), sessions: runner.sessions() });
    lag.reset();
    realClock.setTimeout(beat, BEAT_EVERY_MS);
  };
  say({ type: 'ready' });
  beat();
} catch (error) {
  say({ type: 'failed', error: textOf(error) });
  process.exitCode = 1;
  process.disconnect?.();
}
