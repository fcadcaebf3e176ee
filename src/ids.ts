// Ids and randomness; both come from the runtime so that a test or a replay can fix them.

/** Source of ids and random numbers of one runtime. */
export interface Ids {
  /** A new id such as `sess_8f3k...`; unique within the process. */
  next(prefix: string): string;
  /** A number in [0, 1). */
  random(): number;
}

/** 32 letters, so that five bits of a random byte choose one without bias. */
const LETTERS = '0123456789abcdefghjkmnpqrstvwxyz';

const SUFFIX_LETTERS = 16;
/** Random bytes for 64 ids at a time: a call for each id costs as much as ten ids made from a stock. */
const stock = new Uint8Array(64 * SUFFIX_LETTERS);
let used = stock.length;

/** 16 letters, 80 bits. The global `crypto` is loaded at the first id and not by the import of the library. */
function suffix(): string {
  if (used === stock.length) {
    crypto.getRandomValues(stock);
    used = 0;
  }
  let text = '';
  for (const end = used + SUFFIX_LETTERS; used < end; used++) text += LETTERS.charAt((stock[used] ?? 0) & 31);
  return text;
}

/** Ids that do not repeat between processes. */
export const randomIds: Ids = { next: (prefix) => `${prefix}_${suffix()}`, random: Math.random };

/** Ids that count from 1 and a seeded generator (mulberry32): the same seed gives the same run. */
export function seededIds(seed = 1): Ids {
  let count = 0;
  let drawn = 0;
  return {
    next: (prefix) => `${prefix}_${++count}`,
    random: () => seededFraction(seed, drawn++),
  };
}

/** The number in [0, 1) at `step`, 0 or more, of the sequence of `seed`; depends on nothing else (mulberry32). */
export function seededFraction(seed: number, step: number): number {
  let t = (seed + (step + 1) * 0x6d2b79f5) >>> 0;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
