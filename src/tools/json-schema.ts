// Checks values against a plain JSON Schema and fills in its defaults. No code is generated, so it runs under any policy.
import { Validator } from '@cfworker/json-schema';
import { AgentError, textOf } from '../errors.ts';
import type { JsonSchema, JsonValue } from '../json.ts';
import type { Checked } from './parameters.ts';

/** Deeper schemas and values are refused: a recursive walk must not exhaust the stack. */
const MAX_DEPTH = 64;

/**
 * A function that checks values against `schema` (draft 2020-12, or draft-07 when `$schema` says so).
 * @throws AgentError `ERR_TOOL_DEFINITION` for a reference to another document, or a pattern that is no regular expression
 */
export function jsonSchemaCheck(schema: JsonSchema): (value: JsonValue) => Checked {
  checkParts(schema, 'parameters', 0);
  const draft = typeof schema.$schema === 'string' && schema.$schema.includes('draft-07') ? '7' : '2020-12';
  // The validator writes its own marks into the schema, so it gets a copy.
  const validator = new Validator(structuredClone(schema), draft, false);
  return (value) => {
    const filled = withDefaults(schema, schema, value, 0);
    const { valid, errors } = validator.validate(filled);
    if (valid) return { ok: true, value: filled };
    // The validator reports a broken rule at every level; the deepest one says what is wrong.
    const leaves = errors.filter(
      (error) =>
        !errors.some((other) => other !== error && other.keywordLocation.startsWith(`${error.keywordLocation}/`)),
    );
    return {
      ok: false,
      issues: leaves.map((error) => ({ field: fieldOf(error.instanceLocation), rule: error.error })),
    };
  };
}

function checkParts(part: unknown, path: string, depth: number): void {
  if (typeof part !== 'object' || part === null) return;
  const refuse = (field: string, rule: string, fix: string) => {
    throw new AgentError('ERR_TOOL_DEFINITION', 'the schema cannot be used', { field, rule, fix });
  };
  if (depth > MAX_DEPTH) refuse(path, `at most ${MAX_DEPTH} levels`, 'Describe the arguments with fewer levels');
  for (const [key, value] of Object.entries(part)) {
    const field = `${path}.${key}`;
    if (key === '$ref' && typeof value === 'string' && !value.startsWith('#')) {
      refuse(field, 'a reference within the same schema (#/...)', 'Copy what it refers to into `$defs`');
    }
    if (key === 'pattern' && typeof value === 'string') {
      try {
        new RegExp(value, 'u');
      } catch (error) {
        refuse(field, `a regular expression: ${textOf(error)}`, 'Correct the pattern');
      }
    }
    checkParts(value, field, depth + 1);
  }
}

function withDefaults(root: JsonSchema, schema: JsonValue | undefined, value: JsonValue, depth: number): JsonValue {
  const rules = isObject(schema) ? followed(root, schema) : undefined;
  if (rules === undefined || depth > MAX_DEPTH) return value;
  if (isArray(value)) {
    const { items } = rules;
    return isObject(items) ? value.map((item) => withDefaults(root, items, item, depth + 1)) : value;
  }
  if (!isObject(value) || !isObject(rules.properties)) return value;
  const filled: Record<string, JsonValue> = { ...value };
  for (const [key, rule] of Object.entries(rules.properties)) {
    const given = Object.hasOwn(value, key) ? value[key] : isObject(rule) ? followed(root, rule)?.default : undefined;
    if (given !== undefined) filled[key] = withDefaults(root, rule, given, depth + 1);
  }
  return filled;
}

/** The schema itself, or what its `$ref` into the same document points to. */
function followed(root: JsonSchema, schema: JsonSchema): JsonSchema | undefined {
  if (typeof schema.$ref !== 'string') return schema;
  let found: JsonValue | undefined = root;
  for (const step of schema.$ref.split('/').slice(1)) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~');
    found = isObject(found) && Object.hasOwn(found, key) ? found[key] : undefined;
  }
  return isObject(found) ? found : undefined;
}

/** `#/items/0/name` -> `items.0.name`; the root is the empty text. */
function fieldOf(location: string): string {
  return location.split('/').slice(1).map(decodeURIComponent).join('.');
}

function isArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function isObject(value: JsonValue | undefined): value is { readonly [key: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
