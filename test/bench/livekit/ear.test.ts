import { expect, test } from 'vitest';
import { Ear } from '../../../bench/livekit/ear.ts';
import { LevelDetector, type LevelEdge } from '../../../bench/livekit/level-detector.ts';
import { SampleClock } from '../../../bench/livekit/sample-clock.ts';
import { CODES, codeOf, toneOf } from '../../../bench/livekit/tones.ts';

const RATE = 16_000;
const FRAME = 320;

/** Plays pieces one after the other to an ear, in frames of 20 ms that begin at 1 000 ms. */
function heard(...pieces: readonly Int16Array[]) {
  const ear = new Ear(RATE);
  const all = Int16Array.from(pieces.flatMap((piece) => [...piece]));
  for (let at = 0; at + FRAME <= all.length; at += FRAME)
    ear.hear(all.subarray(at, at + FRAME), 1_000 + (at * 1000) / RATE);
  return ear.tones.map(({ code, fromMs, toMs }) => ({ code, fromMs: Math.round(fromMs), toMs: Math.round(toMs) }));
}

const silence = (ms: number) => new Int16Array((RATE * ms) / 1000);
const tone = (code: number, ms: number) => toneOf(code, ms, RATE);

test('every tone has its number at every rate in use, and noise has none', () => {
  for (const rateHz of [16_000, 24_000, 48_000])
    for (let code = 0; code < CODES; code++) expect(codeOf(toneOf(code, 20, rateHz), rateHz)).toBe(code);
  expect(
    codeOf(
      toneOf(0, 20, RATE).map((sample, i) => (i % 2 ? sample : -sample)),
      RATE,
    ),
  ).toBe(-1);
  expect(codeOf(silence(20), RATE)).toBe(-1);
});

test('a tone is heard from its first to its last sample, wherever the frames are cut', () => {
  expect(heard(silence(107), tone(3, 205), silence(100))).toEqual([{ code: 3, fromMs: 1_107, toMs: 1_312 }]);
});

test('a hiccup does not end a tone, a silence of 40 ms does', () => {
  expect(heard(tone(2, 100), silence(20), tone(2, 100), silence(80))).toHaveLength(1);
  expect(heard(tone(2, 100), silence(80), tone(2, 100), silence(80))).toHaveLength(2);
});

test('another tone right behind one is another tone', () => {
  expect(heard(tone(2, 200), tone(5, 200)).map(({ code }) => code)).toEqual([2, 5]);
});

test('the last frame of a tone that reads as another number is still its end', () => {
  expect(heard(tone(5, 200), tone(4, 20), silence(80))).toEqual([{ code: 5, fromMs: 1_000, toMs: 1_220 }]);
  expect(heard(tone(5, 200), silence(80), tone(4, 20), silence(80)).map(({ code }) => code)).toEqual([5, 4]);
});

test('the sample clock tells when audio was heard although the loop was late', () => {
  const clock = new SampleClock(RATE);
  const lateMs = [3, 0, 200, 180, 160, 5];
  const starts = lateMs.map((late, i) => clock.startOf(FRAME, 5_020 + i * 20 + late));
  expect(starts.slice(1)).toEqual([5_020, 5_040, 5_060, 5_080, 5_100]);
});

test('the detector tells start, interruption and end of what is loud', () => {
  const edges: LevelEdge[] = [];
  const detector = new LevelDetector(RATE, (edge) => edges.push(edge));
  const all = [...silence(100), ...tone(1, 400), ...silence(200), ...tone(1, 60), ...silence(400)];
  for (let at = 0; at + FRAME <= all.length; at += FRAME) detector.write(Int16Array.from(all.slice(at, at + FRAME)));
  expect(edges).toEqual([
    { type: 'started', fromMs: 100 },
    { type: 'sustained', atMs: 300 },
    { type: 'ended', lastVoiceMs: 760 },
  ]);
});
