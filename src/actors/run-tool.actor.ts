// One try of a tool call as an actor. Deadline, retries and fallback are rows of the toolCall chart.
import { fromPromise, type PromiseActorLogic } from 'xstate';
import { AgentError, toAgentError } from '../errors.ts';
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
}

/** The logic behind the `runTool` slot. Resolves with the text for the model; rejects with an AgentError. */
export function makeRunTool({ lookup, contextOf, execute }: RunToolParts): PromiseActorLogic<string, RunToolInput> {
  return fromPromise<string, RunToolInput>(async ({ input, signal }) => {
    try {
      const call = lookup(input);
      if (call === undefined) throw new AgentError('ERR_CLOSED', `call ${input.callId} is no longer known`);
      return await execute(call, contextOf(input, signal));
    } catch (thrown) {
      throw toAgentError(thrown, 'ERR_TOOL_FAILED', `${input.toolName} failed`);
    }
  });
}
