import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_RESULT_BYTES, resultText } from '../../src/tools/index.ts';

const cyclic: Record<string, unknown> = { city: 'Oslo' };
cyclic.self = cyclic;
const shared = { name: 'Oslo' };

const rows: readonly [rule: string, value: unknown, text: string][] = [
  ['text is told as it is', 'sunny, 20 "C"', 'sunny, 20 "C"'],
  ['empty text stays empty', '', ''],
  ['nothing is told as ok', undefined, 'ok'],
  ['null is JSON', null, 'null'],
  ['numbers and flags are JSON', [1, true, false], '[1,true,false]'],
  ['objects are JSON', { city: 'Oslo', temp: 20 }, '{"city":"Oslo","temp":20}'],
  ['dates are told in ISO form', { at: new Date(0) }, '{"at":"1970-01-01T00:00:00.000Z"}'],
  ['big integers are told as text', { id: 2n ** 64n }, '{"id":"18446744073709551616"}'],
  ['a cycle is told as such', cyclic, '{"city":"Oslo","self":"[circular]"}'],
  ['the same part twice is no cycle', [shared, shared], '[{"name":"Oslo"},{"name":"Oslo"}]'],
  ['binary data is told by its size', { data: new Uint8Array(480) }, '{"data":"[Uint8Array 480]"}'],
  ['half a character is replaced', 'a\ud800b', 'a\ufffdb'],
];

describe('resultText', () => {
  for (const [rule, value, text] of rows) {
    test(rule, () => {
      expect(resultText(value)).toBe(text);
    });
  }

  const throwing = {
    get city(): string {
      throw new Error('password=hunter2');
    },
  };
  let deep: unknown = 1;
  for (let i = 0; i < 100_000; i++) deep = [deep];
  for (const [what, value] of [
    ['a function', () => {}],
    ['a symbol', Symbol('x')],
    ['a throwing getter', throwing],
    ['endless nesting', deep],
  ] as const) {
    test(`${what} is a failure of the tool, and trying again does not help`, () => {
      expect(() => resultText(value)).toThrow(expect.objectContaining({ code: 'ERR_TOOL_FAILED', retryable: false }));
    });
  }

  test('a text of exactly the limit is whole, one byte more is cut with a note', () => {
    const whole = 'x'.repeat(MAX_RESULT_BYTES);
    expect(resultText(whole)).toBe(whole);
    const cut = resultText(`${whole}x`);
    expect(Buffer.byteLength(cut)).toBe(MAX_RESULT_BYTES);
    expect(cut).toContain(`[cut: the answer has ${MAX_RESULT_BYTES + 1} bytes`);
  });

  test('a long text is cut between characters and never passes the limit', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }), fc.nat({ max: 3 }), (part, shift) => {
        const text = 'x'.repeat(shift) + part.repeat(Math.ceil(MAX_RESULT_BYTES / part.length));
        const cut = resultText(text);
        expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(MAX_RESULT_BYTES);
        expect(cut.isWellFormed()).toBe(true);
        const shown = cut.split('\n[cut:')[0] ?? '';
        expect(text.startsWith(shown)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });
});
