// Calling code we do not trust: listeners, inspectors and hooks may throw, and nothing else may notice.

/** Something went wrong in code that was called as a courtesy; told to `createRuntime({ onProblem })`. */
export interface Problem {
  /** Where it happened, e.g. `listener state_changed` or `inspect`. */
  readonly where: string;
  readonly error: unknown;
}

export type ProblemHandler = (problem: Problem) => void;

/** Wraps `fn` so that a throw, or a rejection of what it returns, becomes a problem and never an exception. */
export function guarded<A extends readonly unknown[]>(
  where: string,
  fn: (...args: A) => unknown,
  onProblem: ProblemHandler,
): (...args: A) => void {
  return (...args) => {
    try {
      const result = fn(...args);
      if (isThenable(result)) result.then(undefined, (error: unknown) => reportProblem(onProblem, { where, error }));
    } catch (error) {
      reportProblem(onProblem, { where, error });
    }
  };
}

/** Hands `problem` to a handler that may itself throw. */
export function reportProblem(onProblem: ProblemHandler, problem: Problem): void {
  try {
    onProblem(problem);
  } catch {
    // The handler of problems is the last place to tell; a throw here has nowhere to go and must not kill a call.
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}

/** How much log lines tell, from most to nothing. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';
export const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'silent'];
