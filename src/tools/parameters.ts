// What a tool takes: a zod schema, any Standard Schema or a plain JSON Schema, made into one check and one JSON Schema.
import type { StandardJSONSchemaV1, StandardSchemaV1 } from '@standard-schema/spec';
import type { z } from 'zod';
import { AgentError, textOf } from '../errors.ts';
import type { JsonSchema, JsonValue } from '../json.ts';
import { jsonSchemaCheck } from './json-schema.ts';
import type { FromJsonSchema } from './json-schema-types.ts';

export type ToolParameters = StandardSchemaV1 | JsonSchema;

/** What `execute` is given for these parameters. */
export type ToolArguments<P> = P extends StandardSchemaV1
  ? StandardSchemaV1.InferOutput<P>
  : string extends keyof P
    ? { readonly [key: string]: JsonValue }
    : FromJsonSchema<P>;

export interface ArgumentIssue {
  /** Path of the argument, e.g. `items.0.name`; empty for the arguments as a whole. */
  readonly field: string;
  readonly rule: string;
}

export type Checked =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly issues: readonly ArgumentIssue[] };

export interface Parameters {
  /** What the model is told: JSON Schema of an object. */
  readonly jsonSchema: JsonSchema;
  /** Checks arguments and fills in defaults. */
  readonly check: (value: JsonValue) => Checked | Promise<Checked>;
}

/**
 * Reads the parameters of a tool.
 * @param override the JSON Schema for the model, for libraries that cannot write one
 * @throws AgentError `ERR_TOOL_DEFINITION` when there is no JSON Schema to be had or it does not describe an object
 */
export function readParameters(parameters: ToolParameters, override: JsonSchema | undefined): Parameters {
  if (!isStandardSchema(parameters)) {
    const jsonSchema = objectSchema(override ?? parameters, override === undefined ? 'parameters' : 'jsonSchema');
    return { jsonSchema, check: jsonSchemaCheck(objectSchema(parameters, 'parameters')) };
  }
  const jsonSchema = objectSchema(
    override ?? writtenBy(parameters),
    override === undefined ? 'parameters' : 'jsonSchema',
  );
  return { jsonSchema, check: (value) => standardCheck(parameters, value) };
}

function isStandardSchema(value: ToolParameters): value is StandardSchemaV1 {
  return '~standard' in value && typeof value['~standard'] === 'object';
}

async function standardCheck(schema: StandardSchemaV1, value: JsonValue): Promise<Checked> {
  return checkedOf(await schema['~standard'].validate(value));
}

function checkedOf(result: StandardSchemaV1.Result<unknown>): Checked {
  if (result.issues === undefined) return { ok: true, value: result.value };
  return {
    ok: false,
    issues: result.issues.map((issue) => ({
      field: (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.'),
      rule: issue.message,
    })),
  };
}

/** The JSON Schema of what the schema accepts, from the library itself when it offers one. */
function writtenBy(schema: StandardSchemaV1): unknown {
  const { vendor } = schema['~standard'];
  try {
    const converter = converterOf(schema);
    if (converter !== undefined) return converter.input({ target: 'draft-2020-12' });
    // zod 4 before it offered the converter; the vendor name proves the type.
    if (vendor === 'zod' && '_zod' in schema)
      return zod().toJSONSchema(schema as unknown as z.ZodType, { io: 'input' });
  } catch (error) {
    throw new AgentError('ERR_TOOL_DEFINITION', 'the schema cannot be told to the model', {
      field: 'parameters',
      rule: textOf(error),
      fix: 'Use types that JSON has, or give `jsonSchema` as well',
      cause: error,
    });
  }
  throw new AgentError('ERR_TOOL_DEFINITION', `schemas of ${vendor} do not say what they accept`, {
    field: 'jsonSchema',
    rule: 'required for this library',
    fix: 'Give `jsonSchema`: the JSON Schema that the model is told',
  });
}

/** Loaded for such schemas only: the import takes 60 ms, and whoever has none of them should not wait for it. */
function zod(): typeof z {
  const load = process.getBuiltinModule('node:module').createRequire(import.meta.url);
  return (load('zod') as { readonly z: typeof z }).z; // our own dependency, whose types these are
}

function converterOf(schema: StandardSchemaV1): StandardJSONSchemaV1.Converter | undefined {
  const props: object = schema['~standard'];
  if (!('jsonSchema' in props) || typeof props.jsonSchema !== 'object' || props.jsonSchema === null) return undefined;
  // The specification gives this property this one type.
  return props.jsonSchema as StandardJSONSchemaV1.Converter;
}

/** A frozen plain copy without `$schema`, which says nothing to a model. */
function objectSchema(schema: unknown, field: string): JsonSchema {
  const refuse = (rule: string, fix: string, cause?: unknown): never => {
    throw new AgentError('ERR_TOOL_DEFINITION', 'the schema cannot be told to the model', { field, rule, fix, cause });
  };
  let copy: unknown;
  try {
    copy = JSON.parse(JSON.stringify(schema), (_, value: unknown) => Object.freeze(value));
  } catch (error) {
    refuse('plain JSON', 'Remove cycles, functions and big integers', error);
  }
  if (!isRecord(copy)) return refuse('a JSON Schema object', 'Give `{ type: "object", properties: { ... } }`');
  if (copy.type !== 'object')
    refuse('must describe an object', 'Wrap the arguments in an object with named properties');
  const { $schema, ...rest } = copy;
  const isOldDraft = typeof $schema === 'string' && $schema.includes('draft-07');
  return Object.freeze(isOldDraft ? copy : rest);
}

/** Only ever asked about the result of JSON.parse. */
function isRecord(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
