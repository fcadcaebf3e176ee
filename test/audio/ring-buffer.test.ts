import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RingBuffer } from '../../src/audio/ring-buffer.ts';

describe('RingBuffer', () => {
  it('gives any range of the last samples by absolute position, however they were written', () => {
    const lengths = fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 30 });
    const position = fc.integer({ min: -50, max: 3000 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), lengths, position, position, (capacity, pieces, from, to) => {
        const ring = new RingBuffer(capacity);
        const all: number[] = [];
        for (const length of pieces) {
          const piece = Int16Array.from({ length }, (_, i) => all.length + i);
          ring.write(piece);
          all.push(...piece);
        }
        expect([ring.start, ring.end]).toEqual([Math.max(0, all.length - capacity), all.length]);
        expect([...ring.copy(from, to)]).toEqual(all.slice(Math.max(from, ring.start), Math.max(0, to)));
      }),
    );
  });

  it('gives copies', () => {
    const ring = new RingBuffer(4);
    ring.write(Int16Array.of(1, 2, 3));
    ring.copy(0, 3).fill(9);
    expect([...ring.copy(0, 3)]).toEqual([1, 2, 3]);
  });
});
