// From the JSON text a model wrote to arguments a tool may be given: parsed, mended once, cleaned and checked.
import { AgentError, textOf } from '../errors.ts';
import type { JsonValue } from '../json.ts';
import { repairJson } from './json-repair.ts';
import type { Checked } from './parameters.ts';
import type { Tool } from './tool.ts';

/** Longer argument texts are refused before they are parsed: 256 Ki characters. */
export const MAX_ARGUMENTS_CHARS = 262_144;
const MAX_DEPTH = 64;
/** More broken rules than this are not told: the model corrects these first. */
const MAX_ISSUES = 5;

/**
 * The checked arguments of a call.
 * @param text as the model wrote it; an empty text means no arguments
 * @throws AgentError `ERR_TOOL_ARGUMENTS`, whose text tells the model tool, field and rule
 */
export async function readArguments(tool: Tool, text: string): Promise<unknown> {
  const value = parseArguments(tool.name, text);
  let checked: Checked;
  try {
    checked = await tool.check(value);
  } catch (error) {
    throw new AgentError('ERR_TOOL_DEFINITION', `the schema of ${tool.name} failed: ${textOf(error)}`, {
      field: 'parameters',
      cause: error,
    });
  }
  if (checked.ok) return checked.value;
  const [first, ...more] = checked.issues.slice(0, MAX_ISSUES);
  const rest = more.map((issue) => `; ${issue.field === '' ? '' : `${issue.field}: `}${issue.rule}`).join('');
  throw refusal(tool.name, first?.field ?? '', `${first?.rule ?? 'they do not fit the schema'}${rest}`);
}

function parseArguments(toolName: string, text: string): JsonValue {
  if (text.length > MAX_ARGUMENTS_CHARS) throw refusal(toolName, '', `at most ${MAX_ARGUMENTS_CHARS} characters`);
  if (text.trim() === '') return {};
  const parsed = parsedOnce(text) ?? parsedOnce(repairJson(text));
  if (parsed === undefined) throw refusal(toolName, '', 'must be valid JSON');
  // Some models encode the object a second time, as text.
  const value = typeof parsed.value === 'string' ? (parsedOnce(parsed.value)?.value ?? parsed.value) : parsed.value;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw refusal(toolName, '', 'must be a JSON object');
  }
  return clean(toolName, value as JsonValue, 0); // JSON.parse gives nothing but JSON values
}

function parsedOnce(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

/** A copy without the keys that change prototypes when a tool copies them on, and without endless nesting. */
function clean(toolName: string, value: JsonValue, depth: number): JsonValue {
  if (depth > MAX_DEPTH) throw refusal(toolName, '', `at most ${MAX_DEPTH} levels`);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item: JsonValue) => clean(toolName, item, depth + 1));
  const copy: Record<string, JsonValue> = {};
  for (const [key, item] of Object.entries(value)) {
    if (key === '__proto__' || (key === 'constructor' && typeof item === 'object')) continue;
    copy[key] = clean(toolName, item, depth + 1);
  }
  return copy;
}

function refusal(toolName: string, field: string, rule: string): AgentError {
  return new AgentError('ERR_TOOL_ARGUMENTS', `${toolName} cannot take these arguments`, {
    field: field === '' ? 'arguments' : field,
    rule,
    fix: `Call ${toolName} again with arguments that fit its schema`,
  });
}
