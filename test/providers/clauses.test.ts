import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clauseSplitter } from '../../src/providers/clauses.ts';

function clausesOf(...pieces: string[]): string[] {
  const splitter = clauseSplitter();
  return [...pieces.flatMap((piece) => splitter.write(piece)), ...splitter.flush()].map((clause) => clause.text);
}

describe('clauses', () => {
  it.each([
    ['Hello there. How are you? Fine!', ['Hello there.', ' How are you?', ' Fine!']],
    ['Dr. Smith met Mr. J. R. Jones. They left.', ['Dr. Smith met Mr. J. R. Jones.', ' They left.']],
    ['At 5 p.m. we go. At 5 p.m. We stay.', ['At 5 p.m. we go.', ' At 5 p.m.', ' We stay.']],
    ['It costs 3.50 today, e.g. here. Yes.', ['It costs 3.50 today, e.g. here.', ' Yes.']],
    ['1. First thing\n2. Second thing\n', ['1. First thing\n', '2. Second thing\n']],
    ['He said "stop." Then he left.', ['He said "stop."', ' Then he left.']],
    ['Visit example.com now. Bye.', ['Visit example.com now.', ' Bye.']],
    ['好的。谢谢！', ['好的。', '谢谢！']],
    ['Wait... what? No.', ['Wait...', ' what?', ' No.']],
  ])('%j', (text, clauses) => {
    expect(clausesOf(text)).toEqual(clauses);
  });

  it('a long first clause ends at a comma, so that speech can start early', () => {
    const [first] = clausesOf(
      'The weather in Paris is sunny today, and it will stay so until Friday, they say, at least.',
    );
    expect(first).toBe('The weather in Paris is sunny today,');
  });

  it('a sentence is handed out as soon as the space behind it is written', () => {
    const splitter = clauseSplitter();
    expect(splitter.write('Hello there.')).toEqual([]);
    expect(splitter.write(' ')).toEqual([{ text: 'Hello there.', endChars: 12 }]);
  });

  const written = fc.array(
    fc.oneof(
      fc.constantFrom(
        '. ',
        ', ',
        '? ',
        '! ',
        '\n',
        ' ',
        'p.m. ',
        'Mr. ',
        '"',
        ')',
        '...',
        ' 1. ',
        'The ',
        'word',
        '😀',
        '\ud83d',
        '\udc00',
        '。',
        '—',
      ),
      fc.string({ maxLength: 40 }),
    ),
    { maxLength: 120 },
  );

  it('the clauses do not depend on the chunks', () => {
    fc.assert(
      fc.property(written, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (parts, sizes) => {
        const text = parts.join('');
        const chunks: string[] = [];
        for (let at = 0, i = 0; at < text.length; i++) {
          const size = sizes[i % sizes.length] ?? 1;
          chunks.push(text.slice(at, at + size));
          at += size;
        }
        expect(clausesOf(...chunks)).toEqual(clausesOf(text));
      }),
      { numRuns: 300 },
    );
  });

  it('together they are the text, none is empty or longer than 240, and no pair of surrogates is cut', () => {
    fc.assert(
      fc.property(written, (parts) => {
        const text = parts.join('');
        const splitter = clauseSplitter();
        const clauses = [...splitter.write(text), ...splitter.flush()];
        expect(clauses.map((clause) => clause.text).join('')).toBe(text);
        let end = 0;
        for (const clause of clauses) {
          end += clause.text.length;
          expect(clause.endChars).toBe(end);
          expect(clause.text.length).toBeGreaterThan(0);
          expect(clause.text.length).toBeLessThanOrEqual(244); // closing quotes may follow
          expect(/[\ud800-\udbff]$/.test(clause.text) && /^[\udc00-\udfff]/.test(text.slice(end))).toBe(false);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('a megabyte in one piece and in characters is cut without a quadratic wait', () => {
    const text = 'word and more. '.repeat(70_000);
    expect(clausesOf(text).length).toBe(70_001);
    expect(clausesOf('a'.repeat(1_000_000)).length).toBe(Math.ceil(1_000_000 / 240));
    expect(clausesOf(...Array.from(' '.repeat(100_000))).join('').length).toBe(100_000);
  });
});
