// One run of an entry function: started, kept alive by what it holds, ended once with its shutdown callbacks.
import { type Clock, sleep } from '../../clock.ts';
import { textOf } from '../../errors.ts';
import type { Runtime } from '../../runtime/create-runtime.ts';
import type { Entry } from '../define-worker.ts';
import type { Logger } from '../logger.ts';
import type { AssignedJob, CallbackResult, JobRun, RunReport } from '../runner.ts';
import { serverApi } from '../server/http-server-api.ts';
import type { ServerApi } from '../server/server-api.ts';
import { JobContext, type NamedCallback } from './job-context.ts';

export interface EntryRunOptions {
  readonly job: AssignedJob;
  readonly entry: Entry;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly runtime: Runtime;
  readonly processData: Map<string, unknown>;
  readonly shutdownTimeoutMs: number;
  report(report: RunReport): void;
}

export class EntryRun implements JobRun {
  readonly #options: EntryRunOptions;
  readonly #abort = new AbortController();
  readonly #context: JobContext;
  readonly #over: Promise<void>;
  #held = 0;
  #reason = 'the entry function is over';
  #api: ServerApi | null = null;
  #phase: 'running' | 'finished' | 'stopping' | 'over' = 'running';
  #settle: () => void = () => {};

  constructor(options: EntryRunOptions) {
    this.#options = options;
    const { job, clock, logger, runtime, processData } = options;
    this.#over = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#context = new JobContext({
      job,
      clock,
      logger,
      runtime,
      processData,
      signal: this.#abort.signal,
      onPresence: (state) => options.report({ type: 'job.presence', state }),
      onShutdown: (reason) => this.#finish(reason, null),
      onHold: (held) => this.#hold(held),
      onReason: (reason) => {
        this.#reason = reason;
      },
      api: () => {
        this.#api ??= serverApi({ connection: job.server, clock });
        return this.#api;
      },
    });
  }

  start(): void {
    this.#options.report({ type: 'job.started' });
    // A microtask later, so that even an entry that throws at once is told after its start.
    this.#hold(Promise.resolve().then(() => (this.#phase === 'running' ? this.#options.entry(this.#context) : null)));
  }

  stop(reason: string): void {
    if (this.#phase === 'stopping' || this.#phase === 'over') return;
    this.#phase = 'stopping';
    // Listeners of the signal are the user's; what they throw belongs to them, and Node would end the process for it.
    void Promise.resolve().then(() => this.#abort.abort(new DOMException(reason, 'AbortError')));
    void this.#end(reason);
  }

  kill(): void {
    if (this.#phase === 'over') return;
    this.#phase = 'over';
    this.#abort.abort(new DOMException('killed', 'AbortError'));
    // Nobody counts this job any more, so nothing of it may go on talking.
    this.#context.release('killed').catch((error: unknown) => {
      this.#options.logger.warn({ error: textOf(error) }, 'a job that was let go did not close');
    });
  }

  /** The sessions of the job, each with the identity of whom it talks to. */
  get sessions(): readonly { readonly sessionId: string; readonly participant: string | null }[] {
    return this.#context.sessions;
  }

  presence() {
    return this.#context.presence;
  }

  #hold(held: Promise<unknown>): void {
    this.#held++;
    held.then(
      () => this.#let(null),
      (error: unknown) => this.#let(textOf(error)),
    );
  }

  #let(error: string | null): void {
    this.#held--;
    if (this.#held === 0) this.#settle();
    if (error !== null) this.#finish('the entry function failed', error);
    else if (this.#held === 0) this.#finish(this.#reason, null);
  }

  #finish(reason: string, error: string | null): void {
    if (this.#phase !== 'running') {
      // What breaks because the job is ending is no failure of the job, but somebody may look for it.
      if (error !== null) this.#options.logger.warn({ error }, 'the job threw while it was ending');
      return;
    }
    this.#phase = 'finished';
    this.#options.report({ type: 'job.finished', reason, error });
  }

  async #end(reason: string): Promise<void> {
    const { clock, shutdownTimeoutMs, logger, report } = this.#options;
    const deadline = new AbortController();
    const isLate = sleep(clock, shutdownTimeoutMs, deadline.signal).then(() => 'late' as const);
    const callbacks = await Promise.all(
      this.#context.shutdownCallbacks.map((callback) => this.#callback(callback, reason, isLate)),
    );
    if ((await Promise.race([this.#over, isLate])) === 'late' && this.#held > 0) {
      logger.warn({}, 'the entry function goes on although its job has ended');
    }
    deadline.abort();
    if (this.#phase === 'over') return;
    this.#phase = 'over';
    report({ type: 'job.ended', error: null, callbacks });
  }

  async #callback({ name, run }: NamedCallback, reason: string, isLate: Promise<'late'>): Promise<CallbackResult> {
    const done = (async () => run(reason))().then(
      (): CallbackResult => ({ name, outcome: 'done', error: null }),
      (error: unknown): CallbackResult => ({ name, outcome: 'failed', error: textOf(error) }),
    );
    const result = await Promise.race([done, isLate]);
    return result === 'late' ? { name, outcome: 'timedOut', error: 'did not end in time' } : result;
  }
}
