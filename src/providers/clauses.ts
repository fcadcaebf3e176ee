// Cuts streamed text into clauses that can be spoken one by one; the same text gives the same clauses in any chunking.

/** A piece of text to speak in one go. */
export interface Clause {
  /** The characters of this clause exactly as they were written, white space included. */
  readonly text: string;
  /** Characters written up to the end of this clause (UTF-16 units, from the first `write`). */
  readonly endChars: number;
}

export interface ClauseSplitter {
  /** Takes more text and returns the clauses that are now sure. */
  write(text: string): Clause[];
  /** No more text will come: returns what is left. */
  flush(): Clause[];
}

/** A comma ends the first clause from this length on, so that speech can start before the sentence is written. */
const FIRST_COMMA_CHARS = 24;
/** Later commas cut only long sentences: each cut costs a little melody. */
const COMMA_CHARS = 90;
/** A clause is cut at the last white space before this length, and in the middle of a word when there is none. */
const MAX_CHARS = 240;

/** Words whose full stop never ends a sentence. */
const TITLES = new Set([
  'mr',
  'mrs',
  'ms',
  'dr',
  'prof',
  'st',
  'gen',
  'sen',
  'rev',
  'capt',
  'vs',
  'e.g',
  'i.e',
  'no',
  'approx',
  'cf',
]);
/** Words whose full stop ends a sentence only when a capital letter follows. */
const MAYBE = new Set(['a.m', 'p.m', 'etc', 'u.s', 'u.k', 'e.u', 'inc', 'ltd', 'co', 'jr', 'sr']);

const CLOSERS = new Set(['"', "'", ')', ']', '}', '*', '_', '`', '”', '’', '»']);

/**
 * Makes a splitter for one stream of text. A boundary is decided by the text before it and at most the first
 * character after the white space that follows it, never by where a chunk ended.
 */
export function clauseSplitter(): ClauseSplitter {
  let rest = '';
  let start = 0;
  let at = 0;

  const take = (length: number): Clause => {
    const text = rest.slice(0, length);
    rest = rest.slice(length);
    start += length;
    at = 0;
    return { text, endChars: start };
  };

  const drain = (ended: boolean): Clause[] => {
    const clauses: Clause[] = [];
    while (at < rest.length) {
      const verdict = boundaryAt(rest, at, start === 0, ended);
      if (verdict === 'wait') break;
      if (verdict === 'none') at++;
      else clauses.push(take(verdict));
    }
    if (ended && rest.length > 0) clauses.push(take(rest.length));
    return clauses;
  };

  return {
    write: (text) => {
      rest += text;
      return drain(false);
    },
    flush: () => drain(true),
  };
}

/** Does the character at `at` end a clause of `text`? Answers the length of the clause, or `wait` for more text. */
function boundaryAt(text: string, at: number, isFirst: boolean, ended: boolean): number | 'none' | 'wait' {
  const char = text[at] as string; // `at` is inside the text
  if (at >= MAX_CHARS) return forcedCut(text, at);
  if (char === '\n') return /[^\s]/.test(text.slice(0, at)) ? at + 1 : 'none';
  if ('。！？'.includes(char)) return at + 1;
  if (!'.!?…,;:—'.includes(char)) return 'none';
  let end = at + 1;
  while (end < text.length && end < MAX_CHARS && CLOSERS.has(text[end] as string)) end++;
  if (end >= text.length) return ended ? 'none' : 'wait';
  if (!isSpace(text[end])) return 'none';
  if (char === '!' || char === '?' || char === '…') return end;
  if (',;:—'.includes(char)) return at + 1 >= (isFirst ? FIRST_COMMA_CHARS : COMMA_CHARS) ? end : 'none';
  return fullStop(text, at, end, ended);
}

function fullStop(text: string, at: number, end: number, ended: boolean): number | 'none' | 'wait' {
  const before = text.slice(Math.max(0, at - 24), at);
  const word = (/[^\s("'“*_[]*$/.exec(before)?.[0] ?? '').toLowerCase();
  if (TITLES.has(word)) return 'none';
  if (/^\s*(?:\d{1,3}|[a-z])$/i.test(text.slice(0, at))) return 'none'; // the number of a list item
  if (!MAYBE.has(word) && !/^[a-hj-z]$/.test(word)) return end;
  let next = end;
  while (next < text.length && next < MAX_CHARS && isSpace(text[next])) next++;
  if (next >= MAX_CHARS) return 'none';
  if (next >= text.length) return ended ? end : 'wait';
  // A single letter is an initial more often than the end of a sentence.
  return MAYBE.has(word) && /[\p{Lu}\p{N}]/u.test(text[next] as string) ? end : 'none';
}

function forcedCut(text: string, at: number): number {
  for (let i = at; i > at / 2; i--) if (isSpace(text[i - 1])) return i;
  const inPair = isHighSurrogate(text.charCodeAt(at - 1)) && isLowSurrogate(text.charCodeAt(at));
  return inPair ? at - 1 : at;
}

const isSpace = (char: string | undefined) => char !== undefined && /\s/.test(char);
const isHighSurrogate = (code: number) => code >= 0xd800 && code <= 0xdbff;
const isLowSurrogate = (code: number) => code >= 0xdc00 && code <= 0xdfff;
