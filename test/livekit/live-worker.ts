// A worker in this process against the real server, with an entry function of the test, and users in processes of their own.
import { inject, vi } from 'vitest';
import { realClock } from '../../src/clock.ts';
import { type defineWorker as Define, defineWorker } from '../../src/worker/define-worker.ts';
import type { JobContext, WorkerOptions } from '../../src/worker/index.ts';
import type { JobRunner } from '../../src/worker/runner.ts';
import { serverApi } from '../../src/worker/server/http-server-api.ts';
import type { ServerApi } from '../../src/worker/server/server-api.ts';
import { WorkerManager } from '../../src/worker/worker-manager.ts';
import type { JobReport } from '../../src/worker/worker-scope.ts';
import { ANSWER } from './call.ts';
import { RemoteUser } from './remote-user.ts';
import { type TokenOptions, tokenFor } from './tokens.ts';
import { toneProviders } from './tone-providers.ts';

let count = 0;

export interface LiveWorker {
  readonly name: string;
  readonly api: ServerApi;
  readonly jobs: readonly JobContext[];
  readonly reports: readonly JobReport[];
  /** A room of its own. */
  room(): string;
  user(room: string, identity: string, token?: Partial<TokenOptions>): Promise<RemoteUser>;
  /** Resolves when its job has been started. */
  dispatch(room: string): Promise<JobContext>;
  reported(limitMs?: number): Promise<JobReport>;
  end(): Promise<void>;
}

export async function startLiveWorker(
  entry: (job: JobContext) => unknown,
  options: Partial<Parameters<typeof Define>[0]> = {},
  /** Where its jobs run. Default: in this process. */
  runner?: JobRunner,
): Promise<LiveWorker> {
  const access = inject('livekit');
  const name = options.agentName ?? `live-${process.pid}-${++count}`;
  const api = serverApi({ connection: access, clock: realClock });
  const users: RemoteUser[] = [];
  const jobs: JobContext[] = [];
  const reports: JobReport[] = [];
  const given: WorkerOptions = {
    agentName: name,
    entry: (job) => {
      jobs.push(job);
      return entry(job);
    },
    runtime: {
      providers: toneProviders(() => ({ text: ANSWER, firstTokenMs: 0, durationMs: 0 })),
      session: { endpointing: { minDelayMs: 0 } },
    },
    ...options,
  };
  const manager = new WorkerManager(defineWorker(given), {
    ...access,
    // A worker on a machine in full use is offered nothing, and tests make machines busy.
    cpu: () => 0,
    ...(runner !== undefined && { runner }),
    onJobReport: (report) => reports.push(report),
  });
  await manager.start();
  await manager.available();
  return {
    name,
    api,
    jobs,
    reports,
    room: () => `live-${process.pid}-${++count}`,
    user: async (room, identity, token = {}) => {
      const user = new RemoteUser();
      users.push(user);
      await user.join(access.url, await tokenFor(access, { identity, room, ...token }));
      return user;
    },
    dispatch: async (roomName) => {
      const before = jobs.length;
      await api.createDispatch({ roomName, agentName: name });
      return vi.waitFor(
        () => {
          const job = jobs[before];
          if (job === undefined) throw new Error('no job was started');
          return job;
        },
        { timeout: 10_000 },
      );
    },
    reported: (limitMs = 10_000) =>
      vi.waitFor(
        () => {
          const [report] = reports;
          if (report === undefined) throw new Error('no job was reported');
          return report;
        },
        { timeout: limitMs },
      ),
    end: async () => {
      await Promise.all(users.map((user) => user.end()));
      await manager.stop();
    },
  };
}
