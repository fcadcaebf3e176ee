import { expect, test } from 'vitest';
import { globalTools } from '../../../src/tools/index.ts';
import { rehearse } from '../../../src/worker/host/rehearsal.ts';

test('a rehearsal takes every turn of six calls, and leaves no tool behind', async () => {
  const before = [...globalTools.list()];
  expect(await rehearse()).toBe(6 * 3);
  expect([...globalTools.list()]).toEqual(before);
});
