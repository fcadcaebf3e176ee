import { expect, test } from 'vitest';
import { randomIds, seededIds } from '../src/ids.ts';

test('random ids carry their prefix and 80 bits, and none comes twice', () => {
  const ids = Array.from({ length: 10_000 }, () => randomIds.next('sess'));
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^sess_[0-9a-hjkmnp-z]{16}$/);
});

test('all letters come about equally often', () => {
  const counts = new Map<string, number>();
  for (let i = 0; i < 10_000; i++)
    for (const letter of randomIds.next('x').slice(2)) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  expect(counts.size).toBe(32);
  // 5 000 of each; 500 is seven standard deviations.
  for (const count of counts.values()) expect(Math.abs(count - 5_000)).toBeLessThan(500);
});

test('seeded ids and numbers are the same for the same seed', () => {
  const run = (seed: number) => {
    const ids = seededIds(seed);
    return [ids.next('a'), ids.next('b'), ids.random(), ids.random()];
  };
  expect(run(7)).toEqual(run(7));
  expect(run(7)).not.toEqual(run(8));
});
