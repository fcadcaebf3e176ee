import { describe, expect, it } from 'vitest';
import { wordErrors, wordsOf } from './words.ts';

describe('words to compare', () => {
  it.each([
    ['Press 1, then #.', 'press one then pound'],
    ["It's  O.K. -- isn't it?", "it's o k isn't it"],
    ['4592 and 20 and 315', 'four thousand five hundred ninety two and twenty and three hundred fifteen'],
    ['dial 02345', 'dial zero two three four five'],
    ['Your voice mail, “now”', 'your voicemail now'],
    ['', ''],
  ])('%s', (text, words) => expect(wordsOf(text).join(' ')).toBe(words));

  it('are counted as inserted, deleted or replaced', () => {
    const errors = (heard: string, said: string) => wordErrors(wordsOf(heard), wordsOf(said));
    expect(errors('a b c', 'a b c')).toBe(0);
    expect(errors('a c', 'a b c')).toBe(1);
    expect(errors('a b b c', 'a b c')).toBe(1);
    expect(errors('a x c', 'a b c')).toBe(1);
    expect(errors('', 'a b c')).toBe(3);
    expect(errors('a b c', '')).toBe(3);
    expect(errors('b a', 'a b')).toBe(2);
  });
});
