// The only file outside the test clock that touches timers or time; everything else takes a Clock.

/** Source of time and timers. `now` is monotonic; `wallNow` is epoch time for humans and logs. */
export interface Clock {
  /** Monotonic milliseconds since an arbitrary origin. */
  now(): number;
  /** Milliseconds since the Unix epoch. Never use it for durations. */
  wallNow(): number;
  /** Calls `fn` once after `delayMs` (>= 0). The handle is opaque. */
  setTimeout(fn: () => void, delayMs: number): unknown;
  /** Cancels a timer. Unknown and already fired handles are ignored. */
  clearTimeout(handle: unknown): void;
  /** True when time moves only by `advance`; real network or devices are refused under it. */
  readonly isVirtual: boolean;
}

/** The process clock: `performance.now`, `Date.now` and Node's timers. */
export const realClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  setTimeout: (fn, delayMs) => setTimeout(fn, delayMs),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout), // handles only ever come from setTimeout above
  isVirtual: false,
};

/** Resolves after `delayMs` on `clock`, or at once when `signal` aborts. Never rejects. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      clock.clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.setTimeout(done, delayMs);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** The promise, or undefined after `limitMs`; what it does later is ignored. */
export async function withinMs<T>(promise: Promise<T>, limitMs: number, clock: Clock): Promise<T | undefined> {
  let timer: unknown;
  const limit = new Promise<undefined>((resolve) => {
    timer = clock.setTimeout(() => resolve(undefined), limitMs);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clock.clearTimeout(timer);
  }
}

/** The same clock for code that is not ours: each timer runs inside `guard`, which must not throw. */
export function guardedClock(clock: Clock, guard: (fn: () => void) => () => void): Clock {
  return {
    now: () => clock.now(),
    wallNow: () => clock.wallNow(),
    setTimeout: (fn, delayMs) => clock.setTimeout(guard(fn), delayMs),
    clearTimeout: (handle) => clock.clearTimeout(handle),
    isVirtual: clock.isVirtual,
  };
}

/** Resolves in the next turn of the event loop, after pending promises and in-process streams. */
export function nextLoopTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
