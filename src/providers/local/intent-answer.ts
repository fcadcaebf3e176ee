// Says what a tool gave: templates over its output, or the output itself.
import type { JsonValue } from '../../json.ts';
import type { AnswerInput, Intent } from './intent.ts';

/** One finished call: what was asked, and what came. */
export interface CallOutcome {
  readonly intent: Intent | undefined;
  /** JSON text of the arguments; may be broken. */
  readonly arguments: string;
  readonly content: string;
  readonly isError: boolean;
}

const SORRY = 'I am sorry, I could not get that just now.';
/** A tool that answers with a page of text is cut: nobody listens to more. */
const MAX_SPOKEN_CHARS = 600;

/** One sentence or more for one call. Never throws and never gives an empty text. */
export function sayOutcome({ intent, arguments: written, content, isError }: CallOutcome): string {
  const args = recordOf(parsed(written));
  if (isError) return filled(intent?.apology ?? SORRY, args) ?? SORRY;
  const output = parsed(content);
  const said = answered(intent, { output, args }) ?? readOut(output);
  return said.trim() === '' ? 'Done.' : said;
}

function answered(intent: Intent | undefined, input: AnswerInput): string | undefined {
  if (intent?.answer === undefined) return undefined;
  if (typeof intent.answer === 'string') return filled(intent.answer, { ...input.args, ...recordOf(input.output) });
  try {
    return intent.answer(input);
  } catch {
    return undefined; // the output itself is better than no answer
  }
}

/** Replaces each `{field}`; undefined when a field is missing. */
function filled(template: string, fields: Readonly<Record<string, JsonValue>>): string | undefined {
  let complete = true;
  const text = template.replace(/\{(\w+)\}/g, (_all, name: string) => {
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (typeof value === 'string' || typeof value === 'number') return String(value);
    complete = false;
    return '';
  });
  return complete ? text : undefined;
}

function readOut(value: JsonValue): string {
  const text = spoken(value).slice(0, MAX_SPOKEN_CHARS).trim();
  return text === '' || /[.!?]$/.test(text) ? text : `${text}.`;
}

function spoken(value: JsonValue): string {
  if (value === null) return '';
  if (typeof value === 'boolean') return value ? 'Yes' : 'No';
  if (typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return value.slice(0, 20).map(spoken).join(', ');
  const fields = Object.entries(value).slice(0, 20);
  return fields.map(([name, field]) => `${words(name)}: ${spoken(field)}`).join(', ');
}

/** `temperatureC` -> "temperature c". */
const words = (name: string) =>
  name
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .replace(/[_-]+/g, ' ')
    .toLowerCase();

function parsed(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue; // JSON.parse makes nothing else
  } catch {
    return text;
  }
}

function recordOf(value: JsonValue): Readonly<Record<string, JsonValue>> {
  // The check leaves only objects; TypeScript keeps readonly arrays in the union.
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, JsonValue>)
    : {};
}
