// Tasks: functions that run once as supervised actors, whose caller gets the result or the reason of the failure.
import { type AnyActorRef, fromPromise } from 'xstate';
import { AgentError } from '../errors.ts';
import { startChildNow } from './api.ts';
import type { RestartType, Shutdown } from './child-spec.ts';
import type { ExitReason } from './exit-reason.ts';
import type { StartChildResult } from './messages.ts';
import { kill, link, monitor } from './monitor.ts';
import { type DynamicSupervisorOptions, dynamicSupervisor, type SupervisorLogic } from './supervisor.ts';
import { servicesOf } from './system-services.ts';

/** The work of a task. `signal` aborts when the task is stopped; what the function does after that is ignored. */
export type TaskFn<T> = (signal: AbortSignal) => T | PromiseLike<T>;

export type TaskResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: ExitReason | 'timeout' | 'max_children' | 'noproc' };

export interface Task<T> {
  /** Undefined when the task could not be started, or its supervisor is busy and starts it in a moment. */
  readonly ref: AnyActorRef | undefined;
  /** Always resolves, never rejects. */
  readonly result: Promise<TaskResult<T>>;
}

export interface TaskOptions {
  /** Name of the actor, default `task`. */
  readonly id?: string;
  /** Kills the task after this many milliseconds on the system's clock, > 0. Default none. */
  readonly timeoutMs?: number;
  /** Default 5 000 ms. Promises are stopped at once in any case: they get their signal and cannot answer. */
  readonly shutdown?: Shutdown;
}

/** A dynamic supervisor whose children are tasks: temporary, so a failed task is told and not repeated. */
export function taskSupervisor(options: DynamicSupervisorOptions): SupervisorLogic<unknown> {
  return dynamicSupervisor(options);
}

/** Runs `fn` under `supervisor`; a crash of it reaches nobody but the one who reads `result`. */
export function asyncNolink<T>(supervisor: AnyActorRef, fn: TaskFn<T>, options: TaskOptions = {}): Task<T> {
  const { id = 'task', timeoutMs, shutdown = 5_000 } = options;
  let resolve: (result: TaskResult<T>) => void = () => {};
  const result = new Promise<TaskResult<T>>((settle) => {
    resolve = settle;
  });
  const watch = (ref: AnyActorRef) => {
    const { clock } = servicesOf(ref.system);
    let timedOut = false;
    const overdue = () => {
      timedOut = true;
      kill(ref);
    };
    const timer = timeoutMs === undefined ? undefined : clock.setTimeout(overdue, timeoutMs);
    monitor(ref, ({ reason, output }) => {
      if (timer !== undefined) clock.clearTimeout(timer);
      // `logicOf` wraps the value, so that an output that looks like an exit reason is still a value.
      if (reason === 'normal') resolve({ ok: true, value: (output as { value: T }).value });
      else resolve({ ok: false, reason: timedOut ? 'timeout' : reason });
    });
  };
  const logic = logicOf(fn);
  const answer = (started: StartChildResult) => {
    if (!started.ok) resolve({ ok: false, reason: refusal(started) });
  };
  const start = () => ({ logic, onSpawn: watch });
  const started = startChildNow(supervisor, { id, restart: 'temporary', shutdown, start }, answer);
  if (started === 'queued') return { ref: undefined, result };
  answer(started);
  return { ref: started.ok ? started.ref : undefined, result };
}

/** As `asyncNolink`, with the task linked to `caller`: an abnormal end of either ends the other. */
export function asyncLinked<T>(
  supervisor: AnyActorRef,
  caller: AnyActorRef,
  fn: TaskFn<T>,
  options: TaskOptions = {},
): Task<T> {
  const task = asyncNolink(supervisor, fn, options);
  if (task.ref !== undefined) link(caller, task.ref);
  return task;
}

