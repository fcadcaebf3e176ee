// One engine in one worker: a bounded queue in front of it, a deadline on every answer, and a clean end when it dies.
import type { Clock } from '../../../clock.ts';
import { AgentError } from '../../../errors.ts';
import { type Carrier, startCarrier } from './carrier.ts';
import type { FromWorker, ToWorker } from './protocol.ts';

export interface EngineHostOptions {
  /** Name for messages, e.g. `moonshine`. */
  readonly label: string;
  /** `thread` for wasm and plain JavaScript, `process` for anything native. */
  readonly kind: 'thread' | 'process';
  /** URL of the engine module, from {@link engineModule}. */
  readonly module: string;
  /** Given to `openEngine`; must be cloneable. */
  readonly options?: unknown;
  readonly clock: Clock;
  /** From start to ready, in ms. Default 60 000: the slowest engine here needs 2 s, a loaded CI machine ten times that. */
  readonly startDeadlineMs?: number;
  /** From handing a request to the engine to its answer, in ms; a request may ask for less or more. Default 15 000. */
  readonly deadlineMs?: number;
  /** Requests that may wait behind the running one. Default 64. */
  readonly maxQueue?: number;
}

export interface RequestOptions {
  readonly deadlineMs?: number;
  /** Aborting rejects at once with `ERR_CLOSED`; a request that still waits is never run. */
  readonly signal?: AbortSignal;
  /** Runs before every waiting request that is not urgent. Default false. */
  readonly urgent?: boolean;
  /** Intermediate answers, in order, before the promise settles. A throw is swallowed. */
  onMessage?(message: unknown): void;
}

export interface EngineHost {
  readonly label: string;
  /** Resolves when the engine has loaded and passed its probe; rejects with `ERR_ENGINE` when it never will. */
  readonly ready: Promise<void>;
  readonly state: 'starting' | 'ready' | 'down';
  /** Process id of a forked host. */
  readonly pid: number | undefined;
  /** Requests that run or wait. */
  readonly load: number;
  /**
   * Rejects with a retryable `ERR_ENGINE` when the worker died, was killed for hanging, threw, or the queue is full.
   * Requests made before `ready` wait for it.
   */
  request(payload: unknown, options?: RequestOptions): Promise<unknown>;
  /** Health check: runs the engine's probe in turn with the requests. */
  probe(options?: RequestOptions): Promise<unknown>;
  /** Kills the worker at once; everything pending rejects. Idempotent. */
  terminate(): void;
  /** Called once when the worker is gone, with the reason; at once when it already is. Never called after `terminate()`. */
  onDown(listener: (error: AgentError) => void): void;
}

interface Job {
  readonly message: (id: number) => ToWorker;
  readonly options: RequestOptions;
  resolve(value: unknown): void;
  reject(error: AgentError): void;
}

