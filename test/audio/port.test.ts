import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AudioFrame } from '../../src/audio/frame.ts';
import { type DropPolicy, Port } from '../../src/audio/port.ts';

function frame(ms: number, name = 0): AudioFrame {
  return { samples: new Int16Array(ms * 16).fill(name), sampleRateHz: 16_000, channels: 1 };
}

function names(port: Port): number[] {
  const out: number[] = [];
  for (let next = port.read(); next !== undefined; next = port.read()) out.push(next.samples[0] ?? -1);
  return out;
}

describe('Port', () => {
  it.each([
    ['oldest', [true, true, true, true], [3, 4], 2],
    ['newest', [true, true, false, false], [1, 2], 2],
    ['none', [true, true, false, false], [1, 2], 0],
  ] as const)('full, with drop policy %s', (drop, accepted, left, dropped) => {
    const port = new Port({ capacityMs: 50, drop });
    expect([1, 2, 3, 4].map((name) => port.write(frame(20, name)))).toEqual(accepted);
    expect(names(port)).toEqual(left);
    expect(port.dropped).toBe(dropped);
  });

  it.each(['oldest', 'newest', 'none'] as const)('takes a frame longer than itself when it is empty (%s)', (drop) => {
    const port = new Port({ capacityMs: 50, drop });
    expect(port.write(frame(200, 1))).toBe(true);
    expect(port.queuedMs).toBe(200);
    expect(names(port)).toEqual([1]);
  });

  it('is empty when it was cleared, which drops nothing', () => {
    const port = new Port({ capacityMs: 100, drop: 'none' });
    port.write(frame(20));
    port.clear();
    expect([port.read(), port.queuedMs, port.dropped]).toEqual([undefined, 0, 0]);
  });

  it('never holds more than its capacity, keeps the order and counts every frame', () => {
    const policy = fc.constantFrom<DropPolicy>('oldest', 'newest', 'none');
    const step = fc.oneof(
      fc.record({ writeMs: fc.integer({ min: 1, max: 60 }) }),
      fc.constant('read'),
      fc.constant('clear'),
    );
    fc.assert(
      fc.property(
        policy,
        fc.integer({ min: 60, max: 200 }),
        fc.array(step, { maxLength: 100 }),
        (drop, capacityMs, steps) => {
          const port = new Port({ capacityMs, drop });
          let name = 0;
          let last = 0;
          let inside = 0;
          for (const action of steps) {
            if (action === 'clear') {
              port.clear();
              inside = 0;
            } else if (action === 'read') {
              const read = port.read()?.samples[0];
              if (read === undefined) continue;
              expect(read).toBeGreaterThan(last);
              last = read;
              inside--;
            } else if (typeof action === 'object') {
              const before = port.dropped;
              if (port.write(frame(action.writeMs, ++name))) inside += 1 - (port.dropped - before);
            }
            expect(port.queuedMs).toBeLessThanOrEqual(capacityMs);
          }
          expect(names(port).length).toBe(inside);
          expect(port.queuedMs).toBe(0);
        },
      ),
    );
  });

  it.each([0, -5, Number.NaN])('refuses a capacity of %d ms', (capacityMs) => {
    expect(() => new Port({ capacityMs, drop: 'none' })).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION', field: 'capacityMs' }),
    );
  });
});
