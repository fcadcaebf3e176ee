// The promises of the TurnDetector contract as rules that any adapter can be run against.
import type { TurnDetector } from '../../providers/turn-detector.ts';
import { type ConformanceRule, HOSTILE_TEXTS, must } from './rule.ts';

const FINISHED = ['What is the weather in Paris?', 'Please tell me the time.', 'Thank you very much.'];
const CUT = ['What is the weather in', 'Please tell me the', 'I would like to know the'];

/** Rules of the {@link TurnDetector} contract, for detectors that understand English. */
export function turnDetectorConformance(make: () => TurnDetector): readonly ConformanceRule[] {
  const rule = (name: string, run: (detector: TurnDetector) => void): ConformanceRule => ({
    rule: name,
    run: async () => run(make()),
  });
  const judged = (detector: TurnDetector, text: string, lastReply = '') => detector.predict({ text, lastReply });

  return [
    rule('every answer is a number from 0 to 1, given at once', (detector) => {
      for (const text of [...FINISHED, ...CUT, ...HOSTILE_TEXTS])
        for (const lastReply of ['', ...HOSTILE_TEXTS.slice(1, 4)]) {
          const p: unknown = judged(detector, text, lastReply);
          must(typeof p === 'number' && p >= 0 && p <= 1, `${JSON.stringify(text.slice(0, 30))} gave ${String(p)}`);
        }
    }),

    rule('hostile text never throws', (detector) => {
      for (const text of [...HOSTILE_TEXTS, 'and '.repeat(25_000)])
        try {
          judged(detector, text, text);
        } catch (thrown) {
          throw new Error(`${JSON.stringify(text.slice(0, 30))} made it throw: ${String(thrown)}`);
        }
    }),

    rule('the same question gets the same answer, whatever was asked between', (detector) => {
      const before = judged(detector, 'What is the weather in');
      for (const text of FINISHED) judged(detector, text);
      must(judged(detector, 'What is the weather in') === before, 'the answer depends on earlier calls');
    }),

    rule('finished sentences count as over', (detector) => {
      for (const text of FINISHED) must(judged(detector, text) >= 0.5, `${JSON.stringify(text)} was judged unfinished`);
    }),

    rule('sentences cut before their object do not count as over', (detector) => {
      for (const text of CUT) must(judged(detector, text) < 0.5, `${JSON.stringify(text)} was judged finished`);
    }),
  ];
}
