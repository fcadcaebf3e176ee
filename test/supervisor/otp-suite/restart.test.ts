// supervisor_SUITE: restart types, strategies, intensity and restarts that fail.
import { describe, expect, test } from 'vitest';
import {
  type ChildSpec,
  countChildren,
  deleteChild,
  type ExitReason,
  restartChild,
  type Strategy,
  shutdown,
  startChild,
  terminateChild,
  whichChildren,
} from '../../../src/supervisor/index.ts';
import { counts, nested, show, type Villain, world } from '../world.ts';

const orderly: readonly ExitReason[] = ['shutdown', { shutdown: 'x' }];
/** Keeps a child that cannot start in `restarting`, where OTP's test blocks its start. */
const hanging: Villain = {
  starts: ['ok', ...Array(40).fill('error')],
  backoff: { initialMs: 100, factor: 1, jitter: 0 },
};

describe('restart', () => {
  test('permanent_normal', () => {
    const { top, child, quit, ref } = world();
    const sup = top([child('a')]);
    const before = ref('a');
    quit('a');
    expect([show(sup), ref('a') === before]).toEqual(['a:up', false]);
  });

  test('permanent_shutdown', () => {
    for (const reason of orderly) {
      const { top, child, quit, ref, kinds } = world();
      const sup = top([child('a')]);
      const before = ref('a');
      quit('a', reason);
      expect([show(sup), ref('a') === before]).toEqual(['a:up', false]);
      expect(kinds()).toEqual(['progress', 'child_terminated', 'progress']);
    }
  });

  test('permanent_abnormal', () => {
    const { top, child, crash, ref } = world();
    const sup = top([child('a')]);
    const before = ref('a');
    crash('a');
    expect([show(sup), ref('a') === before]).toEqual(['a:up', false]);
  });

  test('transient_normal', async () => {
    const { top, child, quit } = world();
    const sup = top([child('a', { restart: 'transient' })]);
    quit('a');
    expect([show(sup), counts(sup)]).toEqual(['a:down', [1, 0, 0, 1]]);
    expect(await restartChild(sup, 'a')).toMatchObject({ ok: true });
  });

  test('transient_shutdown', () => {
    for (const reason of orderly) {
      const { top, child, quit, kinds } = world();
      const sup = top([child('a', { restart: 'transient' })]);
      quit('a', reason);
      expect([show(sup), kinds()]).toEqual(['a:down', ['progress']]);
    }
  });

  test('transient_abnormal', () => {
    const { top, child, crash } = world();
    const sup = top([child('a', { restart: 'transient' })]);
    crash('a');
    expect(show(sup)).toBe('a:up');
  });

  test('temporary_normal', async () => {
    const { top, child, quit } = world();
    const spec = child('a', { restart: 'temporary' });
    const sup = top([spec]);
    quit('a');
    expect(counts(sup)).toEqual([0, 0, 0, 0]);
    expect(await startChild(sup, spec)).toMatchObject({ ok: true });
  });

  test('temporary_shutdown', () => {
    for (const reason of orderly) {
      const { top, child, quit, kinds } = world();
      const sup = top([child('a', { restart: 'temporary' })]);
      quit('a', reason);
      expect([counts(sup), kinds()]).toEqual([[0, 0, 0, 0], ['progress']]);
    }
  });

  test('temporary_abnormal', () => {
    const { top, child, crash, kinds } = world();
    const sup = top([child('a', { restart: 'temporary' })]);
    crash('a');
    expect([counts(sup), kinds()]).toEqual([
      [0, 0, 0, 0],
      ['progress', 'child_terminated'],
    ]);
  });

  test('temporary_bystander', () => {
    for (const strategy of ['one_for_all', 'rest_for_one'] as const) {
      const { top, child, crash, endsOf } = world();
      const sup = top([child('a'), child('b', { restart: 'temporary' })], { strategy });
      crash('a');
      expect([show(sup), endsOf('b')]).toEqual(['a:up', ['shutdown']]);
    }
  });

  test('multiple_restarts', async () => {
    const { top, child, crash, clock } = world();
    const sup = top([child('a')], { intensity: 1, periodMs: 1_000 });
    for (let i = 0; i < 4; i++) {
      crash('a');
      await clock.advance(2_100);
    }
    expect(show(sup)).toBe('a:up');
  });

  test('a restart that is exactly one period old still counts', async () => {
    const { top, child, crash, clock, isAlive } = world();
    const sup = top([child('a')], { intensity: 1, periodMs: 1_000 });
    crash('a');
    await clock.advance(1_000);
    crash('a');
    expect(isAlive(sup)).toBe(false);
  });

  test('one_for_one', () => {
    const { top, child, crash, ref, endOf } = world();
    const sup = top([child('a'), child('b')], { intensity: 2 });
    const [a, b] = [ref('a'), ref('b')];
    crash('a');
    expect([ref('a') === a, ref('b') === b]).toEqual([false, true]);
    crash('a');
    crash('b');
    expect([endOf(sup), show(sup)]).toEqual(['shutdown', '']);
  });

  test('one_for_one_escalation', () => {
    const { top, child, crash, endOf, endsOf, kinds } = world();
    const sup = top([child('a', { starts: ['ok', ...Array(9).fill('error')] }), child('b')], { intensity: 4 });
    crash('a');
    expect([endOf(sup), endsOf('b')]).toEqual(['shutdown', ['shutdown']]);
    expect(kinds().filter((kind) => kind === 'start_error')).toHaveLength(4);
  });

  test('one_for_all', () => {
    const { top, child, crash, ref, endOf, isAlive } = world();
    const sup = top([child('a'), child('b')], { strategy: 'one_for_all', intensity: 2 });
    const before = [ref('a'), ref('b')];
    crash('a');
    expect([before.map(isAlive), show(sup)]).toEqual([[false, false], 'a:up b:up']);
    crash('a');
    crash('b');
    expect(endOf(sup)).toBe('shutdown');
  });

  test('one_for_all_escalation', () => {
    const { top, child, crash, endOf } = world();
    const stuck = child('b', { starts: ['ok', ...Array(9).fill('error')] });
    const sup = top([child('a'), stuck], { strategy: 'one_for_all', intensity: 4 });
    crash('a');
    expect(endOf(sup)).toBe('shutdown');
  });

  test('one_for_all_other_child_fails_restart', () => {
    const { top, child, crash, log, endsOf } = world();
    const children = [child('a'), child('b', { starts: ['ok', 'error'] })];
    const sup = top(children, { strategy: 'one_for_all', intensity: 3 });
    log.length = 0;
    crash('a');
    expect(log).toEqual(['end a', 'end b', 'start a', 'start b', 'end a', 'start a', 'start b']);
    expect([endsOf('a')[1], show(sup)]).toEqual(['shutdown', 'a:up b:up']);
  });

  test('rest_for_one', () => {
    const { top, child, crash, ref, endOf } = world();
    const sup = top([child('a'), child('b'), child('c')], { strategy: 'rest_for_one', intensity: 2 });
    const before = ['a', 'b', 'c'].map(ref);
    crash('b');
    expect(['a', 'b', 'c'].map((id, i) => ref(id) === before[i])).toEqual([true, false, false]);
    expect(show(sup)).toBe('a:up b:up c:up');
    crash('b');
    expect(show(sup)).toBe('a:up b:up c:up');
    crash('b');
    expect(endOf(sup)).toBe('shutdown');
  });

  test('rest_for_one_escalation', () => {
    const { top, child, crash, endOf } = world();
    const stuck = child('b', { starts: ['ok', ...Array(9).fill('error')] });
    const sup = top([child('a'), stuck], { strategy: 'rest_for_one', intensity: 4 });
    crash('a');
    expect(endOf(sup)).toBe('shutdown');
  });

  test('rest_for_one_other_child_fails_restart', () => {
    const { top, child, crash, log } = world();
    const children = [child('a'), child('b', { starts: ['ok', 'error'] }), child('c')];
    const sup = top(children, { strategy: 'rest_for_one', intensity: 3 });
    log.length = 0;
    crash('a');
    expect(log).toEqual(['end a', 'end c', 'end b', 'start a', 'start b', 'start b', 'start c']);
    expect(show(sup)).toBe('a:up b:up c:up');
  });

  const answers = async (sup: Parameters<typeof show>[0], spec: ChildSpec) => [
    await startChild(sup, spec),
    await restartChild(sup, spec.id),
    await deleteChild(sup, spec.id),
  ];

  test('hanging_restart_loop', async () => {
    const { top, child, crash, clock, endOf } = world();
    const spec = child('a', hanging);
    const sup = top([spec], { intensity: 50 });
    crash('a');
    await clock.advance(350);
    expect((await answers(sup, spec)).map((answer) => !answer.ok && answer.reason)).toEqual([
      'already_present',
      'restarting',
      'restarting',
    ]);
    expect(whichChildren(sup)).toEqual([{ id: 'a', ref: 'restarting', type: 'worker' }]);
    expect(counts(sup)).toEqual([1, 0, 0, 1]);
    expect(await terminateChild(sup, 'a')).toEqual({ ok: true });
    expect([show(sup), clock.pendingTimers]).toEqual(['a:down', 0]);
    await restartChild(sup, 'a');
    const again = child('b', hanging);
    await startChild(sup, again);
    crash('b');
    await clock.advance(150);
    expect(await shutdown(sup)).toBe('shutdown');
    expect([endOf(sup), clock.pendingTimers]).toEqual(['shutdown', 0]);
  });

  test('hanging_restart_loop_rest_for_one', async () => {
    const { top, child, crash, clock } = world();
    const spec = child('b', hanging);
    const sup = top([child('a'), spec, child('c')], { intensity: 50, strategy: 'rest_for_one' });
    crash('b');
    await clock.advance(350);
    expect(show(sup)).toBe('a:up b:restarting c:down');
    expect(counts(sup)).toEqual([3, 1, 0, 3]);
    expect((await answers(sup, spec)).map((answer) => !answer.ok && answer.reason)).toEqual([
      'already_present',
      'restarting',
      'restarting',
    ]);
    expect(await terminateChild(sup, 'b')).toEqual({ ok: true });
    expect([show(sup), clock.pendingTimers]).toEqual(['a:up b:down c:down', 0]);
  });

  test('hanging_restart_loop_simple', async () => {
    const { pool, child, add, crash, clock } = world();
    const sup = pool({ intensity: 50 });
    const ref = await add(sup, child('a', hanging));
    crash('a');
    await clock.advance(350);
    expect(whichChildren(sup)).toEqual([{ id: 'a', ref: 'restarting', type: 'worker' }]);
    expect(counts(sup)).toEqual([1, 0, 0, 1]);
    expect(await terminateChild(sup, ref)).toEqual({ ok: true });
    expect([counts(sup), clock.pendingTimers]).toEqual([[0, 0, 0, 0], 0]);
  });

  test('explicit restarts do not count', async () => {
    const { top, child, isAlive } = world();
    const sup = top([child('a')], { intensity: 0 });
    for (let i = 0; i < 5; i++) {
      await terminateChild(sup, 'a');
      await restartChild(sup, 'a');
    }
    expect(isAlive(sup)).toBe(true);
  });

  test('nested supervisors survive one crash less than the product of their intensities plus one', () => {
    const { top, child, crash, isAlive } = world();
    const outer = top([child('s', { logic: nested('inner', [child('w')], { intensity: 2 }), type: 'supervisor' })], {
      intensity: 1,
    });
    for (let crashes = 1; crashes <= 6; crashes++) {
      crash('w');
      expect(isAlive(outer)).toBe(crashes < 6);
    }
  });

  test('a transient supervisor that gave up is not restarted', () => {
    const { top, child, crash } = world();
    const inner = child('s', {
      logic: nested('inner', [child('w')], { intensity: 0 }),
      type: 'supervisor',
      restart: 'transient',
    });
    const sup = top([inner]);
    crash('w');
    expect(show(sup)).toBe('s:down');
  });

  test.each<[Strategy, string]>([
    ['one_for_all', 'a:up b:up'],
    ['rest_for_one', 'a:up b:up'],
  ])('%s also starts members that were stopped', async (strategy, after) => {
    const { top, child, crash } = world();
    const sup = top([child('a'), child('b')], { strategy });
    await terminateChild(sup, 'b');
    crash('a');
    expect(show(sup)).toBe(after);
    expect(countChildren(sup).active).toBe(2);
  });
});
