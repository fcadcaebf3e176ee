// Runs jobs in the process of the worker: one runtime for all of them, no isolation from native crashes.
import { type Clock, withinMs } from '../clock.ts';
import { AgentError, toAgentError } from '../errors.ts';
import type { Ids } from '../ids.ts';
import { createRuntime, type Runtime } from '../runtime/create-runtime.ts';
import type { WorkerDefinition } from './define-worker.ts';
import { EntryRun } from './job/job-run.ts';
import { runtimeLog } from './job/runtime-log.ts';
import type { LogFields, Logger } from './logger.ts';
import type { AssignedJob, JobRun, JobRunner, RunningSession, RunReport } from './runner.ts';
import { idsOf } from './worker-scope.ts';

export interface InProcessRunnerOptions {
  readonly definition: WorkerDefinition;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
}

export class InProcessRunner implements JobRunner {
  readonly hosts = [];
  readonly #options: InProcessRunnerOptions;
  readonly #runs = new Map<EntryRun, AssignedJob>();
  readonly #processData = new Map<string, unknown>();
  readonly #closed = Promise.withResolvers<'closed'>();
  #runtime: Runtime | null = null;

  constructor(options: InProcessRunnerOptions) {
    this.#options = options;
  }

  /** The runtime of this process. */
  get runtime(): Runtime {
    const { definition, clock, ids, logger } = this.#options;
    // As many sessions as jobs, unless the worker says otherwise.
    const maxSessions = Math.max(100, definition.maxJobs);
    this.#runtime ??= createRuntime({
      clock,
      ids,
      maxSessions,
      ...runtimeLog(logger, (sessionId) => this.#idsOf(sessionId)),
      ...definition.runtime,
    });
    return this.#runtime;
  }

  /** @throws AgentError `ERR_OPTION`, `ERR_WORKER`, `ERR_TIMEOUT` */
  async open(): Promise<void> {
    const { definition, clock } = this.#options;
    // Made now, so that a wrong option of it ends the worker and not its first call.
    void this.runtime;
    const { prewarm, prewarmTimeoutMs } = definition;
    if (prewarm === undefined) return;
    const prewarmed = (async () => {
      await prewarm(this.#processData);
      return 'prewarmed' as const;
    })();
    let end: 'prewarmed' | 'closed' | undefined;
    try {
      end = await withinMs(Promise.race([prewarmed, this.#closed.promise]), prewarmTimeoutMs, clock);
    } catch (error) {
      throw toAgentError(error, 'ERR_WORKER', 'prewarm failed');
    }
    if (end === undefined)
      throw new AgentError('ERR_TIMEOUT', 'prewarm did not end in time', {
        field: 'prewarmTimeoutMs',
        rule: `${prewarmTimeoutMs} ms`,
        fix: 'Raise `prewarmTimeoutMs`, or prewarm less',
      });
  }

  /** The table of jobs is the only limit here. */
  freeSlots(): number {
    return Number.POSITIVE_INFINITY;
  }

  start(job: AssignedJob, report: (report: RunReport) => void): JobRun {
    const { definition, clock, logger } = this.#options;
    const run: EntryRun = new EntryRun({
      job,
      entry: definition.entry,
      clock,
      logger: logger.child(idsOf(job)),
      runtime: this.runtime,
      processData: this.#processData,
      shutdownTimeoutMs: definition.shutdownTimeoutMs,
      report: (said) => {
        if (said.type === 'job.ended') this.#runs.delete(run);
        report(said);
      },
    });
    this.#runs.set(run, job);
    run.start();
    return {
      stop: (reason) => run.stop(reason),
      kill: () => {
        this.#runs.delete(run);
        run.kill();
      },
      presence: () => run.presence(),
    };
  }

  sessions(): readonly RunningSession[] {
    const owners = new Map(
      [...this.#runs].flatMap(([run, { info }]) =>
        run.sessions.map(({ sessionId, participant }) => [sessionId, { info, participant }] as const),
      ),
    );
    return (this.#runtime?.sessions ?? []).map(({ sessionId, agent, state, usage }) => ({
      sessionId,
      jobId: owners.get(sessionId)?.info.id ?? null,
      roomName: owners.get(sessionId)?.info.roomName ?? null,
      participant: owners.get(sessionId)?.participant ?? null,
      agentId: agent.agentId,
      state,
      ...usage,
    }));
  }

  /** Of the job that the session belongs to. */
  #idsOf(sessionId: string): LogFields {
    for (const [run, job] of this.#runs) {
      if (run.sessions.some((each) => each.sessionId === sessionId)) return idsOf(job);
    }
    return {};
  }

  async close(): Promise<void> {
    this.#closed.resolve('closed');
    await this.#runtime?.close('worker closed');
  }
}
