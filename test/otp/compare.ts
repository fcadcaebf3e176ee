// Compares two traces of one scenario; what Erlang leaves open is put into a fixed order first.
import { isOrdered, type Scenario } from './scenario.ts';

/** The first difference, for people; undefined when the traces agree. */
export function difference(
  scenario: Scenario,
  expected: readonly string[],
  actual: readonly string[],
): string | undefined {
  const ordered = isOrdered(scenario);
  const left = normalise(expected, ordered);
  const right = normalise(actual, ordered);
  const at = left.findIndex((line, i) => line !== right[i]);
  if (at < 0 && left.length === right.length) return undefined;
  const from = Math.max(0, (at < 0 ? left.length : at) - 12);
  const show = (lines: readonly string[]) => lines.slice(from, from + 24).join('\n    ');
  return `line ${at}\n  erlang:\n    ${show(left)}\n  ours:\n    ${show(right)}`;
}

/** In an unordered scenario the facts of one step are grouped: starts and states in order, ends and reports sorted. */
function normalise(trace: readonly string[], ordered: boolean): string[] {
  // OTP does not report the progress of simple_one_for_one children, Elixir and this project do.
  const lines = trace.filter((line) => line !== 'r progress *').map((line) => line.replaceAll('error:bad', 'bad'));
  const steps: string[][] = [[]];
  for (const line of lines) {
    if (line.startsWith('-')) steps.push([]);
    steps.at(-1)?.push(line);
  }
  return steps.flatMap((step) => {
    const pick = (...kinds: string[]) => step.filter((line) => kinds.some((kind) => line.startsWith(kind)));
    const facts = ordered ? pick('s ', 'e ', 'r ') : [...pick('s '), ...pick('e ').sort(), ...pick('r ').sort()];
    return [...pick('-', 'top'), ...facts, ...pick('a '), ...pick('w ')];
  });
}
