// The faults themselves take minutes (`npm run test:mutants`); here only that each of them still fits the sources.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { TABLES } from './tables.ts';

describe.each(TABLES)('$folder', ({ folder, mutants }) => {
  test.each(mutants)('$name', ({ file, find, replace }) => {
    const source = readFileSync(new URL(`../../${folder}/${file}`, import.meta.url), 'utf8');
    expect(source.split(find)).toHaveLength(2);
    expect(replace).not.toBe(find);
  });
});
