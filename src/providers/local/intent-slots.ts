// Values in a sentence: places, numbers in digits or words, and days.
import type { SlotKind, SlotValue } from './intent.ts';
import { wordsOf } from './intent-index.ts';
import { findPlace } from './intent-places.ts';

const UNITS =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'.split(
    ' ',
  );
const TENS = 'twenty thirty forty fifty sixty seventy eighty ninety'.split(' ');
const VALUES = new Map<string, number>([
  ...UNITS.map((word, i) => [word, i] as const),
  ...TENS.map((word, i) => [word, 20 + 10 * i] as const),
]);
const SCALES = new Map([
  ['hundred', 100],
  ['thousand', 1000],
  ['million', 1_000_000],
]);

/** The first number in `text`: "in twenty five minutes" is 25, "1,500" is 1500, "a hundred and ten" is 110. */
function findNumber(text: string): number | undefined {
  const digits = /-?\d{1,3}(?:,\d{3})+(?:\.\d+)?|-?\d+(?:\.\d+)?/.exec(text);
  if (digits !== null) return Number(digits[0].replaceAll(',', ''));
  let total = 0;
  let part: number | undefined;
  for (const word of wordsOf(text)) {
    const value = VALUES.get(word);
    const scale = SCALES.get(word);
    if (value !== undefined) part = (part ?? 0) + value;
    else if (scale === 100) part = (part ?? 1) * scale;
    else if (scale !== undefined) {
      total += (part ?? 1) * scale;
      part = 0;
    } else if (part !== undefined && word !== 'and') break;
  }
  return part === undefined ? undefined : total + part;
}

/** The first day `text` speaks of, as `YYYY-MM-DD` in local time, counted from `nowMs`. */
async function findDate(text: string, nowMs: number): Promise<string | undefined> {
  const { parse } = await import('chrono-node/en'); // 8 MB on disk that most sessions never need
  const found = parse(text, new Date(nowMs), { forwardDate: true });
  const start = found.find((result) => !/\b(?:second|minute|hour)s?\b/.test(result.text))?.start; // "in 5 minutes" is no day
  if (start === undefined) return undefined;
  const pad = (value: number | null) => String(value ?? 0).padStart(2, '0');
  return `${start.get('year')}-${pad(start.get('month'))}-${pad(start.get('day'))}`;
}

/** Looks for one value of `kind`. */
export async function findSlot(kind: SlotKind, text: string, nowMs: number): Promise<SlotValue | undefined> {
  switch (kind) {
    case 'location':
      return findPlace(text)?.place;
    case 'number':
      return findNumber(text);
    case 'date':
      return findDate(text, nowMs);
  }
}