/** Runs `fn` for its effect. `restart` says what happens when it fails: `temporary` (default) leaves it. */
export function startTask(
  supervisor: AnyActorRef,
  fn: TaskFn<unknown>,
  options: TaskOptions & { readonly restart?: RestartType } = {},
): StartChildResult | 'queued' {
  const { id = 'task', shutdown = 5_000, restart = 'temporary' } = options;
  const logic = logicOf(fn);
  return startChildNow(supervisor, { id, restart, shutdown, start: () => ({ logic }) });
}

export interface AsyncStreamOptions<A> extends TaskOptions {
  /** Tasks at the same time, integer >= 1. Default 8. */
  readonly maxConcurrency?: number;
  /** Results in the order of the items (default) or as they come. */
  readonly ordered?: boolean;
  /** `exit` (default) ends the stream with an error when a task is overdue; `kill_task` yields it and goes on. */
  readonly onTimeout?: 'exit' | 'kill_task';
  /** Called with the item of a task that failed; the way to know which one it was. */
  readonly onFailure?: (item: A, reason: ExitReason | 'timeout' | 'max_children' | 'noproc') => void;
}

/**
 * Runs `fn` for every item, a few at a time, and yields the results. Leaving the loop early kills what still runs.
 * @throws AgentError `ERR_TIMEOUT` when a task is overdue and `onTimeout` is `exit`
 */
export async function* asyncStream<A, T>(
  supervisor: AnyActorRef,
  items: Iterable<A>,
  fn: (item: A, signal: AbortSignal) => T | PromiseLike<T>,
  options: AsyncStreamOptions<A> = {},
): AsyncGenerator<TaskResult<T>, void, void> {
  const { maxConcurrency = 8, ordered = true, onTimeout = 'exit', onFailure, ...task } = options;
  if (!Number.isInteger(maxConcurrency) || maxConcurrency < 1) {
    const rule = 'must be an integer >= 1';
    const fix = 'Correct `maxConcurrency`, or leave it out for 8';
    throw new AgentError('ERR_OPTION', 'asyncStream cannot run', { field: 'maxConcurrency', rule, fix });
  }
  interface Running {
    readonly item: A;
    readonly task: Task<T>;
    readonly done: Promise<{ readonly entry: Running; readonly result: TaskResult<T> }>;
  }
  const source = items[Symbol.iterator]();
  const running = new Set<Running>();
  const fill = () => {
    while (running.size < maxConcurrency) {
      const next = source.next();
      if (next.done) return;
      const item = next.value;
      const started = asyncNolink(supervisor, (signal) => fn(item, signal), task);
      const entry: Running = {
        item,
        task: started,
        done: started.result.then((result) => ({ entry, result })),
      };
      running.add(entry);
    }
  };
  try {
    fill();
    while (running.size > 0) {
      const [first] = running;
      const { entry, result } = await (ordered && first ? first.done : Promise.race([...running].map((r) => r.done)));
      running.delete(entry);
      if (!result.ok) {
        onFailure?.(entry.item, result.reason);
        if (result.reason === 'timeout' && onTimeout === 'exit') {
          const detail = { field: 'timeoutMs', rule: `${task.timeoutMs} ms` };
          throw new AgentError('ERR_TIMEOUT', 'a task of the stream did not end in time', detail);
        }
      }
      yield result;
      fill();
    }
  } finally {
    for (const { task: left } of running) if (left.ref !== undefined) kill(left.ref);
    source.return?.();
  }
}

function logicOf<T>(fn: TaskFn<T>) {
  return fromPromise(async ({ signal }) => ({ value: await fn(signal) }));
}

function refusal(started: StartChildResult & { ok: false }): ExitReason | 'max_children' | 'noproc' {
  switch (started.reason) {
    case 'start_failed':
      return started.exit;
    case 'invalid_spec':
      return { error: started.error };
    case 'max_children':
    case 'noproc':
      return started.reason;
    case 'already_started':
    case 'already_present':
      // Only a static supervisor knows ids; running tasks under one is a mistake worth saying.
      return { error: new AgentError('ERR_SUPERVISOR', 'tasks need a task supervisor', { field: 'supervisor' }) };
  }
}
