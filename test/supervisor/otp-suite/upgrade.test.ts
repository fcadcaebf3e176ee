// supervisor_SUITE: new flags and specs for a running supervisor.
import { describe, expect, test } from 'vitest';
import type { AnyActorRef } from 'xstate';
import {
  type AutoShutdown,
  type ChildSpec,
  getChildSpec,
  restartChild,
  type SpecUpdate,
  startChild,
  updateSpecs,
} from '../../../src/supervisor/index.ts';
import { counts, show, world } from '../world.ts';

/** Two significant temporary children (none under `never`), then a change of mode, then one end after the other. */
async function change(from: AutoShutdown, to: AutoShutdown) {
  const w = world();
  const specs = (mode: AutoShutdown) =>
    ['a', 'b'].map((id) => w.child(id, { restart: 'temporary', significant: mode !== 'never' }));
  const sup = w.top(specs(from), { autoShutdown: from });
  expect(await updateSpecs(sup, { autoShutdown: to, children: specs(to) })).toEqual({ ok: true });
  w.quit('a');
  const afterFirst = w.isAlive(sup);
  if (afterFirst) w.quit('b');
  return [afterFirst, w.isAlive(sup)];
}

describe('upgrade', () => {
  test('significant_upgrade_never_any', async () =>
    expect(await change('never', 'any_significant')).toEqual([false, false]));
  test('significant_upgrade_any_never', async () =>
    expect(await change('any_significant', 'never')).toEqual([true, true]));
  test('significant_upgrade_never_all', async () =>
    expect(await change('never', 'all_significant')).toEqual([true, false]));
  test('significant_upgrade_all_never', async () =>
    expect(await change('all_significant', 'never')).toEqual([true, true]));
  test('significant_upgrade_any_all', async () => {
    expect(await change('any_significant', 'all_significant')).toEqual([true, false]);
  });
  test('significant_upgrade_all_any', async () => {
    expect(await change('all_significant', 'any_significant')).toEqual([false, false]);
  });

  test('significant_upgrade_child', async () => {
    const { top, child, quit, isAlive } = world();
    const spec = (significant: boolean) => child('a', { restart: 'transient', significant });
    const never = top([child('x', { restart: 'transient' })]);
    const refused = await updateSpecs(never, { children: [child('x', { restart: 'transient', significant: true })] });
    expect(refused).toMatchObject({ ok: false, reason: 'invalid_spec' });
    const sup = top([spec(false), child('b')], { autoShutdown: 'any_significant' });
    await updateSpecs(sup, { children: [spec(true), child('b')] });
    expect(isAlive(sup)).toBe(true);
    quit('a');
    expect(isAlive(sup)).toBe(false);
  });

  const upgrade = async (
    old: readonly ChildSpec[],
    update: SpecUpdate,
    top: (c: readonly ChildSpec[]) => AnyActorRef,
  ) => {
    const sup = top(old);
    return { sup, result: await updateSpecs(sup, update) };
  };

  test('code_change', async () => {
    const { top, child, ref, crash, endOf } = world();
    const old = [child('a'), child('b', { shutdown: 1_000 })];
    const update = { intensity: 3, periodMs: 60_000, children: [child('c'), child('b', { shutdown: 2_000 })] };
    const { sup, result } = await upgrade(old, update, top);
    expect(result).toEqual({ ok: true });
    // Nothing starts, the child that is missing in the new list is kept behind the others.
    expect([show(sup), counts(sup)]).toEqual(['c:down b:up a:up', [3, 2, 0, 3]]);
    expect(getChildSpec(sup, 'b')).toMatchObject({ shutdown: 2_000 });
    const before = ref('b');
    for (let i = 0; i < 3; i++) crash('b');
    expect([show(sup), ref('b') === before]).toEqual(['c:down b:up a:up', false]);
    expect(await restartChild(sup, 'c')).toMatchObject({ ok: true });
    crash('b');
    expect(endOf(sup)).toBe('shutdown');
  });

  test('code_change_map', async () => {
    const { top, child, isAlive, crash } = world();
    const faulty: readonly [SpecUpdate, string][] = [
      [{ strategy: 'all_for_all' }, 'strategy'],
      [{ intensity: -1 }, 'intensity'],
      [{ periodMs: 0 }, 'periodMs'],
      [{ autoShutdown: 'maybe' }, 'autoShutdown'],
      [{ intensity: 9, children: [{ id: 'a' } as ChildSpec] }, 'a.start'],
      [{ intensity: 9, children: [child('x'), child('x')] }, 'children'],
    ];
    for (const [update, field] of faulty) {
      const { sup, result } = await upgrade([child('a')], update, top);
      expect(result).toMatchObject({ ok: false, reason: 'invalid_spec', error: { code: 'ERR_CHILD_SPEC', field } });
      expect(show(sup)).toBe('a:up');
      crash('a');
      crash('a');
      // The intensity of 1 is still in force: nothing of a faulty update was taken.
      expect(isAlive(sup)).toBe(false);
    }
    const { sup, result } = await upgrade([child('a')], {}, top);
    expect([result, show(sup)]).toEqual([{ ok: true }, 'a:up']);
  });

  test('code_change_simple', async () => {
    const { pool, child, crash, isAlive } = world();
    const sup = pool({ intensity: 0 });
    await startChild(sup, child('a'));
    expect(await updateSpecs(sup, { intensity: 1 })).toEqual({ ok: true });
    crash('a');
    expect(isAlive(sup)).toBe(true);
  });

  test('code_change_simple_map', async () => {
    const { pool, child } = world();
    const sup = pool();
    await startChild(sup, child('a'));
    expect(await updateSpecs(sup, { children: [child('b')] })).toMatchObject({ ok: false, reason: 'invalid_spec' });
    expect(counts(sup)).toEqual([1, 1, 0, 1]);
  });
});
