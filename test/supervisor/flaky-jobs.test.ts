import { expect, test } from 'vitest';
import { flakyJobs } from '../../examples/flaky-jobs.ts';
import { seededIds } from '../../src/ids.ts';

test('the example loses no part of a file and fetches none twice, whatever fails', async () => {
  const lines: string[] = [];
  const { random } = seededIds(3);
  const parts = await flakyJobs({ files: 5, paceMs: 1, random, print: (line) => lines.push(line) });
  const expected = [1, 2, 3, 4, 5].flatMap((file) => [0, 1, 2, 3].map((part) => `file-${file}:${part}`));
  expect([...parts].sort()).toEqual(expected);
  expect(lines.some((line) => line.includes('is damaged'))).toBe(true);
  expect(lines.at(-1)).toBe('20 of 20 parts; the tree ends with shutdown');
});
