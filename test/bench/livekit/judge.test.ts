import { expect, test } from 'vitest';
import type { HeardTone } from '../../../bench/livekit/ear.ts';
import { judge, type SaidTurn } from '../../../bench/livekit/judge.ts';

const said = (code: number, fromMs: number, isBargeIn = false): SaidTurn => ({
  code,
  fromMs,
  toMs: fromMs + 800,
  isBargeIn,
});
const heard = (code: number, fromMs: number, lengthMs = 1_500): HeardTone => ({
  code,
  fromMs,
  toMs: fromMs + lengthMs,
});

/** Two turns; the second is spoken over the answer to the first. */
const BARGED = [said(1, 0), said(2, 1_700, true)];
const CUT = heard(1, 1_200, 850);
const CLEAN = { answerMs: 100, isOldHeardAgain: false, isDoubled: false, isBroken: false };

test('an answer is measured from the end of speech, less the silence that ends a turn', () => {
  expect(judge([said(1, 0), said(2, 4_000)], [heard(1, 1_200), heard(2, 5_200)])).toEqual({
    turns: [
      { ...CLEAN, isBargeIn: false, silentMs: null },
      { ...CLEAN, isBargeIn: false, silentMs: null },
    ],
    strays: 0,
  });
});

test('a barge-in is measured to the end of the old answer, less the voice that interrupts', () => {
  const { turns } = judge(BARGED, [CUT, heard(2, 2_900)]);
  expect(turns).toEqual([
    { ...CLEAN, isBargeIn: false, silentMs: null },
    { ...CLEAN, isBargeIn: true, silentMs: 150 },
  ]);
});

test('the old answer that comes again after it was silent is found', () => {
  const { turns } = judge(BARGED, [CUT, heard(1, 2_200, 80), heard(2, 2_900)]);
  expect(turns.map(({ isOldHeardAgain }) => isOldHeardAgain)).toEqual([false, true]);
});

test('the next answer with the number of an old one is not the old one again', () => {
  const round = [...BARGED, said(1, 6_000), said(2, 9_000)];
  const { turns } = judge(round, [CUT, heard(2, 2_900), heard(1, 7_200), heard(2, 10_200)]);
  expect(turns.map(({ isOldHeardAgain }) => isOldHeardAgain)).toEqual([false, false, false, false]);
});

test.each([
  ['missing', [], { answerMs: null }],
  ['too late', [heard(1, 4_200)], { answerMs: null }],
  ['of another turn', [heard(5, 1_200)], { answerMs: null }],
  ['doubled', [heard(1, 1_200), heard(1, 2_900)], { isDoubled: true, isBroken: false }],
  ['with a hole', [heard(1, 1_200, 700), heard(1, 2_000, 700)], { isDoubled: false, isBroken: true }],
  ['cut short', [heard(1, 1_200, 900)], { isDoubled: false, isBroken: true }],
])('an answer that is %s is found', (_, tones, expected) => {
  expect(judge([said(1, 0)], tones).turns[0]).toMatchObject(expected);
});

test('a sound that belongs to no turn is counted', () => {
  expect(judge([said(1, 0)], [heard(1, 1_200), heard(5, 3_000), heard(-1, 3_500)]).strays).toBe(2);
});

test('a number that is used again is another turn', () => {
  const { turns, strays } = judge([said(1, 0), said(1, 4_000)], [heard(1, 1_200), heard(1, 5_200)]);
  expect(turns.map(({ answerMs, isDoubled }) => ({ answerMs, isDoubled }))).toEqual([
    { answerMs: 100, isDoubled: false },
    { answerMs: 100, isDoubled: false },
  ]);
  expect(strays).toBe(0);
});
