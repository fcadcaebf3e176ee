// What a tool returned, as the text a model reads.
import { AgentError } from '../errors.ts';

/** Longer answers are cut: a model's context is dear, and 64 KiB are about 16 000 tokens. */
export const MAX_RESULT_BYTES = 65_536;
/** A tool that returns nothing has done what it was asked, and the model should know. */
export const EMPTY_RESULT_TEXT = 'ok';

/**
 * Text as it is, `undefined` as `ok`, anything else as JSON: big integers as text, cycles as "[circular]", binary data as
 * "[Uint8Array 480]". Broken surrogates are replaced, and what is too long is cut at a character with a note that says so.
 * @throws AgentError `ERR_TOOL_FAILED` for what cannot be JSON: functions, symbols, throwing getters, endless nesting
 */
export function resultText(value: unknown): string {
  if (value === undefined) return EMPTY_RESULT_TEXT;
  return capped((typeof value === 'string' ? value : jsonOf(value)).toWellFormed());
}

function jsonOf(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value, jsonSafe());
  } catch (error) {
    throw new AgentError('ERR_TOOL_FAILED', 'the answer cannot be written as JSON', { cause: error, retryable: false });
  }
  if (text === undefined) {
    throw new AgentError('ERR_TOOL_FAILED', 'the answer is not data', {
      rule: 'text or a JSON value',
      fix: 'Return text, an object or nothing',
      retryable: false,
    });
  }
  return text;
}

function jsonSafe(): (this: unknown, key: string, value: unknown) => unknown {
  const ancestors: unknown[] = [];
  return function (_key, value) {
    if (typeof value === 'bigint') return value.toString();
    if (typeof value !== 'object' || value === null) return value;
    if (ArrayBuffer.isView(value)) return `[${value.constructor.name} ${value.byteLength}]`;
    // `this` is the holder of the value: everything below it on the stack is left behind.
    while (ancestors.length > 0 && ancestors.at(-1) !== this) ancestors.pop();
    if (ancestors.includes(value)) return '[circular]';
    ancestors.push(value);
    return value;
  };
}

function capped(text: string): string {
  // UTF-8 needs at most 3 bytes for a UTF-16 unit: short texts are not measured.
  if (text.length * 3 <= MAX_RESULT_BYTES) return text;
  const bytes = Buffer.byteLength(text);
  if (bytes <= MAX_RESULT_BYTES) return text;
  const note = `\n[cut: the answer has ${bytes} bytes, of which at most ${MAX_RESULT_BYTES} are shown]`;
  const room = new Uint8Array(MAX_RESULT_BYTES - Buffer.byteLength(note));
  const { read } = new TextEncoder().encodeInto(text, room);
  return text.slice(0, read) + note;
}