/** Starts a worker and loads the engine in it. Never throws: what fails is told by `ready` and `onDown`. */
export function openEngineHost(options: EngineHostOptions): EngineHost {
  const { label, clock, startDeadlineMs = 60_000, deadlineMs = 15_000, maxQueue = 64 } = options;
  const waiting: Job[] = [];
  const downListeners: ((error: AgentError) => void)[] = [];
  let state: EngineHost['state'] = 'starting';
  let running: { job: Job; id: number; timer: unknown } | undefined;
  let lastId = 0;
  let downError: AgentError | undefined;
  let terminated = false;
  let settleReady: { resolve(): void; reject(error: AgentError): void };
  const ready = new Promise<void>((resolve, reject) => {
    settleReady = { resolve, reject };
  });
  ready.catch(() => undefined); // whoever cares awaits it; nobody caring must not be an unhandled rejection

  const problem = (message: string) => new AgentError('ERR_ENGINE', `the ${label} engine failed: ${message}`);
  /** The end of a worker: what it printed is often the only reason there is. */
  const death = (reason: string) => {
    const printed = carrier?.printed() ?? '';
    return problem(printed === '' ? reason : `${reason}; it printed: ${printed}`);
  };

  function goDown(error: AgentError): void {
    if (state === 'down') return;
    state = 'down';
    downError = error;
    clock.clearTimeout(startTimer);
    settleReady.reject(error);
    const lost = running === undefined ? waiting.splice(0) : [running.job, ...waiting.splice(0)];
    if (running !== undefined) clock.clearTimeout(running.timer);
    running = undefined;
    for (const job of lost) job.reject(error);
    carrier?.kill();
    if (!terminated) for (const listener of downListeners.splice(0)) listener(error);
  }

  function next(): void {
    if (state !== 'ready' || running !== undefined) return;
    const job = waiting.shift();
    // An idle worker must not keep the process alive; one that works for somebody must.
    if (job === undefined) {
      carrier?.hold(false);
      return;
    }
    carrier?.hold(true);
    const id = ++lastId;
    const limitMs = job.options.deadlineMs ?? deadlineMs;
    const timer = clock.setTimeout(
      () => goDown(problem(`no answer within ${limitMs} ms, the worker was killed`)),
      limitMs,
    );
    running = { job, id, timer };
    if (carrier?.send(job.message(id)) === true) return;
    finish(id, (lost) => lost.reject(problem('the request could not be sent')));
  }

  function finish(id: number, settle: (job: Job) => void): void {
    if (running?.id !== id) return;
    const { job, timer } = running;
    clock.clearTimeout(timer);
    running = undefined;
    settle(job);
    next();
  }

  function receive(message: FromWorker): void {
    if (state === 'down') return;
    switch (message.type) {
      case 'ready':
        state = 'ready';
        clock.clearTimeout(startTimer);
        settleReady.resolve();
        next();
        break;
      case 'output':
        break; // kept by the carrier for the day the worker dies
      case 'broken':
        goDown(death(message.message));
        break;
      case 'emit':
        if (running?.id === message.id) emitTo(running.job, message.message);
        break;
      case 'answer':
        finish(message.id, (job) => job.resolve(message.value));
        break;
      case 'error':
        finish(message.id, (job) => job.reject(problem(message.message)));
        break;
    }
  }

  function enqueue(message: Job['message'], jobOptions: RequestOptions): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const { signal, urgent = false } = jobOptions;
      if (downError !== undefined) return reject(downError);
      if (signal?.aborted === true) return reject(cancelled(label));
      if (waiting.length >= maxQueue) return reject(problem(`${maxQueue} requests are already waiting`));
      const abort = () => {
        const index = waiting.indexOf(job);
        if (index >= 0) waiting.splice(index, 1);
        reject(cancelled(label));
      };
      const job: Job = {
        message,
        options: jobOptions,
        resolve: (value) => {
          signal?.removeEventListener('abort', abort);
          resolve(value);
        },
        reject: (error) => {
          signal?.removeEventListener('abort', abort);
          reject(error);
        },
      };
      signal?.addEventListener('abort', abort, { once: true });
      const firstIdle = urgent ? waiting.findIndex((other) => other.options.urgent !== true) : -1;
      waiting.splice(firstIdle < 0 ? waiting.length : firstIdle, 0, job);
      next();
    });
  }

  const startTimer = clock.setTimeout(
    () => goDown(problem(`it was not ready within ${startDeadlineMs} ms`)),
    startDeadlineMs,
  );
  let carrier: Carrier | undefined;
  try {
    carrier = startCarrier(options.kind, { onMessage: receive, onExit: (reason) => goDown(death(reason)) });
    const sent = carrier.send({ type: 'open', module: options.module, options: options.options });
    if (!sent) goDown(problem('its options could not be sent'));
  } catch (error) {
    goDown(problem(`the worker could not be started (${String(error)})`));
  }

  return {
    label,
    ready,
    get state() {
      return state;
    },
    get load() {
      return waiting.length + (running === undefined ? 0 : 1);
    },
    pid: carrier?.pid,
    request: (payload, jobOptions = {}) => enqueue((id) => ({ type: 'request', id, payload }), jobOptions),
    probe: (jobOptions = {}) => enqueue((id) => ({ type: 'probe', id }), jobOptions),
    terminate: () => {
      terminated = true;
      goDown(new AgentError('ERR_ENGINE', `the ${label} engine was stopped`));
    },
    onDown: (listener) => {
      if (terminated) return;
      if (downError !== undefined) listener(downError);
      else downListeners.push(listener);
    },
  };
}

function emitTo(job: Job, message: unknown): void {
  try {
    if (job.options.signal?.aborted !== true) job.options.onMessage?.(message);
  } catch {
    // The listener is told again by the answer; its own throw must not fail the engine of everybody.
  }
}

function cancelled(label: string): AgentError {
  return new AgentError('ERR_CLOSED', `a request to the ${label} engine was cancelled`);
}
