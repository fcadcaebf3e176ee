// supervisor_SUITE and Elixir's DynamicSupervisor: children that come and go.
import { describe, expect, test } from 'vitest';
import type { AnyActorRef } from 'xstate';
import {
  getChildSpec,
  kill,
  startChild,
  startChildNow,
  terminateChild,
  whichChildren,
} from '../../../src/supervisor/index.ts';
import { tablePasses } from '../table-passes.ts';
import { counts, nested, world } from '../world.ts';

describe('dynamic', () => {
  test('simple_one_for_one', async () => {
    const { pool, child, add, isAlive, endOf } = world();
    const sup = pool({ intensity: 2 });
    const one = await add(sup, child('a'));
    const two = await add(sup, child('b'));
    const crash = (ref: AnyActorRef) => ref.send({ type: 'crash' });
    const living = () => whichChildren(sup).map(({ ref }) => ref as AnyActorRef); // none is restarting here
    crash(one);
    expect([living().length, living().includes(two), living().includes(one)]).toEqual([2, true, false]);
    crash(two);
    expect([living().length, isAlive(sup)]).toEqual([2, true]);
    const [third] = living();
    if (third === undefined) throw new Error('none lives');
    crash(third);
    expect(endOf(sup)).toBe('shutdown');
  });

  test('simple_one_for_one_extra', async () => {
    const { pool, child, crash, ref } = world();
    const sup = pool();
    expect(await startChild(sup, child('a', { info: 7 }))).toEqual({ ok: true, ref: ref('a'), info: 7 });
    const before = ref('a');
    crash('a');
    expect(whichChildren(sup)).toEqual([{ id: 'a', ref: ref('a'), type: 'worker' }]);
    expect(ref('a')).not.toBe(before);
  });

  test('simple_one_for_one_escalation', async () => {
    const { pool, child, add, crash, endOf } = world();
    const sup = pool({ intensity: 4 });
    const other = await add(sup, child('b'));
    await add(sup, child('a', { starts: ['ok', ...Array(9).fill('error')] }));
    crash('a');
    expect([endOf(sup), endOf(other)]).toEqual(['shutdown', 'shutdown']);
  });

  test('simple_one_for_one_corruption', async () => {
    const { pool, child, add, quit } = world();
    const sup = pool();
    await add(sup, child('a', { restart: 'temporary' }));
    quit('a');
    const spec = child('b', { restart: 'temporary' });
    const ref = await add(sup, spec);
    expect(getChildSpec(sup, ref)?.start).not.toBe(spec.start);
  });

  test('count_children', async () => {
    const { pool, child, add } = world();
    const sup = pool();
    const refs: AnyActorRef[] = [];
    const grow = async () => {
      for (let i = 0; i < 1_000; i++) refs.push(await add(sup, child('a', { restart: 'temporary' })));
    };
    await grow();
    expect(counts(sup)).toEqual([1_000, 1_000, 0, 1_000]);
    await grow();
    expect(counts(sup)).toEqual([2_000, 2_000, 0, 2_000]);
    for (const ref of refs) kill(ref);
    expect(counts(sup)).toEqual([0, 0, 0, 0]);
  });

  test('count_children_supervisor', async () => {
    const { pool, child, add } = world();
    const sup = pool();
    const logic = nested('inner', []);
    for (let i = 0; i < 1_000; i++) {
      await add(sup, child('a', { restart: 'temporary', type: 'supervisor', logic }));
    }
    expect(counts(sup)).toEqual([1_000, 1_000, 1_000, 0]);
  });

  test('count_restarting_children', async () => {
    const { pool, child, add } = world();
    const sup = pool({ intensity: 50, maxChildren: 3 });
    const spec = () => child('a', { starts: ['ok', 'error', 'error', 'error'], backoff: { initialMs: 100 } });
    const refs = [await add(sup, spec()), await add(sup, spec()), await add(sup, spec())];
    for (const ref of refs) ref.send({ type: 'crash' });
    expect(counts(sup)).toEqual([3, 0, 0, 3]);
    expect(await startChild(sup, spec())).toEqual({ ok: false, reason: 'max_children' });
    for (const ref of refs) expect(await terminateChild(sup, ref)).toEqual({ ok: true });
    expect(counts(sup)).toEqual([0, 0, 0, 0]);
  });

  test('simple_one_for_one_scale_many_temporary_children', async () => {
    const cycle = async (count: number) => {
      const { pool, child } = world();
      const sup = pool();
      const { start } = child('x');
      const refs: AnyActorRef[] = [];
      for (let i = 0; i < count; i++) {
        const started = startChildNow(sup, { id: 'x', restart: 'temporary', shutdown: 'brutal_kill', start });
        if (started !== 'queued' && started.ok && started.ref !== undefined) refs.push(started.ref);
      }
      return tablePasses(async () => {
        for (const ref of refs) await terminateChild(sup, ref);
      });
    };
    // OTP's own test measures the time.
    expect([await cycle(10), await cycle(1_000)]).toEqual([0, 0]);
  });

  test('a child that says ignore at its restart is forgotten', async () => {
    const { pool, child, add, crash } = world();
    const sup = pool();
    await add(sup, child('a', { starts: ['ok', 'ignore'] }));
    crash('a');
    expect(counts(sup)).toEqual([0, 0, 0, 0]);
  });

  test('significant children are refused while autoShutdown is never', async () => {
    const { pool, child } = world();
    const answer = await startChild(pool(), child('a', { restart: 'transient', significant: true }));
    expect(answer).toMatchObject({ ok: false, reason: 'invalid_spec' });
  });
});
