// A worker on a virtual clock with a scripted server, and jobs that a test can end as it likes.
import { seededIds } from '../../src/ids.ts';
import type { Problem } from '../../src/observer.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import { defineWorker, type WorkerOptions } from '../../src/worker/define-worker.ts';
import type { JobContext } from '../../src/worker/job/job-context.ts';
import type { LogFields, Logger } from '../../src/worker/logger.ts';
import { WorkerManager, type WorkerManagerOptions } from '../../src/worker/worker-manager.ts';
import type { JobReport } from '../../src/worker/worker-scope.ts';
import { ScriptedNetwork } from './scripted-network.ts';

export interface OpenJob {
  readonly context: JobContext;
  end(): void;
  fail(error: unknown): void;
}

export interface LogLine extends LogFields {
  readonly level: string;
  readonly message: string;
}

export const CONNECTION = { url: 'wss://lk.test/base', apiKey: 'devkey', apiSecret: 'the-secret-of-the-key' };

export interface TestWorkerOptions extends Omit<Partial<WorkerManagerOptions>, 'clock'> {
  readonly clock?: VirtualClock;
}

export function startTestWorker(given: Partial<WorkerOptions> = {}, options: TestWorkerOptions = {}) {
  const { clock = new VirtualClock() } = options;
  const network = new ScriptedNetwork();
  const jobs = new Map<string, OpenJob>();
  const reports: JobReport[] = [];
  const problems: Problem[] = [];
  const lines: LogLine[] = [];
  const entry = (context: JobContext) =>
    new Promise<void>((resolve, reject) => {
      jobs.set(context.id, { context, end: resolve, fail: reject });
      context.signal.addEventListener('abort', () => resolve());
    });
  const definition = defineWorker({ entry, agentName: 'test-agent', ...given });
  const manager = new WorkerManager(definition, {
    ...CONNECTION,
    ids: seededIds(),
    logger: recorder(lines),
    cpu: () => 0,
    openSocket: network.open,
    onJobReport: (report) => reports.push(report),
    onProblem: (problem) => problems.push(problem),
    ...options,
    clock,
  });
  /** The open job with this number or id; fails when it does not run. */
  const job = (id: string): OpenJob => {
    const found = jobs.get(id);
    if (found === undefined) throw new Error(`job ${id} was not started`);
    return found;
  };
  const offer = async (...ids: string[]) => {
    for (const id of ids) network.server.offer(id);
    await clock.settle({ turns: 3 });
  };
  return {
    clock,
    network,
    manager,
    jobs,
    job,
    offer,
    reports,
    problems,
    lines,
    settle: () => clock.settle({ turns: 5 }),
    start: async () => {
      const started = manager.start();
      await clock.settle({ turns: 5 });
      await started;
    },
    end: async () => {
      const stopped = manager.stop();
      await clock.advance(40_000);
      await stopped;
    },
  };
}

export function recorder(lines: LogLine[], bindings: LogFields = {}): Logger {
  const at = (level: string) => (fields: LogFields, message: string) => {
    lines.push({ ...bindings, ...fields, level, message });
  };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => recorder(lines, { ...bindings, ...fields }),
  };
}
