// One try of a tool call as an actor. Deadline, retries and fallback are rows of the toolCall chart.
import { fromPromise, type PromiseActorLogic } from 'xstate';
import { AgentError, toAgentError } from '../errors.ts';
import { guarded, type ProblemHandler } from '../observer.ts';
import type { PreparedCall } from '../tools/execute-once.ts';
import type { RunContext } from '../tools/run-context.ts';

/** Which call; the same shape as the chart gives to all its slots. */
export interface RunToolInput {
  readonly sessionId: string;
  readonly callId: string;
  readonly toolName: string;
}

export interface RunToolParts {
  /** The checked call, or undefined when its session is gone. */
  readonly lookup: (input: RunToolInput) => PreparedCall | undefined;
  /** The context of this try. Its `signal` must be the given one: it fences off a try that was given up. */
  readonly contextOf: (input: RunToolInput, signal: AbortSignal) => RunContext;
  /** Settles when the tool does or the context's signal aborts. */
  readonly execute: (call: PreparedCall, context: RunContext) => Promise<string>;
  /** Told the real error of every failed try, for logs; the model never reads it. Tries that were given up are not told. */
  readonly onFailure?: (input: RunToolInput, error: AgentError) => void;
  /** Told when `onFailure` throws. */
  readonly onProblem?: ProblemHandler;
}

/** The logic behind the `runTool` slot. Resolves with the text for the model; rejects with an AgentError. */
export function makeRunTool({
  lookup,
  contextOf,
  execute,
  onFailure = () => {},
  onProblem = () => {},
}: RunToolParts): PromiseActorLogic<string, RunToolInput> {
  const tell = guarded('tool failure listener', onFailure, onProblem);
  return fromPromise<string, RunToolInput>(async ({ input, signal }) => {
    try {
      const call = lookup(input);
      if (call === undefined) throw new AgentError('ERR_CLOSED', `call ${input.callId} is no longer known`);
      return await execute(call, contextOf(input, signal));
    } catch (thrown) {
      const error = toAgentError(thrown, 'ERR_TOOL_FAILED', `${input.toolName} failed`);
      if (!signal.aborted) tell(input, error);
      throw error;
    }
  });
}
