// supervisor_SUITE: how children are stopped.
import { describe, expect, test } from 'vitest';
import type { AnyActorLogic } from 'xstate';
import {
  type ExitReason,
  kill,
  Registry,
  restartChild,
  shutdown,
  startChild,
  terminateChild,
  whichChildren,
} from '../../../src/supervisor/index.ts';
import { tablePasses } from '../table-passes.ts';
import { counts, nested, show, world } from '../world.ts';

const kinds = ['permanent', 'transient', 'temporary'] as const;
const reasons: readonly ExitReason[] = ['normal', 'shutdown', { shutdown: 'x' }, { error: 'boom' }];

describe('stop', () => {
  test('sup_stop_infinity', async () => {
    const { top, child, stop, endsOf, clock } = world();
    const inner = nested('inner', []);
    const sup = top([
      child('w', { shutdown: 'infinity', manner: 'obey' }),
      child('s', { shutdown: 'infinity', type: 'supervisor', logic: inner }),
    ]);
    expect(await stop(sup)).toBe('shutdown');
    expect([endsOf('w'), endsOf('s'), clock.pendingTimers]).toEqual([['shutdown'], ['shutdown'], 0]);
  });

  test('sup_stop_timeout', async () => {
    const { top, child, endsOf, clock } = world();
    const sup = top([child('a', { shutdown: 1_000, manner: 'obey' }), child('b', { shutdown: 1_000, manner: 'slow' })]);
    const end = shutdown(sup);
    await clock.advance(999);
    expect([endsOf('a'), endsOf('b')]).toEqual([[], []]);
    await clock.advance(1);
    expect([endsOf('a'), endsOf('b'), await end]).toEqual([['shutdown'], ['killed'], 'shutdown']);
    expect(clock.pendingTimers).toBe(0);
  });

  test('sup_stop_timeout_dynamic', async () => {
    const { pool, child, add, endOf, clock } = world();
    const sup = pool();
    const polite = await add(sup, child('a', { shutdown: 1_000, manner: 'obey' }));
    const stuck = await add(sup, child('b', { shutdown: 1_000, manner: 'slow' }));
    const end = shutdown(sup);
    await clock.advance(1_000);
    expect([endOf(polite), endOf(stuck), await end]).toEqual(['shutdown', 'killed', 'shutdown']);
  });

  test('sup_stop_brutal_kill', async () => {
    const { top, child, stop, endsOf } = world();
    const sup = top([child('a', { manner: 'obey' }), child('b', { shutdown: 'brutal_kill', manner: 'slow' })]);
    await stop(sup);
    expect([endsOf('a'), endsOf('b')]).toEqual([['shutdown'], ['killed']]);
  });

  test('sup_stop_brutal_kill_dynamic', async () => {
    const { pool, child, add, stop, endOf } = world();
    const sup = pool();
    const refs = [];
    for (let i = 0; i < 10; i++) refs.push(await add(sup, child('a', { shutdown: 'brutal_kill', manner: 'slow' })));
    expect(await stop(sup)).toBe('shutdown');
    expect(refs.map(endOf)).toEqual(Array(10).fill('killed'));
  });

  test('sup_stop_race', async () => {
    const { top, child, quit, endsOf, clock, log } = world();
    const racers = kinds.flatMap((restart) => reasons.map((reason, i) => ({ id: `${restart}${i}`, restart, reason })));
    const sup = top([
      ...racers.map(({ id, restart }) => child(id, { restart, manner: 'obey' })),
      child('slow', { manner: 'slow', shutdown: 100 }),
    ]);
    log.length = 0;
    const end = shutdown(sup);
    await clock.advance(50);
    for (const { id, reason } of racers) quit(id, reason);
    await clock.advance(50);
    expect(await end).toBe('shutdown');
    expect(racers.map(({ id }) => endsOf(id))).toEqual(racers.map(({ reason }) => [reason]));
    expect(log.filter((line) => line.startsWith('start'))).toEqual([]);
  });

  test('sup_stop_non_shutdown_exit_dynamic', async () => {
    for (const restart of kinds) {
      const { pool, child, add, stop, endOf, reports } = world();
      const sup = pool();
      const refs = [];
      for (const exit of reasons) refs.push(await add(sup, child('a', { restart, manner: { exit } })));
      expect(await stop(sup)).toBe('shutdown');
      expect(refs.map(endOf)).toEqual(reasons);
      const told = reports.filter(({ kind }) => kind === 'shutdown_error').map(({ reason }) => reason);
      const odd: readonly ExitReason[] = ['normal', { shutdown: 'x' }, { error: 'boom' }];
      expect(told).toEqual(restart === 'permanent' ? odd : [{ error: 'boom' }]);
    }
  });

  test('child_unlink', async () => {
    const { top, child, ref } = world();
    const sup = top([child('a', { restart: 'temporary', shutdown: 'infinity', manner: 'slow' })]);
    // The nearest thing to unlinking: the child is gone and its parent heard nothing of it from xstate.
    ref('a').send({ type: 'xstate.stop' });
    expect(await terminateChild(sup, 'a')).toEqual({ ok: false, reason: 'not_found' });
    expect(show(sup)).toBe('');
  });

  test('simple_one_for_one_shutdown', async () => {
    const { pool, child, add, clock, endOf } = world();
    const sup = pool();
    const stuck = [];
    for (let i = 0; i < 5; i++) stuck.push(await add(sup, child('a', { manner: 'slow', shutdown: 100 })));
    const end = shutdown(sup);
    await clock.advance(100);
    // All are signalled at once and share one timer: the limit is reached once, not five times.
    expect([await end, clock.now(), stuck.map(endOf)]).toEqual(['shutdown', 100, Array(5).fill('killed')]);
  });

  test('tree', async () => {
    const { top, child, crash, ref, endOf, isAlive, quit } = world();
    const workers = (id: string) => nested(id, [child(`${id}1`), child(`${id}2`)], { intensity: 1 });
    const { pool } = { pool: nested('pool', []) };
    const sup = top(
      [
        child('one', { logic: workers('one'), type: 'supervisor' }),
        child('two', { logic: workers('two'), type: 'supervisor' }),
        child('pool', { logic: pool, type: 'supervisor' }),
      ],
      { strategy: 'one_for_all', intensity: 3 },
    );
    const inPool = await startChild(ref('pool'), child('dynamic'));
    const supervisors = () => ['one', 'two', 'pool'].map(ref);
    const before = supervisors();
    crash('one1');
    expect(supervisors()).toEqual(before);
    expect([show(ref('one')), counts(sup)]).toEqual(['one1:up one2:up', [3, 3, 3, 0]]);
    await terminateChild(sup, 'two');
    expect(show(sup)).toBe('one:up two:down pool:up');
    // The second crash is one too many for `one`; it gives up, and its supervisor starts all three, the stopped one too.
    crash('one1');
    expect(show(sup)).toBe('one:up two:up pool:up');
    expect(supervisors().some((now, i) => now === before[i])).toBe(false);
    expect(before.map(endOf)).toEqual(['shutdown', 'shutdown', 'shutdown']);
    expect(whichChildren(ref('pool'))).toEqual([]);
    expect(inPool.ok && inPool.ref !== undefined && isAlive(inPool.ref)).toBe(false);
    quit('two1');
    expect(show(ref('two'))).toBe('two1:up two2:up');
  });

  test('simple_global_supervisor', async () => {
    const registry = new Registry();
    const { top, child, ref, crash, quit, isAlive } = world();
    const inner = nested('inner', [child('w', { name: 'worker' })], { intensity: 9 });
    const sup = top([child('s', { logic: inner, name: 'inner', type: 'supervisor' })], { registry, intensity: 9 });
    const isNamed = () => registry.whereis('inner') === ref('s') && registry.whereis('worker') === ref('w');
    const first = ref('w');
    expect(isNamed()).toBe(true);
    kill(ref('s'));
    expect([isNamed(), isAlive(first)]).toEqual([true, false]);
    quit('w', 'killed');
    expect(isNamed()).toBe(true);
    crash('w');
    expect(isNamed()).toBe(true);
    await terminateChild(ref('s'), 'w');
    expect(registry.whereis('worker')).toBeUndefined();
    await restartChild(ref('s'), 'w');
    expect(isNamed()).toBe(true);
    await terminateChild(sup, 's');
    expect(registry.size).toBe(0);
  });

  test('scale_start_stop_many_children', async () => {
    const { child } = world();
    const cycle = (count: number) => {
      const { top, stop } = world();
      const sup = top();
      const spec = child('x');
      return tablePasses(async () => {
        for (let i = 0; i < count; i++)
          await startChild(sup, { id: `c${i}`, start: spec.start, shutdown: 'brutal_kill' });
        await stop(sup);
      });
    };
    // OTP's own test measures the time, and allows ten times linear.
    expect(await cycle(1_000)).toBe(await cycle(10));
  });

  test('a supervisor below a deadline is killed with all that it was still waiting for', async () => {
    const { top, child, clock, endsOf } = world();
    const inner: AnyActorLogic = nested('inner', [child('x'), child('y', { manner: 'slow', shutdown: 'infinity' })]);
    const sup = top([child('s', { logic: inner, type: 'supervisor', shutdown: 100 })]);
    const end = shutdown(sup);
    await clock.advance(100);
    expect([await end, endsOf('s'), endsOf('y'), endsOf('x')]).toEqual([
      'shutdown',
      ['killed'],
      ['killed'],
      ['killed'],
    ]);
    expect(clock.pendingTimers).toBe(0);
  });
});
