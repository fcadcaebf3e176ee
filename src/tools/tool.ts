// Defines a tool: what the model is told, what is checked, what is run, and within which limits.
import { AgentError } from '../errors.ts';
import type { JsonSchema, JsonValue } from '../json.ts';
import {
  fieldsOf,
  having,
  isFunction,
  isObject,
  numberFrom,
  OptionRule,
  parseOptions,
  textLike,
  trueOrFalse,
  wholeNumberFrom,
} from '../options.ts';
import { type Checked, readParameters, type ToolArguments, type ToolParameters } from './parameters.ts';
import type { RunContext } from './run-context.ts';

/** When the calls of a failing tool are refused at once instead of being tried. */
export interface ToolBreakerLimits {
  /**
   * Failed tries in a row that open the breaker. One that comes more than ten times `recoveryTimeMs` after the last is the
   * first of a new row. Default 5; 1 to 1000.
   */
  readonly failureThreshold: number;
  /** A trial call that has not ended after this many milliseconds counts as failed. Default 30 000; 1 to 600 000. */
  readonly timeoutMs: number;
  /** Pause before a trial call is let through, in milliseconds. Default 60 000; 1 to 3 600 000. */
  readonly recoveryTimeMs: number;
}

export interface ToolDefinition<P extends ToolParameters> {
  /** 1 to 64 letters, digits, `_` or `-`: what model providers accept. */
  readonly name: string;
  /** Tells the model what the tool does and when to use it. Not empty; at most 4096 characters. */
  readonly description: string;
  /** zod schema, Standard Schema or JSON Schema of an object. Default: no arguments. */
  readonly parameters?: P;
  /** What the model is told instead of the schema that `parameters` writes. Needed only when it cannot write one. */
  readonly jsonSchema?: JsonSchema;
  /**
   * Does the work. The answer reaches the model: text as it is, nothing as `ok`, anything else as JSON, at most 64 KiB.
   * Throw {@link ToolError} to tell the model why not; of any other error it reads only that an internal error occurred.
   */
  execute(args: ToolArguments<P>, context: RunContext): unknown;
  /** Deadline of one try in milliseconds. Default 5000; 1 to 600 000. */
  readonly timeoutMs?: number;
  /** Tries after the first one, for throws. Default 3; 0 to 10; 0 means a single try. */
  readonly maxRetries?: number;
  /**
   * Are tries that hung repeated too? Default false: the caller hears nothing meanwhile, and a tool that ignores its
   * signal may still be at work.
   */
  readonly retryOnTimeout?: boolean;
  /** Pause before another try in milliseconds. Default 1000; 0 to 60 000; 0 means at once. */
  readonly retryDelayMs?: number;
  /**
   * What the model reads when the tool is unavailable: its breaker is open or its last try timed out. Default: "I'm
   * having trouble with that request right now." When it is given, it also stands for any other failure of the last try.
   */
  readonly fallbackMessage?: string;
  /** Default: on, with the limits of {@link ToolBreakerLimits}. `false` turns it off. */
  readonly circuitBreaker?: Partial<ToolBreakerLimits> | false;
}

/** A checked tool. Made by {@link tool} only. */
export interface Tool<Args = unknown> {
  readonly kind: 'tool';
  readonly name: string;
  readonly description: string;
  /** JSON Schema of an object: what the model is told. */
  readonly parameters: JsonSchema;
  /** Checks what the model wrote and fills in defaults. */
  readonly check: (args: JsonValue) => Checked | Promise<Checked>;
  execute(args: Args, context: RunContext): unknown;
  readonly timeoutMs: number;
  readonly maxRetries: number;
  readonly retryDelayMs: number;
  readonly retryOnTimeout: boolean;
  readonly fallbackMessage: string;
  /** True when the author wrote the fallback message, and not this library. */
  readonly hasOwnFallback: boolean;
  /** null when it is turned off. */
  readonly circuitBreaker: ToolBreakerLimits | null;
}

