// Ids and randomness; both come from the runtime so that a test or a replay can fix them.
import { customAlphabet } from 'nanoid';

/** Source of ids and random numbers of one runtime. */
export interface Ids {
  /** A new id such as `sess_8f3k...`; unique within the process. */
  next(prefix: string): string;
  /** A number in [0, 1). */
  random(): number;
}

const suffix = customAlphabet('0123456789abcdefghijklmnopqrstuvwxyz', 16);

/** Ids that do not repeat between processes (nanoid, 16 characters, about 82 bits). */
export const randomIds: Ids = { next: (prefix) => `${prefix}_${suffix()}`, random: Math.random };

/** Ids that count from 1 and a seeded generator (mulberry32): the same seed gives the same run. */
export function seededIds(seed = 1): Ids {
  let count = 0;
  let state = seed >>> 0;
  return {
    next: (prefix) => `${prefix}_${++count}`,
    random: () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = state;
      t = Math.imul(t ^ (t >>> 15), t | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    },
  };
}
