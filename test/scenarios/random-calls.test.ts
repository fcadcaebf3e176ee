// Thousands of calls with random people and random faults. LIVEKITEX_SEED and LIVEKITEX_CALLS choose other ones;
// LIVEKITEX_CALL plays a single one with its log.
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { brokenRules } from './chaos/invariants.ts';
import { type Evidence, perform } from './chaos/perform.ts';
import { type Plan, planOf } from './chaos/plan.ts';

const { LIVEKITEX_SEED: seedText = '1', LIVEKITEX_CALLS: countText = '5000', LIVEKITEX_CALL: only } = process.env;
const seed = Number(seedText);
/** A broken build breaks most calls; a handful shows enough. */
const MOST_FAILURES = 20;

function story({ plan, log, history, reports, problems }: Evidence): string {
  const { steps, answers, ...config } = plan;
  const lines = [
    JSON.stringify(config),
    ...steps.map(({ atMs, action }) => `${atMs} plan ${JSON.stringify(action)}`),
    `answers ${JSON.stringify(answers)}`,
    ...log
      .filter(({ name }) => name !== 'audio_received')
      .map(
        ({ atMs, name, event }) => `${atMs.toFixed(1)} ${name} ${JSON.stringify({ ...event, sessionId: undefined })}`,
      ),
    ...history.map((item) => JSON.stringify(item)),
    ...reports
      .filter(({ kind }) => kind !== 'progress')
      .map(({ kind, child, reason }) => `report ${kind} of ${child.id}: ${inspect(reason)}`),
    ...problems.slice(0, 5).map(({ where, error }) => `problem in ${where}: ${inspect(error)}`),
  ];
  return lines.join('\n');
}

/** Leaves out what is not needed to break a rule. */
async function shrink(plan: Plan): Promise<Plan> {
  let smallest = plan;
  for (let i = smallest.steps.length - 1; i >= 0; i--) {
    const steps = smallest.steps.filter((_, index) => index !== i);
    const shorter = { ...smallest, steps };
    if (brokenRules(await perform(shorter)).length > 0) smallest = shorter;
  }
  return smallest;
}

async function failure(plan: Plan, broken: readonly string[]): Promise<string> {
  const small = await perform(await shrink(plan));
  return [
    `seed ${plan.seed}, call ${plan.call}:`,
    ...broken,
    `replay: LIVEKITEX_SEED=${plan.seed} LIVEKITEX_CALL=${plan.call} npx vitest run --project development test/scenarios/random-calls.test.ts`,
    'the shortest plan that still breaks a rule:',
    ...brokenRules(small),
    story(small),
  ].join('\n');
}

if (only === undefined) {
  test(`${countText} random calls keep every rule (seed ${seed})`, { timeout: 600_000 }, async () => {
    const broken: { readonly call: number; readonly rules: readonly string[] }[] = [];
    for (let call = 0; call < Number(countText) && broken.length < MOST_FAILURES; call++) {
      const rules = brokenRules(await perform(planOf(seed, call)));
      if (rules.length > 0) broken.push({ call, rules });
    }
    const [first] = broken;
    const report = first === undefined ? '' : await failure(planOf(seed, first.call), first.rules);
    expect(
      broken.map(({ call, rules }) => `call ${call}: ${rules.join('; ')}`),
      report,
    ).toEqual([]);
  });
} else {
  test(`call ${only} of seed ${seed} keeps every rule`, async () => {
    const plan = planOf(seed, Number(only));
    const evidence = await perform(plan);
    console.info(story(evidence));
    const broken = brokenRules(evidence);
    expect(broken, broken.length === 0 ? '' : await failure(plan, broken)).toEqual([]);
  });
}
