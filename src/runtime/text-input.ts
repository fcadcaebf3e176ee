// Typed text from outside: what is refused, and what is mended.
import { AgentError } from '../errors.ts';

/** Longest text a user or host may send at once. */
export const MAX_TEXT_CHARS = 20_000;

/**
 * Trims, and replaces lone surrogates by U+FFFD.
 * @throws AgentError `ERR_TEXT`
 */
export function checkText(text: unknown): string {
  if (typeof text !== 'string') throw bad('must be a string', `Got ${typeof text}`);
  if (text.length > MAX_TEXT_CHARS)
    throw bad(`must have at most ${MAX_TEXT_CHARS} characters`, `Got ${text.length}; send it in parts`);
  const trimmed = text.toWellFormed().trim();
  if (trimmed === '') throw bad('must not be empty', 'Send some text');
  return trimmed;
}

function bad(rule: string, fix: string): AgentError {
  return new AgentError('ERR_TEXT', 'text was refused', { field: 'text', rule, fix });
}
