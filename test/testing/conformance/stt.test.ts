import { describe, expect, it } from 'vitest';
import { nextLoopTurn } from '../../../src/clock.ts';
import { openMoonshineStream } from '../../../src/providers/local/moonshine-stream.ts';
import type { Stt, SttOpenOptions, SttStream } from '../../../src/providers/stt.ts';
import { sttConformance } from '../../../src/testing/conformance/stt.ts';
import { syntheticVoice, toInt16 } from '../../providers/local/synthetic-voice.ts';

const options = { speech: toInt16(syntheticVoice(16_000)), settle: nextLoopTurn, maxSettles: 20 };

/** The stream of the embedded recogniser on a stand-in that hears a word where there is any sound. */
function open(given: SttOpenOptions, partials = true): SttStream {
  const decode = async (samples: Int16Array) =>
    samples.some((sample) => sample !== 0) ? `word ${samples.length}` : '';
  return openMoonshineStream(given, { decode, partials, partialIntervalMs: 500 });
}
const sttOf = (openStream: Stt['open'], partials = true): Stt => ({
  label: 'stand-in',
  capabilities: { partials, languages: ['en'] },
  open: openStream,
});

describe('the stream of the embedded recogniser keeps the contract', () => {
  for (const { rule, run } of sttConformance(() => sttOf(open), options)) it(rule, run);
});

describe('without partials it keeps the contract too', () => {
  const silent = sttOf((given) => open(given, false), false);
  for (const { rule, run } of sttConformance(() => silent, options)) it(rule, run);
});

const villains: readonly (readonly [string, Stt])[] = [
  ['reports partials it does not announce', sttOf(open, false)],
  ['never gives a final', sttOf((given) => open({ ...given, report: (r) => r.type === 'partial' && given.report(r) }))],
  [
    'gives two finals',
    sttOf((given) =>
      open({
        ...given,
        report: (result) => {
          given.report(result);
          given.report(result);
        },
      }),
    ),
  ],
  ['mixes utterances up', sttOf((given) => open({ ...given, report: (r) => given.report({ ...r, utterance: 1 }) }))],
  ['hears words in silence', sttOf((given) => open({ ...given, report: (r) => given.report({ ...r, text: 'uh' }) }))],
  ['ignores discard', sttOf((given) => ({ ...open(given), discard: () => undefined }))],
  ['reports after close', sttOf((given) => ({ ...open(given), close: () => undefined }))],
  ['does not heed the signal', sttOf((given) => open({ ...given, signal: new AbortController().signal }))],
  [
    'throws at unknown utterances',
    sttOf((given) => {
      const stream = open(given);
      const end: SttStream['end'] = (utterance) => {
        if (utterance === 40) throw new Error('unknown');
        stream.end(utterance);
      };
      return { ...stream, end };
    }),
  ],
];

it.each(villains)('an adapter that %s breaks a rule', async (_, villain) => {
  const outcomes = await Promise.allSettled(sttConformance(() => villain, options).map(({ run }) => run()));
  expect(outcomes.map(({ status }) => status)).toContain('rejected');
});
