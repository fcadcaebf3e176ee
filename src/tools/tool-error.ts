// The error a tool throws to tell the model something; the text of any other error stays inside.
import { AgentError } from '../errors.ts';

export interface ToolErrorOptions {
  /** True when another try may succeed; then the model reads the text only after the last one. Default false. */
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

/**
 * Throw it from `execute`: the model reads `message` word for word, so it must hold nothing the caller may not hear.
 * A tool that throws it works, so its circuit breaker does not count it, unless it is retryable.
 */
export class ToolError extends AgentError {
  override readonly name = 'ToolError';

  constructor(message: string, { retryable = false, cause }: ToolErrorOptions = {}) {
    super('ERR_TOOL_REPORTED', message, { retryable, cause });
  }
}
