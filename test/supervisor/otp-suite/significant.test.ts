// supervisor_SUITE: automatic shutdown by significant children.
import { describe, expect, test } from 'vitest';
import type { AutoShutdown, ExitReason, RestartType } from '../../../src/supervisor/index.ts';
import { terminateChild } from '../../../src/supervisor/index.ts';
import { nested, world } from '../world.ts';

const modes = ['any_significant', 'all_significant'] as const;
const exits: readonly ExitReason[] = ['normal', 'shutdown', { shutdown: 'x' }, 'killed', { error: 'boom' }];

function two(restart: RestartType, autoShutdown: AutoShutdown, significant = true) {
  const w = world();
  const children = [w.child('a', { restart, significant }), w.child('b', { restart, significant }), w.child('c')];
  return { ...w, sup: w.top(children, { autoShutdown, intensity: 9 }) };
}

describe('significant', () => {
  test('nonsignificant_temporary', () => {
    for (const mode of ['never', ...modes] as const) {
      const { sup, quit, isAlive } = two('temporary', mode, false);
      quit('a', { error: 'boom' });
      quit('b');
      expect(isAlive(sup)).toBe(true);
    }
  });

  test('nonsignificant_transient', () => {
    for (const mode of ['never', ...modes] as const) {
      const { sup, quit, isAlive } = two('transient', mode, false);
      quit('a', 'shutdown');
      quit('b');
      expect(isAlive(sup)).toBe(true);
    }
  });

  test('significant_temporary', async () => {
    for (const reason of exits) {
      const any = two('temporary', 'any_significant');
      any.quit('a', reason);
      expect([any.endOf(any.sup), any.endsOf('b'), any.endsOf('c')]).toEqual(['shutdown', ['shutdown'], ['shutdown']]);
      const all = two('temporary', 'all_significant');
      all.quit('a', reason);
      expect(all.isAlive(all.sup)).toBe(true);
      all.quit('b', reason);
      expect(all.endOf(all.sup)).toBe('shutdown');
    }
    for (const mode of modes) {
      const { sup, isAlive } = two('temporary', mode);
      await terminateChild(sup, 'a');
      await terminateChild(sup, 'b');
      expect(isAlive(sup)).toBe(true);
    }
  });

  test('significant_transient', async () => {
    for (const mode of modes) {
      const { sup, crash, quit, isAlive, endOf } = two('transient', mode);
      crash('a');
      quit('b', 'killed');
      await terminateChild(sup, 'a');
      expect(isAlive(sup)).toBe(true);
      quit('b');
      // `a` was stopped by hand, so `b` was the last one alive in both modes.
      expect(endOf(sup)).toBe('shutdown');
    }
    const { sup, quit, isAlive, endOf } = two('transient', 'all_significant');
    quit('a');
    expect(isAlive(sup)).toBe(true);
    quit('b', 'shutdown');
    expect(endOf(sup)).toBe('shutdown');
  });

  test('significant_simple', async () => {
    for (const mode of modes) {
      const { pool, child, add, crash, quit, endOf, isAlive } = world();
      const sup = pool({ autoShutdown: mode, intensity: 9 });
      const spec = (id: string) => child(id, { restart: 'transient', significant: true });
      const gone = await add(sup, spec('x'));
      await add(sup, spec('a'));
      await add(sup, spec('b'));
      crash('a');
      await terminateChild(sup, gone);
      expect(isAlive(sup)).toBe(true);
      quit('a');
      expect(isAlive(sup)).toBe(mode === 'all_significant');
      if (mode === 'all_significant') quit('b');
      expect(endOf(sup)).toBe('shutdown');
    }
  });

  test('significant_bystander', () => {
    for (const mode of modes) {
      for (const strategy of ['one_for_one', 'one_for_all', 'rest_for_one'] as const) {
        for (const restart of ['temporary', 'transient'] as const) {
          const { top, child, crash, isAlive } = world();
          const sup = top([child('a'), child('b', { restart, significant: true })], { strategy, autoShutdown: mode });
          crash('a');
          expect(isAlive(sup)).toBe(true);
        }
      }
    }
  });

  test('significant_escalation', () => {
    for (const significant of [true, false]) {
      const { top, child, quit, endOf } = world();
      const inner = nested('inner', [child('w', { restart: 'transient', significant: true })], {
        autoShutdown: 'any_significant',
      });
      const sub = child('s', { logic: inner, type: 'supervisor', restart: 'transient', significant });
      const sup = top([sub, child('other')], { autoShutdown: 'any_significant' });
      quit('w');
      expect(endOf(sup)).toBe(significant ? 'shutdown' : undefined);
    }
  });
});
