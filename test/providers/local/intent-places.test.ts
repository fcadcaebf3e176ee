import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findPlace, knownCity } from '../../../src/providers/local/intent-places.ts';

describe('the place in a sentence', () => {
  it.each([
    ['What is the weather in Paris?', 'Paris'],
    ['weather in New York today', 'New York'],
    ['What time is it in Rio de Janeiro right now', 'Rio de Janeiro'],
    ['the weather and Berlin', 'Berlin'], // the preposition was misheard
    ['weather in burlin', 'Berlin'],
    ['what time is it in Tokio?', 'Tokyo'],
    ["What is Madrid's weather", 'Madrid'],
    ['weather in São Paulo', 'Sao Paulo'],
    ['weather in Springfield tomorrow', 'Springfield'],
    ['weather in Bern', 'Bern'],
    ['weather in little hampton please', 'Little Hampton'],
  ])('%j', (sentence, place) => {
    expect(findPlace(sentence)?.place).toBe(place);
  });

  it.each(['what is the weather', 'in a moment', 'in 5 minutes', 'for me please', 'set it for the morning', '', 'in'])(
    '%j has none',
    (sentence) => {
      expect(findPlace(sentence)).toBeUndefined();
    },
  );

  it('is taken out of the rest', () => {
    expect(findPlace('What time is it in New York now?')?.rest).toBe('What time is it in now?');
  });

  it('a name that is nearly a city is that city; one that is not is nothing', () => {
    expect(knownCity('San Fransisco')).toBe('San Francisco');
    expect(knownCity('printer')).toBeUndefined();
  });

  it('any text is taken', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        findPlace(`${text} in ${text}`);
        knownCity(text);
      }),
    );
  });
});
