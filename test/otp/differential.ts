// `npm run test:otp -- --seed N --scenarios N [--record FILE]`: random scenarios against the real Erlang supervisor.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { actOut } from './act-out.ts';
import { difference } from './compare.ts';
import { askErlang, hasErlang } from './erlang.ts';
import { makeScenario } from './scenario.ts';

const { values } = parseArgs({
  options: { seed: { type: 'string' }, scenarios: { type: 'string' }, record: { type: 'string' } },
});
const seed = Number(values.seed ?? Date.now() % 1_000_000);
const count = Number(values.scenarios ?? 2_000);

if (!hasErlang()) {
  console.error('Erlang is not installed: apt-get install -y erlang-base');
  process.exit(2);
}
console.log(`seed ${seed}, ${count} scenarios (repeat with --seed ${seed} --scenarios ${count})`);
const scenarios = Array.from({ length: count }, (_, n) => makeScenario(seed, n));
const startedMs = performance.now();
const traces = askErlang(scenarios);
const askedMs = performance.now();
let mismatches = 0;
let facts = 0;
for (const scenario of scenarios) {
  const expected = traces.get(scenario.n) ?? ['Erlang gave no trace'];
  facts += expected.length;
  const found = difference(scenario, expected, await actOut(scenario).catch((error) => [String(error?.stack)]));
  if (found === undefined) continue;
  mismatches++;
  if (mismatches <= 3) console.log(`\nscenario ${scenario.n}: ${found}\n${JSON.stringify(scenario)}`);
}
const seconds = (fromMs: number, toMs: number) => ((toMs - fromMs) / 1_000).toFixed(1);
console.log(`${mismatches} mismatches in ${count} scenarios, ${facts} facts compared`);
console.log(`Erlang ${seconds(startedMs, askedMs)} s, here ${seconds(askedMs, performance.now())} s`);
if (values.record !== undefined) {
  writeFileSync(
    values.record,
    scenarios.map((scenario) => `${JSON.stringify({ scenario, trace: traces.get(scenario.n) })}\n`).join(''),
  );
}
process.exit(mismatches === 0 ? 0 : 1);
