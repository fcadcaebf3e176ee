// What is told of a call that broke a rule: the shortest plan that still breaks one, and everything that happened in it.
import { inspect } from 'node:util';
import { brokenRules } from './invariants.ts';
import { type Evidence, perform } from './perform.ts';
import type { Plan } from './plan.ts';

/** Plan, log, history and faults of a call, line by line. */
export function story({ plan, log, history, reports, problems }: Evidence): string {
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

/** `broken` is what the whole plan broke. */
export async function failure(plan: Plan, broken: readonly string[]): Promise<string> {
  const small = await perform(await shrink(plan));
  return [
    `seed ${plan.seed}, call ${plan.call}:`,
    ...broken,
    `replay: npm run test:chaos -- --seeds ${plan.seed} --call ${plan.call}`,
    `or with the suite's build of xstate: LIVEKITEX_SEEDS=${plan.seed} LIVEKITEX_CALL=${plan.call} npx vitest run --project development test/scenarios/random-calls.test.ts`,
    'the shortest plan that still breaks a rule:',
    ...brokenRules(small),
    story(small),
  ].join('\n');
}
