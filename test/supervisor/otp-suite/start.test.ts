// supervisor_SUITE: starting, stopping by the API, and what a spec may say.
import { describe, expect, test } from 'vitest';
import type { AnyActorLogic } from 'xstate';
import {
  type ChildSpec,
  checkChildSpec,
  deleteChild,
  dynamicSupervisor,
  Exit,
  getChildSpec,
  restartChild,
  startChild,
  supervisor,
  terminateChild,
  whichChildren,
} from '../../../src/supervisor/index.ts';
import { counts, nested, show, world } from '../world.ts';

const anything = { start: () => 'ignore' as const };
const bad = (spec: object) => spec as ChildSpec; // the point of these tests is what the types forbid

describe('start', () => {
  test('sup_start_normal', async () => {
    const { top, stop } = world();
    expect(await stop(top())).toBe('shutdown');
  });

  test('sup_start_ignore_init', () => {
    const { root, endOf, top, child } = world();
    const ignoring = supervisor({ id: 's', children: () => 'ignore' }) as AnyActorLogic;
    expect(endOf(root(ignoring))).toBe('normal');
    const above = top([child('a', { logic: ignoring, type: 'supervisor' }), child('b')]);
    expect(show(above)).toBe('a:down b:up');
  });

  test('sup_start_ignore_child', async () => {
    const { top, child } = world();
    const sup = top();
    expect(await startChild(sup, child('a', { starts: ['ignore'] }))).toEqual({ ok: true, ref: undefined });
    await startChild(sup, child('b'));
    expect([show(sup), counts(sup)]).toEqual(['a:down b:up', [2, 1, 0, 2]]);
  });

  test('sup_start_ignore_temporary_child', () => {
    const { top, child } = world();
    const sup = top([child('a', { starts: ['ignore'], restart: 'temporary' }), child('b')]);
    expect([show(sup), counts(sup)]).toEqual(['b:up', [1, 1, 0, 1]]);
  });

  test('sup_start_ignore_temporary_child_start_child', async () => {
    const { top, child } = world();
    const sup = top();
    const ignoring = child('a', { starts: ['ignore'], restart: 'temporary' });
    expect(await startChild(sup, ignoring)).toEqual({ ok: true, ref: undefined });
    await startChild(sup, child('b'));
    expect([show(sup), counts(sup)]).toEqual(['b:up', [1, 1, 0, 1]]);
  });

  test('sup_start_ignore_temporary_child_start_child_simple', async () => {
    const { pool, child } = world();
    const sup = pool();
    const ignoring = child('a', { starts: ['ignore'], restart: 'temporary' });
    expect(await startChild(sup, ignoring)).toEqual({ ok: true, ref: undefined });
    expect(counts(sup)).toEqual([0, 0, 0, 0]);
  });

  test('sup_start_ignore_permanent_child_start_child_simple', async () => {
    const { pool, child, stop } = world();
    const sup = pool();
    expect(await startChild(sup, child('a', { starts: ['ignore'] }))).toEqual({ ok: true, ref: undefined });
    await startChild(sup, child('b'));
    expect(counts(sup)).toEqual([1, 1, 0, 1]);
    expect(await stop(sup)).toBe('shutdown');
  });

  test('sup_start_error_return', () => {
    const { root, endOf } = world();
    const wrong = supervisor({ id: 's', children: () => 'nonsense' as never }) as AnyActorLogic;
    expect(endOf(root(wrong))).toMatchObject({ error: { code: 'ERR_CHILD_SPEC', field: 'children' } });
  });

  test('sup_start_fail', () => {
    const { root, endOf } = world();
    const children = () => {
      throw new Error('init');
    };
    expect(endOf(root(supervisor({ id: 's', children }) as AnyActorLogic))).toEqual({ error: new Error('init') });
  });

  test('sup_start_child_returns_error', async () => {
    const { top, child } = world();
    const sup = top();
    const start = async (starts: ('error' | 'throw')[]) => startChild(sup, child('a', { starts }));
    expect(await start(['error'])).toEqual({ ok: false, reason: 'start_failed', exit: { error: 'bad' } });
    expect(await start(['throw'])).toEqual({ ok: false, reason: 'start_failed', exit: { error: new Error('thrown') } });
    const odd = await startChild(sup, bad({ id: 'a', start: () => 'odd term' }));
    expect(odd).toMatchObject({ ok: false, reason: 'start_failed', exit: { error: { code: 'ERR_CHILD_SPEC' } } });
    expect(counts(sup)).toEqual([0, 0, 0, 0]);
  });

  test('sup_start_restart_child_returns_error', async () => {
    const { top, child, clock } = world();
    const sup = top([child('a', { starts: ['ok', 'error'] })]);
    await terminateChild(sup, 'a');
    expect(await restartChild(sup, 'a')).toEqual({ ok: false, reason: 'start_failed', exit: { error: 'bad' } });
    await clock.advance(1_000);
    expect([show(sup), clock.pendingTimers]).toEqual(['a:down', 0]);
  });

  test('sup_start_child_returns_error_simple', async () => {
    const { pool, child } = world();
    const sup = pool();
    expect(await startChild(sup, child('a', { starts: ['error'] }))).toEqual({
      ok: false,
      reason: 'start_failed',
      exit: { error: 'bad' },
    });
    expect(counts(sup)).toEqual([0, 0, 0, 0]);
  });

  test('sup_start_map', () => {
    const { top } = world();
    const sup = top([
      { id: 'w', ...anything },
      { id: 's', type: 'supervisor', ...anything },
    ]);
    const common = { restart: 'permanent', significant: false };
    expect(getChildSpec(sup, 'w')).toMatchObject({ ...common, id: 'w', type: 'worker', shutdown: 5_000 });
    expect(getChildSpec(sup, 's')).toMatchObject({ ...common, id: 's', type: 'supervisor', shutdown: 'infinity' });
    expect(getChildSpec(sup, 'x')).toBeUndefined();
  });

  test('sup_start_map_simple', async () => {
    const { pool, child, add } = world();
    const sup = pool();
    const one = await add(sup, child('a', { shutdown: 7 }));
    const two = await add(sup, child('a', { shutdown: 7 }));
    for (const ref of [one, two]) {
      expect(getChildSpec(sup, ref)).toMatchObject({ id: 'a', restart: 'permanent', shutdown: 7, type: 'worker' });
    }
    expect(getChildSpec(sup, sup)).toBeUndefined();
  });

  test('sup_start_map_faulty_specs', () => {
    const list = (spec: object) => () => supervisor({ id: 's', children: [bad(spec)] });
    expect(list({ ...anything })).toThrow(/missing_id/);
    expect(list({ id: 'a' })).toThrow(/missing_start/);
    expect(list('a' as never)).toThrow(/invalid_child_spec/);
    expect(list({ id: 'a', ...anything, unknown: 1 })).not.toThrow();
  });

  test('extra_return', async () => {
    const { top, child, crash, ref } = world();
    const sup = top();
    const spec = child('a', { info: { port: 1 } });
    expect(await startChild(sup, spec)).toEqual({ ok: true, ref: ref('a'), info: { port: 1 } });
    expect(await startChild(sup, spec)).toEqual({ ok: false, reason: 'already_started', ref: ref('a') });
    await terminateChild(sup, 'a');
    expect(await restartChild(sup, 'a')).toEqual({ ok: true, ref: ref('a'), info: { port: 1 } });
    crash('a');
    expect(whichChildren(sup)).toEqual([{ id: 'a', ref: ref('a'), type: 'worker' }]);
  });

  test('child_adm', async () => {
    const { top, child, ref, stop } = world();
    const sup = top();
    const spec = child('a');
    expect(await startChild(sup, spec)).toEqual({ ok: true, ref: ref('a') });
    expect([show(sup), counts(sup)]).toEqual(['a:up', [1, 1, 0, 1]]);
    expect(await startChild(sup, spec)).toEqual({ ok: false, reason: 'already_started', ref: ref('a') });
    expect(await terminateChild(sup, ref('a'))).toEqual({ ok: false, reason: 'not_found' });
    expect(await deleteChild(sup, 'a')).toEqual({ ok: false, reason: 'running' });
    expect(await restartChild(sup, 'a')).toEqual({ ok: false, reason: 'running' });
    expect(await terminateChild(sup, 'a')).toEqual({ ok: true });
    expect(await terminateChild(sup, 'a')).toEqual({ ok: true });
    expect([show(sup), counts(sup)]).toEqual(['a:down', [1, 0, 0, 1]]);
    expect(await startChild(sup, spec)).toEqual({ ok: false, reason: 'already_present' });
    expect(await restartChild(sup, 'a')).toEqual({ ok: true, ref: ref('a') });
    await terminateChild(sup, 'a');
    expect(await deleteChild(sup, 'a')).toEqual({ ok: true });
    expect(await deleteChild(sup, 'a')).toEqual({ ok: false, reason: 'not_found' });
    expect(await restartChild(sup, 'a')).toEqual({ ok: false, reason: 'not_found' });
    expect(await terminateChild(sup, 'a')).toEqual({ ok: false, reason: 'not_found' });
    expect(await startChild(sup, spec)).toEqual({ ok: true, ref: ref('a') });
    await stop(sup);
    for (const call of [
      startChild(sup, spec),
      terminateChild(sup, 'a'),
      restartChild(sup, 'a'),
      deleteChild(sup, 'a'),
    ]) {
      expect(await call).toEqual({ ok: false, reason: 'noproc' });
    }
    expect(await startChild(ref('a'), spec)).toEqual({ ok: false, reason: 'noproc' });
  });

  test('child_adm_simple', async () => {
    const { pool, child, add, isAlive } = world();
    const sup = pool();
    const one = await add(sup, child('a'));
    const two = await add(sup, child('a'));
    expect(counts(sup)).toEqual([2, 2, 0, 2]);
    const refused = { ok: false, reason: 'simple_one_for_one' };
    expect([await terminateChild(sup, 'a'), await restartChild(sup, 'a'), await deleteChild(sup, 'a')]).toEqual([
      refused,
      refused,
      refused,
    ]);
    expect(await terminateChild(sup, one)).toEqual({ ok: true });
    expect(await terminateChild(sup, one)).toEqual({ ok: true });
    expect(whichChildren(sup).map(({ ref }) => ref)).toEqual([two]);
    expect(await terminateChild(sup, sup)).toEqual({ ok: false, reason: 'not_found' });
    expect(isAlive(sup)).toBe(true);
  });

  const restarts = ['permanent', 'transient', 'temporary'] as const;
  const shutdowns = ['brutal_kill', 'infinity', 0, 1_000] as const;

  test('child_specs', async () => {
    const wrong: readonly (readonly [RegExp, object | string])[] = [
      [/invalid_child_spec/, 'child'],
      [/missing_id/, { ...anything }],
      [/missing_id/, { id: '', ...anything }],
      [/missing_start/, { id: 'a' }],
      [/invalid_start/, { id: 'a', start: 'start' }],
      [/invalid_restart_type/, { id: 'a', ...anything, restart: 'prmanent' }],
      [/invalid_shutdown/, { id: 'a', ...anything, shutdown: -1 }],
      [/invalid_shutdown/, { id: 'a', ...anything, shutdown: Number.NaN }],
      [/invalid_shutdown/, { id: 'a', ...anything, shutdown: 'brutal' }],
      [/invalid_child_type/, { id: 'a', ...anything, type: 'wrker' }],
      [/invalid_significant/, { id: 'a', ...anything, significant: 'yes' }],
    ];
    const { top } = world();
    const sup = top();
    for (const [error, spec] of wrong) {
      expect(() => checkChildSpec(bad(spec as object))).toThrow(error);
      expect(() => supervisor({ id: 's', children: [bad(spec as object)] })).toThrow(error);
      const answer = await startChild(sup, bad(spec as object));
      expect(answer).toMatchObject({ ok: false, reason: 'invalid_spec', error: { code: 'ERR_CHILD_SPEC' } });
    }
    for (const restart of restarts) {
      for (const shutdown of shutdowns) {
        for (const type of ['worker', 'supervisor'] as const) {
          expect(checkChildSpec({ id: 'a', ...anything, restart, shutdown, type })).toMatchObject({
            restart,
            shutdown,
            type,
          });
        }
      }
    }
    const twice = [
      { id: 'a', ...anything },
      { id: 'a', ...anything },
    ];
    expect(() => supervisor({ id: 's', children: twice })).toThrow(/duplicate_child_name/);
  });

  test('child_specs_map', () => {
    for (const autoShutdown of ['never', 'any_significant', 'all_significant'] as const) {
      for (const restart of restarts) {
        for (const significant of [true, false]) {
          const check = () => checkChildSpec({ id: 'a', ...anything, restart, significant }, autoShutdown);
          const isFine = !significant || (autoShutdown !== 'never' && restart !== 'permanent');
          if (isFine) expect(check()).toMatchObject({ restart, significant });
          else expect(check).toThrow(/bad_combination/);
        }
      }
    }
    // Permanent is the default, so significant alone is a bad combination.
    expect(() => checkChildSpec({ id: 'a', ...anything, significant: true }, 'any_significant')).toThrow(
      /bad_combination/,
    );
  });

  test('sup_flags', () => {
    const make = (flags: object) => () => supervisor({ id: 's', children: [], ...flags });
    expect(make({ strategy: 'none_for_one' })).toThrow(/invalid_strategy/);
    expect(make({ intensity: -1 })).toThrow(/invalid_intensity/);
    expect(make({ intensity: 1.5 })).toThrow(/invalid_intensity/);
    expect(make({ intensity: Number.POSITIVE_INFINITY })).toThrow(/invalid_intensity/);
    expect(make({ periodMs: 0 })).toThrow(/invalid_period/);
    expect(make({ periodMs: Number.NaN })).toThrow(/invalid_period/);
    expect(make({ autoShutdown: 'some' })).toThrow(/invalid_auto_shutdown/);
    expect(make({ id: '' })).toThrow(/invalid_supervisor_id/);
    expect(() => dynamicSupervisor({ id: 's', maxChildren: -1 })).toThrow(/invalid_max_children/);
    expect(make({ strange: 1 })).not.toThrow();
  });

  test('faulty_application_shutdown', () => {
    const { top, child, endOf, log } = world();
    const inner = nested('inner', [child('x'), child('y', { starts: ['throw'] })]);
    const sup = top([child('a'), child('b', { logic: inner, type: 'supervisor' })]);
    expect(endOf(sup)).toEqual({
      shutdown: {
        failed_to_start_child: 'b',
        reason: { shutdown: { failed_to_start_child: 'y', reason: { error: new Error('thrown') } } },
      },
    });
    expect(log).toEqual(['start a', 'start b', 'start x', 'start y', 'end x', 'end b', 'end a']);
  });

  test('order_of_children', async () => {
    const { top, child, log, stop, crash } = world();
    const ids = ['z', 'b', '10', 'a', '2'];
    const sup = top(
      ids.map((id) => child(id)),
      { strategy: 'rest_for_one' },
    );
    expect(log.splice(0)).toEqual(ids.map((id) => `start ${id}`));
    crash('10');
    expect(log.splice(0)).toEqual(['end 10', 'end 2', 'end a', 'start 10', 'start a', 'start 2']);
    await stop(sup);
    expect(log).toEqual([...ids].reverse().map((id) => `end ${id}`));
  });

  test('do_not_save_start_parameters_for_temporary_children', () => {
    for (const strategy of ['one_for_one', 'one_for_all', 'rest_for_one'] as const) {
      const { top, child } = world();
      const specs = restarts.map((restart) => child(restart, { restart }));
      const sup = top(specs, { strategy });
      const keeps = specs.map(({ id, start }) => getChildSpec(sup, id)?.start === start);
      expect(keeps).toEqual([true, true, false]);
    }
  });

  test('do_not_save_child_specs_for_temporary_children', async () => {
    const { top, child, quit, crash, ref } = world();
    const sup = top([], { intensity: 9 });
    const temporary = child('t', { restart: 'temporary' });
    const ends = [() => quit('t', 'killed'), () => quit('t'), () => crash('t'), () => terminateChild(sup, 't')];
    for (const end of ends) {
      expect(await startChild(sup, temporary)).toEqual({ ok: true, ref: ref('t') });
      await end();
      expect(counts(sup)).toEqual([0, 0, 0, 0]);
    }
    const transient = child('n', { restart: 'transient' });
    await startChild(sup, transient);
    quit('n');
    expect(await startChild(sup, transient)).toEqual({ ok: false, reason: 'already_present' });
  });

  test('a supervisor that fails to start says which child and why', () => {
    const { top, child, endOf, kinds } = world();
    const sup = top([child('a'), child('b', { starts: ['error'] }), child('c')]);
    expect(endOf(sup)).toEqual({ shutdown: { failed_to_start_child: 'b', reason: { error: 'bad' } } });
    expect(sup.getSnapshot().error).toBeInstanceOf(Exit);
    expect(kinds()).toEqual(['progress', 'start_error']);
  });
});
