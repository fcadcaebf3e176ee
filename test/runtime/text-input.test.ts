import { expect, test } from 'vitest';
import { checkText, MAX_TEXT_CHARS } from '../../src/runtime/text-input.ts';

test.each([
  ['nothing', undefined, 'must be a string'],
  ['a number', 5, 'must be a string'],
  ['an empty text', '', 'must not be empty'],
  ['blanks', ' \n\t ', 'must not be empty'],
  ['a megabyte', 'x'.repeat(1_000_000), 'must have at most'],
])('%s is refused with rule and fix', (_what, text, rule) => {
  expect(() => checkText(text)).toThrow(
    expect.objectContaining({ code: 'ERR_TEXT', field: 'text', rule: expect.stringContaining(rule) }),
  );
});

test('blanks around a text go, and lone surrogates become the replacement character', () => {
  expect(checkText('  hello ')).toBe('hello');
  expect(checkText('a\ud800b')).toBe('a\ufffdb');
  expect(checkText('x'.repeat(MAX_TEXT_CHARS))).toHaveLength(MAX_TEXT_CHARS);
});
