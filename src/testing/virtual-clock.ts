// Time for tests: it moves only by `advance`, deadline by deadline, and lets promises drain after each of them.
import { type Clock, nextLoopTurn } from '../clock.ts';
import { AgentError } from '../errors.ts';
import { type HeapTimer, TimerHeap } from './timer-heap.ts';

export interface VirtualClockOptions {
  /** Epoch milliseconds that `wallNow` shows at time 0. Default 2026-01-01T00:00:00Z; any number. */
  readonly epochMs?: number;
  /** Turns of the event loop given to promises after each deadline and at the end. Default 1; integer >= 1. */
  readonly turns?: number;
}

/** Steps at one and the same instant after which a test is taken to be in a loop of zero delays. */
const MAX_STEPS_PER_INSTANT = 100_000;

/**
 * A clock whose time stands still until a test moves it. Starts at 0 ms.
 * Hand it to `createRuntime({ clock })`, `startRoot(logic, { clock })` or `createActor(logic, { clock })`.
 */
export class VirtualClock implements Clock {
  readonly isVirtual = true;
  readonly #heap = new TimerHeap();
  readonly #epochMs: number;
  readonly #turns: number;
  #nowMs = 0;
  #created = 0;
  #queue: Promise<void> = Promise.resolve();

  constructor({ epochMs = Date.UTC(2026, 0, 1), turns = 1 }: VirtualClockOptions = {}) {
    this.#epochMs = epochMs;
    this.#turns = checkTurns(turns);
  }

  now(): number {
    return this.#nowMs;
  }

  wallNow(): number {
    return this.#epochMs + this.#nowMs;
  }

  /** Timers armed and neither fired nor cancelled. */
  get pendingTimers(): number {
    return this.#heap.size;
  }

  setTimeout(fn: () => void, delayMs: number): unknown {
    // Node turns NaN and negative delays into its shortest one; a test clock must not hang on them either.
    const delay = Number.isNaN(delayMs) ? 0 : Math.max(delayMs, 0);
    const timer: HeapTimer = { dueMs: this.#nowMs + delay, order: this.#created++, fn, index: -1 };
    this.#heap.push(timer);
    return timer;
  }

  clearTimeout(handle: unknown): void {
    // Handles are opaque; anything that is not one of our timers is ignored, as Node does.
    if (isTimer(handle)) this.#heap.remove(handle);
  }

  /**
   * Moves time by `ms` and ends exactly there. At each deadline on the way the timers that are due fire in order of
   * creation, then promises get `turns` turns of the event loop. Timers armed on the way count. Calls queue up.
   * Rejects with what a timer callback threw, after the step it threw in was finished; time then stands at that step.
   * @throws AgentError `ERR_OPTION` when `ms` is not a finite number >= 0
   */
  advance(ms: number, options: { readonly turns?: number } = {}): Promise<void> {
    if (!Number.isFinite(ms) || ms < 0) {
      throw new AgentError('ERR_OPTION', 'the clock cannot move there', { field: 'ms', rule: 'a finite number >= 0' });
    }
    const turns = checkTurns(options.turns ?? this.#turns);
    const run = this.#queue.then(() => this.#run(this.#nowMs + ms, turns));
    // The queue only orders calls; the failure of one belongs to its own caller.
    this.#queue = run.catch(() => {});
    return run;
  }

  /** Lets promises drain without moving time. Timers that are due now (delay 0) do fire. */
  settle(options: { readonly turns?: number } = {}): Promise<void> {
    return this.advance(0, options);
  }

  async #run(targetMs: number, turns: number): Promise<void> {
    await drain(turns);
    let steps = 0;
    for (;;) {
      const next = this.#heap.peek();
      if (next === undefined || next.dueMs > targetMs) break;
      if (next.dueMs > this.#nowMs) steps = 0;
      if (++steps > MAX_STEPS_PER_INSTANT) {
        throw new AgentError('ERR_TIMEOUT', `timers re-arm themselves for ever at ${this.#nowMs} ms`);
      }
      this.#nowMs = next.dueMs;
      const errors = this.#fireDue();
      await drain(turns);
      if (errors.length === 1) throw errors[0];
      if (errors.length > 1) throw new AggregateError(errors, `${errors.length} timer callbacks threw`);
    }
    this.#nowMs = targetMs;
  }

  /** Fires what is due now; timers armed meanwhile belong to the next step, even with no delay. */
  #fireDue(): unknown[] {
    const errors: unknown[] = [];
    const before = this.#created;
    for (;;) {
      const timer = this.#heap.peek();
      if (timer === undefined || timer.dueMs > this.#nowMs || timer.order >= before) return errors;
      this.#heap.remove(timer);
      try {
        timer.fn();
      } catch (error) {
        errors.push(error);
      }
    }
  }
}

async function drain(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await nextLoopTurn();
}

function checkTurns(turns: number): number {
  if (Number.isInteger(turns) && turns >= 1) return turns;
  throw new AgentError('ERR_OPTION', 'promises need at least one turn', { field: 'turns', rule: 'an integer >= 1' });
}

function isTimer(handle: unknown): handle is HeapTimer {
  return typeof handle === 'object' && handle !== null && 'dueMs' in handle && 'index' in handle;
}
