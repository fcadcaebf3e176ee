// What goes beyond OTP: readiness, backoff, checkpoints, links.
import { describe, expect, test } from 'vitest';
import { type AnyActorRef, fromTransition, setup } from 'xstate';
import {
  type ChildSpec,
  checkChildSpec,
  Exit,
  kill,
  link,
  saveCheckpoint,
  shutdown,
  startChild,
  terminateChild,
  whichChildren,
} from '../../src/supervisor/index.ts';
import { nested, show, world } from './world.ts';

const warmingUp = setup({}).createMachine({
  initial: 'warming',
  states: { warming: { after: { 100: 'warm' } }, warm: {} },
});
const isWarm = (snapshot: { value: string }) => snapshot.value === 'warm';
const slow = (id: string, more: Partial<ChildSpec> = {}): ChildSpec => ({
  id,
  start: () => ({ logic: warmingUp }),
  ready: isWarm,
  ...more,
});

describe('ready', () => {
  test('later children wait until a child says that it is ready', async () => {
    const { top, child, clock, log } = world();
    const sup = top([child('a'), slow('slow'), child('b')]);
    await clock.advance(99);
    expect([show(sup), log]).toEqual(['a:up slow:up b:down', ['start a']]);
    await clock.advance(1);
    expect([show(sup), clock.pendingTimers]).toEqual(['a:up slow:up b:up', 0]);
  });

  test('calls are answered after the start that they had to wait for, in order', async () => {
    const { top, clock } = world();
    const sup = top([slow('slow')]);
    const answers: string[] = [];
    void startChild(sup, slow('second')).then(({ ok }) => answers.push(`start ${ok} ${clock.now()}`));
    void terminateChild(sup, 'slow').then(({ ok }) => answers.push(`terminate ${ok} ${clock.now()}`));
    await clock.advance(100);
    expect(answers).toEqual([]);
    await clock.advance(100);
    expect([answers, show(sup)]).toEqual([['start true 200', 'terminate true 200'], 'slow:down second:up']);
  });

  test('a missed deadline is a failed start, and the child is stopped', async () => {
    const { top, child, clock, endOf, log } = world();
    const sup = top([child('a'), slow('slow', { startTimeoutMs: 50 })]);
    await clock.advance(50);
    expect(endOf(sup)).toMatchObject({
      shutdown: { failed_to_start_child: 'slow', reason: { error: { code: 'ERR_TIMEOUT', field: 'startTimeoutMs' } } },
    });
    expect([log.at(-1), clock.pendingTimers]).toEqual(['end a', 0]);
  });

  test('a child that ends before it is ready has failed to start', async () => {
    const { top, child, ref, endOf, crash } = world();
    const sup = top([child('a', { ready: () => false })]);
    expect(whichChildren(sup)).toEqual([{ id: 'a', ref: ref('a'), type: 'worker' }]);
    crash('a');
    expect(endOf(sup)).toMatchObject({ shutdown: { failed_to_start_child: 'a' } });
  });

  test('a `ready` that throws is a failed start', () => {
    const { top, child, endOf } = world();
    const ready = () => {
      throw new Error('ready');
    };
    expect(endOf(top([child('a', { ready })]))).toMatchObject({ shutdown: { reason: { error: new Error('ready') } } });
  });

  test('a supervisor with waiting children is waited for by the supervisor above it', async () => {
    const { top, child, clock, log } = world();
    const inner = nested('inner', [slow('slow'), child('x')]);
    top([child('s', { logic: inner, type: 'supervisor' }), child('after')]);
    expect(log).toEqual(['start s']);
    await clock.advance(100);
    expect(log).toEqual(['start s', 'start x', 'start after']);
  });

  test('a nested supervisor that fails after waiting has failed to start', async () => {
    const { top, child, clock, endOf } = world();
    const inner = nested('inner', [child('p', { manner: 'obey' }), slow('slow', { startTimeoutMs: 10 })]);
    const sup = top([child('s', { logic: inner, type: 'supervisor' })]);
    await clock.advance(10);
    expect(endOf(sup)).toMatchObject({
      shutdown: { failed_to_start_child: 's', reason: { shutdown: { failed_to_start_child: 'slow' } } },
    });
  });

  test('a child that never becomes ready does not keep its supervisor from ending', async () => {
    const { top, child, clock, log, crash, pool } = world();
    const first = top([child('a'), slow('never', { ready: () => false })]);
    expect(await shutdown(first)).toBe('shutdown');
    expect(log).toEqual(['start a', 'end a']);
    let isReady = true;
    const second = top([child('b', { ready: () => isReady }), child('c')]);
    isReady = false;
    crash('b');
    const answer = startChild(second, child('d'));
    expect([await shutdown(second), await answer]).toMatchObject(['shutdown', { ok: true }]);
    const third = pool();
    const waiting = startChild(third, child('e', { ready: () => false }));
    expect(await shutdown(third)).toBe('shutdown');
    expect([await waiting, clock.pendingTimers]).toEqual([{ ok: false, reason: 'start_failed', exit: 'shutdown' }, 0]);
  });

  test('a supervisor killed while it waits leaves no timer behind', () => {
    const { top, clock, endOf } = world();
    const sup = top([slow('slow', { startTimeoutMs: 500 })]);
    kill(sup);
    expect([clock.pendingTimers, endOf(sup)]).toEqual([0, 'killed']);
  });
});

