import fc from 'fast-check';
import { expect, test } from 'vitest';
import { heardText } from '../../src/audio/heard-text.ts';

const text = 'One two. Three four.';
const marks = [
  { chars: 9, samples: 900 },
  { chars: 20, samples: 2_000 },
];

const rows: readonly [what: string, played: number, heard: string][] = [
  ['nothing was played', 0, ''],
  ['less than a word was played', 200, ''],
  ['half a clause was played', 500, 'One'],
  ['a clause was played', 900, 'One two. '],
  ['the second clause has begun', 1_000, 'One two. '],
  ['most was played', 1_700, 'One two. Three'],
  ['all was played', 2_000, text],
  ['more than all was played', 9_999, text],
];
test.each(rows)('%s', (_what, played, heard) => {
  expect(heardText(text, marks, played, 2_000)).toBe(heard);
});

test('without marks the audio so far stands for the whole text', () => {
  expect(heardText('one two three four', [], 50, 100)).toBe('one two');
  expect(heardText('one two three four', [], 100, 100)).toBe('one two three four');
  expect(heardText('one two', [], 0, 0)).toBe('');
});

test('it is a beginning of the text, ends with a whole word, and only grows', () => {
  const words = fc.array(fc.stringMatching(/^[a-z]{1,8}$/), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(words, fc.integer({ min: 1, max: 5_000 }), fc.array(fc.nat(6_000)), (said, total, positions) => {
      const whole = said.join(' ');
      let before = '';
      for (const played of positions.toSorted((a, b) => a - b)) {
        const heard = heardText(whole, [{ chars: whole.length, samples: total }], played, total);
        expect(whole.startsWith(heard)).toBe(true);
        expect(heard.startsWith(before)).toBe(true);
        expect(['', ...said]).toContain(heard.split(' ').at(-1) ?? '');
        before = heard;
      }
    }),
  );
});
