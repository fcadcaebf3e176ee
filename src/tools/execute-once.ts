// The two steps of a call: find and check, then one try. A tool may throw, hang, answer twice or answer late.
import { AgentError, textOf } from '../errors.ts';
import { readArguments } from './arguments.ts';
import type { ToolRegistry } from './registry.ts';
import { resultText } from './result.ts';
import type { RunContext } from './run-context.ts';
import type { Tool } from './tool.ts';
import { ToolError } from './tool-error.ts';

/** A call that may be tried: the tool and its checked arguments. */
export interface PreparedCall {
  readonly tool: Tool;
  readonly args: unknown;
}

/**
 * Finds the tool and checks what the model wrote.
 * @throws AgentError `ERR_TOOL_UNKNOWN` or `ERR_TOOL_ARGUMENTS` with a text for the model; `ERR_TOOL_DEFINITION` when the
 * schema itself fails
 */
export async function prepareCall(
  registry: ToolRegistry,
  call: { readonly name: string; readonly arguments: string },
): Promise<PreparedCall> {
  const tool = registry.require(call.name);
  return { tool, args: await readArguments(tool, call.arguments) };
}

/**
 * One try. Settles when the tool does or when `context.signal` aborts, whichever is first; what comes later is ignored.
 * There is no deadline here: the chart of the call owns it and aborts the signal.
 * @returns the text for the model
 * @throws ToolError as the tool threw it; AgentError `ERR_TOOL_FAILED` with the real error as `cause` for anything else;
 * `ERR_CLOSED` when the signal aborted
 */
export function executeOnce({ tool, args }: PreparedCall, context: RunContext): Promise<string> {
  return new Promise((resolve, reject) => {
    const { signal } = context;
    const giveUp = () => reject(new AgentError('ERR_CLOSED', `the try of ${tool.name} was given up`));
    if (signal.aborted) return giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    const settle = () => signal.removeEventListener('abort', giveUp);
    call(tool, args, context).then(
      (text) => {
        settle();
        resolve(text);
      },
      (error: unknown) => {
        settle();
        reject(failureOf(tool, error));
      },
    );
  });
}

/** `async`, so that a synchronous throw and a hostile thenable both end as a rejection. */
async function call(tool: Tool, args: unknown, context: RunContext): Promise<string> {
  return resultText(await tool.execute(args, context));
}

function failureOf(tool: Tool, error: unknown): AgentError {
  if (error instanceof ToolError) return error;
  // Only what this library says about the answer itself keeps its word on retries; codes thrown inside a tool mean nothing here.
  const retryable = error instanceof AgentError && error.code === 'ERR_TOOL_FAILED' ? error.retryable : true;
  return new AgentError('ERR_TOOL_FAILED', `${tool.name} failed: ${textOf(error)}`, { cause: error, retryable });
}
