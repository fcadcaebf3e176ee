import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AnyActorLogic } from 'xstate';
import { partitionFor, partitionSupervisor, terminateChild } from '../../src/supervisor/index.ts';
import { show, world } from './world.ts';

function partitions(count: number) {
  const w = world();
  const seen: number[] = [];
  const logic = partitionSupervisor({
    id: 'p',
    partitions: count,
    child: {
      start: ({ partition, ...context }) => {
        seen.push(partition);
        return w.child(String(partition)).start({ ...context });
      },
    },
  });
  return { ...w, seen, sup: w.root(logic as AnyActorLogic) };
}

describe('partition supervisor', () => {
  test('runs one copy per partition, each told its number', () => {
    const { sup, seen } = partitions(3);
    expect([show(sup), seen]).toEqual(['0:up 1:up 2:up', [0, 1, 2]]);
  });

  test('whole numbers go to their absolute value modulo the number of partitions', () => {
    const { sup, ref } = partitions(3);
    for (const [key, id] of [
      [0, '0'],
      [4, '1'],
      [-5, '2'],
      [9, '0'],
    ] as const)
      expect(partitionFor(sup, key)).toBe(ref(id));
  });

  test('any key always meets the same copy, also after that copy was restarted', () => {
    const { sup, ref, crash } = partitions(4);
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.double()), (key) => {
        const copy = partitionFor(sup, key);
        expect(copy).toBeDefined();
        expect(partitionFor(sup, key)).toBe(copy);
      }),
    );
    const before = partitionFor(sup, 2);
    crash('2');
    expect([partitionFor(sup, 2) === ref('2'), partitionFor(sup, 2) === before]).toEqual([true, false]);
  });

  test('text keys spread over all copies', () => {
    const { sup } = partitions(8);
    const met = new Map<unknown, number>();
    for (let i = 0; i < 8_000; i++) {
      const copy = partitionFor(sup, `session ${i}`);
      met.set(copy, (met.get(copy) ?? 0) + 1);
    }
    expect(met.size).toBe(8);
    for (const count of met.values()) expect(Math.abs(count - 1_000)).toBeLessThan(200);
  });

  test('a copy that is not running is not found; other actors have no partitions', async () => {
    const { sup, ref } = partitions(2);
    await terminateChild(sup, '1');
    expect([partitionFor(sup, 1), partitionFor(sup, 0), partitionFor(ref('0'), 0)]).toEqual([
      undefined,
      ref('0'),
      undefined,
    ]);
  });

  test('the number of partitions must be an integer of at least one', () => {
    for (const count of [0, -1, 1.5, Number.NaN]) expect(() => partitions(count)).toThrow(/invalid_partitions/);
    expect(() => partitionSupervisor({ id: 'p', partitions: 1, child: {} as never })).toThrow(/missing_start/);
  });
});
