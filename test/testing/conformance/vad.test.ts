import { describe, expect, it } from 'vitest';
import { SimpleEnergyVad } from '../../../src/audio/energy-vad.ts';
import { nextLoopTurn } from '../../../src/clock.ts';
import type { Vad, VadEdge, VadOpenOptions, VadStream } from '../../../src/providers/vad.ts';
import { vadConformance } from '../../../src/testing/conformance/vad.ts';
import { syntheticVoice, toInt16 } from '../../providers/local/synthetic-voice.ts';

const speech = toInt16(syntheticVoice(16 * 1500));
const options = { speech, settle: nextLoopTurn, maxSettles: 20 };

describe('the level detector keeps the contract', () => {
  for (const { rule, run } of vadConformance(() => new SimpleEnergyVad(), options)) it(rule, run);
});

/** The level detector with one promise broken. */
function broken(change: (open: VadOpenOptions, make: (options: VadOpenOptions) => VadStream) => VadStream): Vad {
  const inner = new SimpleEnergyVad();
  return { label: 'broken', open: (given) => change(given, (changed) => inner.open(changed)) };
}

const shifted = (edge: VadEdge): VadEdge =>
  edge.type === 'started' ? { ...edge, startedAtMs: edge.startedAtMs - 1_000_000 } : edge;

const villains: readonly (readonly [string, Vad])[] = [
  ['forgets the origin', broken((given, make) => make({ ...given, report: (edge) => given.report(shifted(edge)) }))],
  ['ignores that the user speaks', broken((given, make) => make({ ...given, speaking: false }))],
  [
    'never reports sustained',
    broken((given, make) => make({ ...given, report: (edge) => edge.type !== 'sustained' && given.report(edge) })),
  ],
  [
    'reports twice',
    broken((given, make) =>
      make({
        ...given,
        report: (edge) => {
          given.report(edge);
          given.report(edge);
        },
      }),
    ),
  ],
  ['hears on after close', broken((given, make) => ({ write: make(given).write, close: () => undefined }))],
  ['does not heed the signal', broken((given, make) => make({ ...given, signal: new AbortController().signal }))],
  [
    'throws at odd frames',
    broken((given, make) => {
      const stream = make(given);
      const write: VadStream['write'] = (frame) => {
        if (frame.samples.length % 16 !== 0) throw new Error('odd');
        stream.write(frame);
      };
      return { ...stream, write };
    }),
  ],
  [
    'speaks out of silence',
    broken((given, make) => {
      given.report({ type: 'started', startedAtMs: given.originMs });
      return make(given);
    }),
  ],
];

it.each(villains)('a detector that %s breaks a rule', async (_, villain) => {
  const outcomes = await Promise.allSettled(vadConformance(() => villain, options).map(({ run }) => run()));
  expect(outcomes.map(({ status }) => status)).toContain('rejected');
});

it('a detector that hears a voice in silence is found out, however long it takes', async () => {
  const slow = broken((given, make) => {
    const told: VadEdge[] = [{ type: 'started', startedAtMs: given.originMs }];
    const stream = make({ ...given, report: (edge) => told.push(edge) });
    const tell = async () => {
      for (let turn = 0; turn < 15; turn++) await nextLoopTurn();
      for (const edge of told.splice(0)) given.report(edge);
    };
    const write: VadStream['write'] = (frame) => {
      stream.write(frame);
      void tell();
    };
    return { ...stream, write };
  });
  const silence = vadConformance(() => slow, options).find(({ rule }) => rule === 'silence has no edges');
  await expect(silence?.run()).rejects.toThrow('nobody spoke');
});
