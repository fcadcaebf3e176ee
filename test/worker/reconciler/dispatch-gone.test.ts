import { expect, test } from 'vitest';
import type { JobRecord } from '../../../src/worker/job-table.ts';
import { endDeleted } from '../../../src/worker/reconciler/dispatch-gone.ts';

test.each([
  ['active', ['its dispatch was deleted']],
  ['done', []],
  ['stopped', []],
])('a job whose dispatch was deleted is told so only while it runs (%s)', (status, expected) => {
  const told: string[] = [];
  const actor = { getSnapshot: () => ({ status }), send: ({ reason }: { reason: string }) => told.push(reason) };
  endDeleted({ actor: actor as unknown as JobRecord['actor'] }); // what is asked of it
  expect(told).toEqual(expected);
});
