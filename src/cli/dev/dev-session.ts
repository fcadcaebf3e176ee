// The worker processes of one `dev`: a new one for each change, the one before goes when the new one takes calls.
import type { Clock } from '../../clock.ts';
import type { WorkerNews } from '../terminal-io.ts';
import type { WorkerChild, WorkerListener } from './worker-child.ts';

export interface DevSessionOptions {
  readonly clock: Clock;
  /** Starts a worker process. */
  spawn(listener: WorkerListener): WorkerChild;
  /** What happens to running calls at a reload: the new code takes them over, or the old code ends them. */
  readonly calls: 'move' | 'keep';
  /** One line for the person at the terminal. */
  say(text: string): void;
  /** The session is over. */
  onEnd(exitCode: number): void;
}

/** Shutdown callbacks have their own deadline; what is not gone then is stuck. */
const STOP_MS = 15_000;

interface Running {
  readonly child: WorkerChild;
  /** It could not start because of its code: a change can help. */
  isFaulty: boolean;
}

export class DevSession {
  readonly #options: DevSessionOptions;
  readonly #all = new Set<Running>();
  #current: Running | null = null;
  #next: Running | null = null;
  #hasServed = false;
  #isEnding = false;
  #exitCode = 0;
  #deadline: unknown;

  constructor(options: DevSessionOptions) {
    this.#options = options;
  }

  start(): void {
    // One that is not ready yet has nothing that could be lost.
    this.#next?.child.kill();
    const running: Running = {
      child: this.#options.spawn({
        onNews: (news) => this.#hear(running, news),
        onExit: (code, signal) => this.#exited(running, code, signal),
      }),
      isFaulty: false,
    };
    this.#next = running;
    this.#all.add(running);
  }

  /** A file has changed. */
  reload(what: string): void {
    if (this.#isEnding) return;
    this.#options.say(`${what} changed: reloading`);
    this.start();
  }

  /** Ends every worker, with the shutdown callbacks of its calls. A second time: at once. */
  end(exitCode = 0): void {
    if (this.#isEnding) {
      for (const { child } of this.#all) child.kill();
      return;
    }
    this.#isEnding = true;
    this.#exitCode = exitCode;
    for (const { child } of this.#all) child.send('stop');
    this.#deadline = this.#options.clock.setTimeout(() => {
      for (const { child } of this.#all) child.kill();
    }, STOP_MS);
    this.#endWhenEmpty();
  }

  #hear(running: Running, news: WorkerNews): void {
    if (news.type === 'fault') {
      running.isFaulty = true;
      return;
    }
    if (this.#next !== running) return;
    const before = this.#current;
    this.#current = running;
    this.#next = null;
    if (before !== null) before.child.send(this.#options.calls === 'move' ? 'handOver' : 'drain');
    this.#options.say(
      this.#hasServed ? 'the new code takes calls' : 'waiting for calls; a change of the code reloads it',
    );
    this.#hasServed = true;
  }

  #exited(running: Running, code: number | null, signal: string | null): void {
    this.#all.delete(running);
    const wasNext = this.#next === running;
    const wasCurrent = this.#current === running;
    if (wasNext) this.#next = null;
    if (wasCurrent) this.#current = null;
    if (this.#isEnding) {
      this.#endWhenEmpty();
      return;
    }
    const { say } = this.#options;
    if (wasNext && !running.isFaulty && !this.#hasServed) {
      // Nothing in the file: a wrong address or key is not mended by a change of the code.
      this.end(code ?? 1);
    } else if (wasNext) {
      const how = running.isFaulty ? 'the code cannot run' : describeExit(code, signal);
      say(`${how}${this.#current === null ? '' : ', the code before goes on'}: waiting for a change`);
    } else if (wasCurrent) {
      say(`the worker has ended (${describeExit(code, signal)}): waiting for a change`);
    }
  }

  #endWhenEmpty(): void {
    if (this.#all.size > 0) return;
    this.#options.clock.clearTimeout(this.#deadline);
    this.#options.onEnd(this.#exitCode);
  }
}

function describeExit(code: number | null, signal: string | null): string {
  return signal === null ? `exit code ${code}` : signal;
}