describe('backoff', () => {
  const failing = (backoff: ChildSpec['backoff'], child: ReturnType<typeof world>['child']) =>
    child('a', { starts: ['ok', 'error', 'error', 'error', 'error', 'ok'], ...(backoff && { backoff }) });

  test('restarts that follow each other wait longer and longer, up to the maximum', async () => {
    const { top, child, crash, clock, log } = world();
    top([failing({ initialMs: 100, maxMs: 500, factor: 2, jitter: 0 }, child)], { intensity: 20 });
    log.length = 0;
    crash('a');
    const startsAt: number[] = [];
    let seen = 1;
    while (startsAt.length < 5 && clock.now() < 5_000) {
      await clock.advance(50);
      for (; seen < log.length; seen++) startsAt.push(clock.now());
    }
    expect(startsAt).toEqual([100, 300, 700, 1_200, 1_700]);
  });

  test('jitter takes away up to its share, and a long run starts the delays over', async () => {
    const { top, child, crash, clock, log } = world();
    const backoff = { initialMs: 100, factor: 10, jitter: 0.5, resetMs: 1_000 };
    const sup = top([child('a', { backoff })], { intensity: 20 });
    for (let i = 0; i < 5; i++) {
      crash('a');
      log.length = 0;
      await clock.advance(49.9);
      expect(log).toEqual([]);
      await clock.advance(50.1);
      expect(log).toEqual(['start a']);
      await clock.advance(2_000);
    }
    expect(show(sup)).toBe('a:up');
  });

  test('without a backoff restarts are immediate', () => {
    const { top, child, crash, clock, log } = world();
    top([failing(undefined, child)], { intensity: 20 });
    crash('a');
    expect([log.filter((line) => line === 'start a').length, clock.pendingTimers]).toEqual([6, 0]);
  });

  test.each([
    { initialMs: 0 },
    { initialMs: 1, factor: 0.5 },
    { initialMs: 1, jitter: 2 },
    { initialMs: 1, maxMs: -1 },
    { initialMs: Number.NaN },
  ])('%j is refused', (backoff) => {
    expect(() => checkChildSpec({ id: 'a', start: () => 'ignore', backoff })).toThrow(/invalid_backoff/);
  });

  test.each([
    [{ ready: 1 }, /invalid_ready/],
    [{ startTimeoutMs: 0 }, /invalid_start_timeout/],
    [{ checkpoint: 1 }, /invalid_checkpoint/],
  ])('%j is refused', (more, error) => {
    expect(() => checkChildSpec({ id: 'a', start: () => 'ignore', ...more } as ChildSpec)).toThrow(error);
  });
});

describe('checkpoint', () => {
  const counter = fromTransition(
    (state: number, event: { type: string }, { self }) => {
      if (event.type === 'crash') throw new Error('crash');
      saveCheckpoint(self, state + 1);
      return state + 1;
    },
    ({ input }: { input: number }) => input,
  );
  const spec = (checkpoint: boolean): ChildSpec => ({
    id: 'counter',
    checkpoint,
    start: ({ checkpoint: saved }) => ({ logic: counter, input: saved ?? 0 }),
  });
  const stateAfterCrash = async (checkpoint: boolean) => {
    const { top } = world();
    const sup = top([spec(checkpoint)]);
    const ref = () => whichChildren(sup)[0]?.ref as AnyActorRef; // it is never restarting here
    ref().send({ type: 'add' });
    ref().send({ type: 'add' });
    ref().send({ type: 'crash' });
    return ref().getSnapshot().context;
  };

  test('what a child saved is handed to its next incarnation', async () => expect(await stateAfterCrash(true)).toBe(2));
  test('nothing is kept unless the spec asks for it', async () => expect(await stateAfterCrash(false)).toBe(0));

  test('attempt and the last exit are handed on as well', () => {
    const seen: unknown[] = [];
    const { top } = world();
    const logic = fromTransition((): null => {
      throw new Exit({ shutdown: 'again' });
    }, null);
    const sup = top([
      {
        id: 'a',
        start: ({ attempt, lastExit }) => {
          seen.push([attempt, lastExit]);
          return { logic };
        },
      },
    ]);
    const ref = whichChildren(sup)[0]?.ref;
    if (ref !== undefined && ref !== 'restarting') ref.send({ type: 'x' });
    expect(seen).toEqual([
      [0, undefined],
      [1, { shutdown: 'again' }],
    ]);
  });
});

describe('link', () => {
  test('an abnormal end takes the other along with the same reason; a normal one does not', () => {
    const { top, child, ref, quit, endsOf } = world();
    top(
      ['a', 'b', 'c'].map((id) => child(id, { restart: 'temporary' })),
      {},
    );
    link(ref('a'), ref('b'));
    link(ref('b'), ref('c'));
    quit('a');
    expect([endsOf('a'), endsOf('b')]).toEqual([['normal'], []]);
    quit('b', { shutdown: 'x' });
    expect(endsOf('c')).toEqual([{ shutdown: 'x' }]);
  });

  test('links to the dead act at once, and untied links do nothing', async () => {
    const { top, child, ref, crash, endsOf, stop } = world();
    const sup = top(['a', 'b', 'c', 'd'].map((id) => child(id, { restart: 'temporary' })));
    link(ref('a'), ref('b'))();
    crash('a');
    expect(endsOf('b')).toEqual([]);
    link(ref('c'), ref('a'));
    expect(endsOf('c')).toEqual([{ error: new Error('crash') }]);
    link(ref('b'), ref('d'));
    expect(await stop(sup)).toBe('shutdown');
    expect([endsOf('b'), endsOf('d')]).toEqual([['shutdown'], ['shutdown']]);
    expect(await shutdown(sup)).toBe('shutdown');
  });
});
