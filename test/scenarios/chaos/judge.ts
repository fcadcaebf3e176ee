// Plays the calls of a seed and says which rules they broke.
import { brokenRules } from './invariants.ts';
import { perform } from './perform.ts';
import { planOf } from './plan.ts';
import { failure, story } from './report.ts';

export interface Verdict {
  /** One line for each call that broke a rule. */
  readonly broken: readonly string[];
  /** The first of them at length, or empty. */
  readonly report: string;
}

/** A broken build breaks most calls; a handful shows enough. */
const MOST_FAILURES = 20;

/** Plays calls 0 to `calls` - 1 of a seed. */
export async function judgeSeed(seed: number, calls: number): Promise<Verdict> {
  const broken: { readonly call: number; readonly rules: readonly string[] }[] = [];
  for (let call = 0; call < calls && broken.length < MOST_FAILURES; call++) {
    const rules = brokenRules(await perform(planOf(seed, call)));
    if (rules.length > 0) broken.push({ call, rules });
  }
  const [first] = broken;
  return {
    broken: broken.map(({ call, rules }) => `call ${call}: ${rules.join('; ')}`),
    report: first === undefined ? '' : await failure(planOf(seed, first.call), first.rules),
  };
}

/** Plays a single call and prints its log. */
export async function judgeCall(seed: number, call: number): Promise<Verdict> {
  const plan = planOf(seed, call);
  const evidence = await perform(plan);
  console.info(story(evidence));
  const broken = brokenRules(evidence);
  return { broken, report: broken.length === 0 ? '' : await failure(plan, broken) };
}

/** "3", "1,4", "2-12" and what is made of them. @throws RangeError for anything else */
export function seedsOf(text: string): readonly number[] {
  return text.split(',').flatMap((part) => {
    const [, from, to = from] = /^(\d+)(?:-(\d+))?$/u.exec(part.trim()) ?? [];
    const count = Number(to) - Number(from) + 1;
    if (!(count >= 1)) throw new RangeError(`seeds are written as 3, as 1,4 or as 2-12, not as "${text}"`);
    return Array.from({ length: count }, (_, i) => Number(from) + i);
  });
}
