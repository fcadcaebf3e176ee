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
  const reports = committedReports();
  expect(reports.get('index.txt')).not.toMatch(/SessionHost|SessionScope|EventHub|attach\(session|load\?:|onJoining/);
  expect(reports.get('worker.txt')).not.toMatch(/reportPresence|shutdownCallbacks|NamedCallback|JobContextOptions/);
});

test('an option that is only inferred from a schema is in the report: a new one changes it', () => {
  const reports = committedReports();
  const unnamed = (name: string) => reports.get(name)?.split('// Not exported')[1];
  expect(unnamed('index.txt')).toMatch(/declare const schema.*longestUtteranceMs/s);
  expect(unnamed('worker.txt')).toMatch(/declare const schema.*filterTimeoutMs/s);
});

test('what a tool test has to make can be named', () => {
  const [exported = ''] = (committedReports().get('index.txt') ?? '').split('// Not exported');
  for (const name of ['ToolSession', 'ToolLog', 'RunContextInit', 'RoomConnection'])
    expect(exported).toMatch(new RegExp(`^export .*\\b${name}\\b`, 'm'));
});
