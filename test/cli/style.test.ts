import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { styleOf, wrap } from '../../src/cli/style.ts';

describe('style', () => {
  test.each([
    ['a terminal', { isTTY: true, columns: 80 }, {}, true],
    ['a file', {}, {}, false],
    ['NO_COLOR', { isTTY: true }, { NO_COLOR: '1' }, false],
    ['an empty NO_COLOR', { isTTY: true }, { NO_COLOR: '' }, true],
    ['a dumb terminal', { isTTY: true }, { TERM: 'dumb' }, false],
  ])('%s', (_what, terminal, env, coloured) => {
    expect(styleOf(terminal, env).paint('red', 'x') !== 'x').toBe(coloured);
  });

  test('a terminal says how wide it is, a file does not', () => {
    expect(styleOf({ isTTY: true, columns: 61 }, {}).width).toBe(61);
    expect(styleOf({ isTTY: true, columns: 0 }, {}).width).toBe(20);
    expect(styleOf({}, {}).width).toBe(100);
  });

  test('wrapping keeps every word and no line is too long', () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z]{1,12}$/)), fc.integer({ min: 1, max: 40 }), (words, width) => {
        const lines = wrap(words.join(' '), width);
        expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
        expect(lines.join('').replaceAll(' ', '')).toBe(words.join(''));
      }),
    );
  });
});
