import { describe, expect, it } from 'vitest';
import type { TurnDetector } from '../../../src/providers/turn-detector.ts';
import { turnDetectorConformance } from '../../../src/testing/conformance/turn-detector.ts';

/** Over unless the text ends in a small word. */
const honestly = (text: string) => (/\b(?:in|the)\W*$/.test(text) ? 0.2 : 0.8);
const made = (predict: (text: string) => number) => (): TurnDetector => ({
  label: 'made up',
  predict: ({ text }) => predict(text),
});

const villains: readonly (readonly [rule: string, () => TurnDetector])[] = [
  [
    'every answer is a number from 0 to 1, given at once',
    made((text) => (text.includes('%') ? Number.NaN : honestly(text))),
  ],
  [
    'hostile text never throws',
    made((text) => {
      encodeURIComponent(text); // throws at lone surrogates
      return honestly(text);
    }),
  ],
  [
    'the same question gets the same answer, whatever was asked between',
    () => {
      let asked = 0;
      return made((text) => honestly(text) - 0.001 * asked++)();
    },
  ],
  ['finished sentences count as over', made(() => 0.1)],
  ['sentences cut before their object do not count as over', made(() => 0.9)],
];

describe('the rules of a TurnDetector', () => {
  it('hold for an honest one', async () => {
    for (const { run } of turnDetectorConformance(made(honestly))) await run();
  });

  it('have one villain each', () => {
    expect(villains.map(([rule]) => rule)).toEqual(turnDetectorConformance(made(honestly)).map(({ rule }) => rule));
  });

  it.each(villains)('%s: a villain is caught', async (rule, make) => {
    const found = turnDetectorConformance(make).find((candidate) => candidate.rule === rule);
    await expect(found?.run()).rejects.toThrow();
  });
});
