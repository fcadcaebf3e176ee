// Tools: definition, registry, checking and running.
export { MAX_ARGUMENTS_CHARS, readArguments } from './arguments.ts';
export { executeOnce, type PreparedCall, prepareCall } from './execute-once.ts';
export { fallbackText } from './fallback.ts';
export type { ToolArguments, ToolParameters } from './parameters.ts';
export { globalTools, ToolRegistry } from './registry.ts';
export { MAX_RESULT_BYTES, resultText } from './result.ts';
export {
  RunContext,
  type RunContextInit,
  type ToolLog,
  type ToolLogEntry,
  type ToolSession,
  type UserData,
} from './run-context.ts';
export {
  defineTool,
  FALLBACK_MESSAGE,
  isTool,
  type Tool,
  type ToolBreakerLimits,
  type ToolDefinition,
  tool,
} from './tool.ts';
export { ToolError } from './tool-error.ts';
