import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { actOut } from '../otp/act-out.ts';
import { difference } from '../otp/compare.ts';
import type { Scenario } from '../otp/scenario.ts';

interface Recorded {
  readonly scenario: Scenario;
  readonly trace: readonly string[];
}

/** Recorded from the supervisor of Erlang/OTP 25 by `npm run test:otp -- --seed 2026 --scenarios 250 --record FILE`. */
const recorded: Recorded[] = readFileSync(new URL('../otp/fixtures/traces.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line));

describe('recorded Erlang traces', () => {
  test('every order, reply, count and reason is the same here', async () => {
    const differences: string[] = [];
    for (const { scenario, trace } of recorded) {
      const found = difference(scenario, trace, await actOut(scenario));
      if (found !== undefined) differences.push(`scenario ${scenario.n}: ${found}`);
    }
    expect(differences).toEqual([]);
    expect(recorded.length).toBeGreaterThanOrEqual(250);
  });

  test.each([
    ['a restart that failed', 'r start_error'],
    ['a supervisor that gave up', 'reached_max_restart_intensity'],
    ['a child that did not end as told', 'r shutdown_error'],
    ['a start that failed inside a nested supervisor', 'failed_to_start'],
    ['a restarting answer', 'a restarting'],
    ['a child killed at its deadline', 'killed'],
    ['an ignored start', 'ignore'],
    ['start information', ' info'],
    ['an answer to a queued call of a dead supervisor', 'a noproc'],
    ['a refused call by id', 'a simple_one_for_one'],
  ])('the record contains %s', (_, text) => {
    expect(recorded.filter(({ trace }) => trace.some((line) => line.includes(text))).length).toBeGreaterThan(2);
  });

  test('a difference would be found', async () => {
    const { scenario, trace } = recorded.find((each) => each.trace.length > 20) ?? { scenario: undefined, trace: [] };
    if (scenario === undefined) throw new Error('no long trace');
    const without = trace.filter((_, i) => i !== trace.findIndex((line) => line.startsWith('e ')));
    expect(difference(scenario, without, await actOut(scenario))).toBeDefined();
  });
});
