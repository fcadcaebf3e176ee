import { expect, test } from 'vitest';
import { SpokenSegment } from '../../src/audio/spoken-segment.ts';

const RATE = 8_000;
const ramp = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
const frame = (from: number, to: number) => ({
  samples: Int16Array.from(ramp(from, to)),
  sampleRateHz: RATE,
  channels: 1,
});

/** A segment on a device that has taken all audio so far; `taken` is what that was. */
function onDevice(text: string) {
  const segment = new SpokenSegment<number>({ id: 1, key: 7, itemId: 'item', rateHz: RATE });
  segment.write(text);
  const taken: number[] = [];
  const take = (position: number) => {
    if (!segment.isPlaced) segment.place(position);
    for (let next = segment.nextFrame; next !== undefined; next = segment.nextFrame) {
      taken.push(...next.samples);
      segment.written();
    }
  };
  return { segment, taken, take };
}

test('what was played is never more than the device was given, nor less than nothing', () => {
  const { segment, take } = onDevice('One.');
  segment.keep(frame(0, 100));
  take(500);
  segment.keep(frame(100, 200));
  expect([400, 500, 560, 900].map((position) => segment.played(position))).toEqual([0, 0, 60, 100]);
});

test('without a device what was seen last holds', () => {
  const { segment, take } = onDevice('One.');
  segment.keep(frame(0, 100));
  take(0);
  segment.lookAt(40, false);
  expect(segment.played(null)).toBe(40);
});

test('rewound, it goes on at the very sample and counts on from there', () => {
  const { segment, taken, take } = onDevice('One.');
  segment.keep(frame(0, 50));
  segment.keep(frame(50, 100));
  take(0);
  taken.length = 0;
  segment.rewindTo(70, 1_000);
  take(1_000);
  expect(taken).toEqual(ramp(70, 100));
  expect(segment.played(1_010)).toBe(80);
});

test('another voice gets the unfinished clause, and what the device has of it is not taken twice', () => {
  const { segment, taken, take } = onDevice('One two. Three four.');
  segment.keep(frame(0, 80));
  segment.mark(9);
  segment.keep(frame(80, 100));
  take(0);
  segment.keep(frame(100, 110)); // not on the device yet: dropped
  expect(segment.restartVoice()).toBe('Three four.');
  segment.keep(frame(80, 160));
  take(0);
  expect(taken).toEqual(ramp(0, 160));
});

test('at another rate times stay what they were', () => {
  const { segment, take } = onDevice('one two three four');
  segment.keep({ samples: new Int16Array(800).fill(1_000), sampleRateHz: RATE, channels: 1 });
  segment.mark(18);
  take(0);
  segment.rewindTo(400, 0);
  const before = [segment.msOf(400), segment.queuedMs(400), segment.heardText(400)];
  const played = segment.changeRate(400, 16_000);
  expect(played).toBe(800);
  expect([segment.msOf(played), Math.round(segment.queuedMs(played)), segment.heardText(played)]).toEqual(before);
});

test('progress is worth telling at its beginning, every 250 ms, and when nothing is left; not while it stands', () => {
  const { segment, take } = onDevice('One.');
  segment.keep({ samples: new Int16Array(8_000), sampleRateHz: RATE, channels: 1 });
  take(0);
  const looks = [0, 160, 320, 320, 2_160, 2_320].map((played) => segment.lookAt(played, false));
  expect(looks).toEqual([false, true, false, false, true, false]);
  expect([segment.lookAt(8_000, true), segment.lookAt(8_000, true)]).toEqual([true, false]);
});

test('its text is said when no word is missing behind the last mark; without marks the voice is believed', () => {
  const { segment } = onDevice('One. ');
  expect(segment.isTextSaid).toBe(true);
  segment.mark(4);
  expect(segment.isTextSaid).toBe(true);
  segment.write('Two.');
  expect(segment.isTextSaid).toBe(false);
});
