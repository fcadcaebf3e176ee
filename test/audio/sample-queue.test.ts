import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SampleQueue } from '../../src/audio/sample-queue.ts';

describe('SampleQueue', () => {
  it('gives back every sample once and in order, however it is cut', () => {
    const step = fc.oneof(
      fc.record({ push: fc.integer({ min: 0, max: 500 }) }),
      fc.record({ take: fc.integer({ min: 1, max: 400 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const queue = new SampleQueue();
        let pushed = 0;
        let taken = 0;
        for (const action of steps) {
          if ('push' in action) queue.push(Int16Array.from({ length: action.push }, () => (pushed++ % 30_000) + 1));
          else {
            const real = Math.min(queue.length, action.take);
            const out = [...queue.take(action.take)];
            expect(out).toEqual(
              Array.from({ length: action.take }, (_, i) => (i < real ? ((taken + i) % 30_000) + 1 : 0)),
            );
            taken += real;
          }
          expect(queue.length).toBe(pushed - taken);
        }
      }),
    );
  });

  it('passes a piece of the asked length through without a copy', () => {
    const queue = new SampleQueue();
    const piece = Int16Array.of(1, 2, 3);
    queue.push(piece);
    expect(queue.take(3)).toBe(piece);
  });

  it('is empty after clear', () => {
    const queue = new SampleQueue();
    queue.push(Int16Array.of(1, 2, 3));
    queue.take(1);
    queue.clear();
    queue.push(Int16Array.of(7));
    expect([...queue.take(2)]).toEqual([7, 0]);
  });
});
