// Thousands of calls with random people and random faults. LIVEKITEX_SEEDS and LIVEKITEX_CALLS choose other ones;
// LIVEKITEX_CALL plays a single one with its log. Many seeds in a row: `npm run test:chaos -- --seeds 2-12`.
import { expect, test } from 'vitest';
import { judgeCall, judgeSeed, seedsOf } from './chaos/judge.ts';

const { LIVEKITEX_SEEDS: seeds = '1', LIVEKITEX_CALLS: calls = '5000', LIVEKITEX_CALL: only } = process.env;
const what = only === undefined ? `${calls} random calls` : `call ${only}`;

test.each(seedsOf(seeds))(`${what} of seed %i keep every rule`, { timeout: 600_000 }, async (seed) => {
  const { broken, report } = await (only === undefined
    ? judgeSeed(seed, Number(calls))
    : judgeCall(seed, Number(only)));
  expect(broken, report).toEqual([]);
});

test('seeds are written one by one or as a range', () => {
  expect(seedsOf('3')).toEqual([3]);
  expect(seedsOf('1, 4,7-9')).toEqual([1, 4, 7, 8, 9]);
  for (const bad of ['', 'x', '3-1', '1,', '-2']) expect(() => seedsOf(bad)).toThrow(RangeError);
});