/** The text a model reads, and a caller may hear, when a tool is unavailable and its author wrote no other. */
export const FALLBACK_MESSAGE = "I'm having trouble with that request right now.";

type NoParameters = { readonly type: 'object'; readonly properties: Record<never, never> };
const NO_PARAMETERS: NoParameters = { type: 'object', properties: {} };

const ms = (min: number, max: number) => numberFrom(min, max, `must be a number of milliseconds from ${min} to ${max}`);
const breakerRules = fieldsOf<Partial<ToolBreakerLimits>>()({
  failureThreshold: wholeNumberFrom(1, 1000, 'must be a whole number from 1 to 1000').default(5),
  timeoutMs: ms(1, 600_000).default(30_000),
  recoveryTimeMs: ms(1, 3_600_000).default(60_000),
});
const isSchema = (value: unknown) => isObject(value) || isFunction(value);
const definitionRules = fieldsOf<ToolDefinition<ToolParameters>>()({
  name: textLike(/^[a-zA-Z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, _ or -'),
  description: textLike(/^(?=[\s\S]*\S)[\s\S]{1,4096}$/, 'must not be empty and have at most 4096 characters'),
  parameters: having<ToolParameters>(isSchema, 'must be a zod schema, a Standard Schema or a JSON Schema').optional(),
  jsonSchema: having<JsonSchema>(isSchema, 'must be a JSON Schema').optional(),
  execute: having<Tool['execute']>(isFunction, 'must be a function'),
  timeoutMs: ms(1, 600_000).default(5000),
  maxRetries: wholeNumberFrom(0, 10, 'must be a whole number from 0 to 10').default(3),
  retryDelayMs: ms(0, 60_000).default(1000),
  retryOnTimeout: trueOrFalse().default(false),
  fallbackMessage: textLike(/\S/, 'must not be empty').optional(),
  circuitBreaker: new OptionRule<ToolBreakerLimits | false, Partial<ToolBreakerLimits> | false | undefined>((value) =>
    value === false ? false : breakerRules.read(value ?? {}),
  ),
});

/**
 * Checks a tool definition and infers the arguments of `execute` from `parameters`.
 * @throws AgentError `ERR_TOOL_DEFINITION` naming field, rule and fix
 */
export function tool<const P extends ToolParameters = NoParameters>(
  definition: ToolDefinition<P>,
): Tool<ToolArguments<P>> {
  const where = nameForErrors(definition);
  const options = parseOptions(definitionRules, definition, where, 'ERR_TOOL_DEFINITION');
  const { jsonSchema, check } = readParameters(options.parameters ?? NO_PARAMETERS, options.jsonSchema);
  return Object.freeze({
    kind: 'tool',
    name: options.name,
    description: options.description,
    parameters: jsonSchema,
    check,
    // Called on the definition, so that a definition with methods and private state of its own works.
    execute: (args: ToolArguments<P>, context: RunContext) => definition.execute(args, context),
    timeoutMs: options.timeoutMs,
    maxRetries: options.maxRetries,
    retryDelayMs: options.retryDelayMs,
    retryOnTimeout: options.retryOnTimeout,
    fallbackMessage: options.fallbackMessage ?? FALLBACK_MESSAGE,
    hasOwnFallback: options.fallbackMessage !== undefined,
    circuitBreaker: options.circuitBreaker === false ? null : options.circuitBreaker,
  });
}

/** Another name for {@link tool}. */
export const defineTool = tool;

export function isTool(value: unknown): value is Tool {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'tool' && 'check' in value;
}

function nameForErrors(definition: unknown): string {
  if (typeof definition === 'object' && definition !== null && 'name' in definition) {
    return typeof definition.name === 'string' ? `tool ${definition.name.slice(0, 64)}` : 'tool';
  }
  throw new AgentError('ERR_TOOL_DEFINITION', 'a tool is defined by an object', {
    field: 'definition',
    rule: '{ name, description, execute } at least',
    fix: 'Call tool({ name, description, parameters, execute })',
  });
}
