import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { phraseIndex, wordsOf } from '../../../src/providers/local/intent-index.ts';

const PHRASES = ['what is the weather in', 'what time is it in', 'tell me about the moon', 'goodbye'];
const index = phraseIndex(PHRASES);
const best = (text: string) => PHRASES[index.match(text, 1)[0]?.phrase ?? -1];

describe('the most similar phrase', () => {
  it('is the phrase itself, with likeness 1', () => {
    PHRASES.forEach((phrase, i) => {
      const [first] = index.match(phrase);
      expect(first?.phrase).toBe(i);
      expect(first?.score).toBeCloseTo(1, 9);
    });
  });

  it.each([
    ["What's the wether in", 'what is the weather in'],
    ['time is it', 'what time is it in'],
    ['about the moo', 'tell me about the moon'],
    ['good-bye', 'goodbye'],
  ])('%j survives a misheard word', (text, phrase) => {
    expect(best(text)).toBe(phrase);
  });

  it('likeness is from 0 to 1, in falling order, for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 100 }), (text) => {
        const scores = index.match(`${text} weather`).map(({ score }) => score);
        for (const score of scores) expect(score >= 0 && score <= 1 + 1e-9).toBe(true);
        expect([...scores].sort((a, b) => b - a)).toEqual(scores);
      }),
    );
  });
});

describe('words', () => {
  it.each([
    ["What's up, I'd like it", 'what is up i would like it'],
    ['Um, could you tell me, please?', 'tell me'],
    ["I can't, we won't", 'i can not we will not'],
    ['', ''],
  ])('%j', (text, words) => {
    expect(wordsOf(text).join(' ')).toBe(words);
  });
});
