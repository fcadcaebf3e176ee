import { expect, test } from 'vitest';
import { apiReports, committedReports } from '../scripts/api-report.ts';

/** A difference here is a change of the public surface: look at it, then run `npm run api` and commit the result. */
test('the public declarations are the committed ones', () => {
  const fresh = apiReports();
  const committed = committedReports();
  expect([...fresh.keys()].sort()).toEqual([...committed.keys()].sort());
  for (const [name, text] of fresh)
    expect(text.split('\n'), `docs/api/${name}`).toEqual((committed.get(name) ?? '').split('\n'));
}, 120_000);

test('nothing that only the runtime calls is public', () => {
  const index = committedReports().get('index.txt') ?? '';
  expect(index).not.toMatch(/SessionHost|SessionScope|EventHub|attach\(session/);
});
