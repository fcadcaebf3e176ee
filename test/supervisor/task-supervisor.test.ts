import { describe, expect, test } from 'vitest';
import type { AnyActorLogic } from 'xstate';
import { sleep } from '../../src/clock.ts';
import {
  asyncLinked,
  asyncNolink,
  asyncStream,
  kill,
  shutdown,
  startTask,
  supervisor,
  type TaskResult,
  taskSupervisor,
  terminateChild,
} from '../../src/supervisor/index.ts';
import { counts, world } from './world.ts';

function tasks(options = {}) {
  const w = world();
  return { ...w, sup: w.root(taskSupervisor({ id: 'tasks', ...options }) as AnyActorLogic) };
}

const never = () => new Promise<never>(() => {});

describe('asyncNolink', () => {
  test('gives the value of the function, also one that looks like an exit reason', async () => {
    const { sup } = tasks();
    expect(await asyncNolink(sup, () => 42).result).toEqual({ ok: true, value: 42 });
    expect(await asyncNolink(sup, async () => ({ exit: 'shutdown' })).result).toEqual({
      ok: true,
      value: { exit: 'shutdown' },
    });
    expect(counts(sup)).toEqual([0, 0, 0, 0]);
  });

  test('gives the reason of a failure and hurts nobody else', async () => {
    const { sup, isAlive } = tasks({ intensity: 0 });
    const other = asyncNolink(sup, never);
    const error = new Error('task');
    const fail = () => {
      throw error;
    };
    expect(await asyncNolink(sup, fail).result).toEqual({ ok: false, reason: { error } });
    expect(await asyncNolink(sup, async () => fail()).result).toEqual({ ok: false, reason: { error } });
    expect([isAlive(sup), counts(sup)]).toEqual([true, [1, 1, 0, 1]]);
    kill(sup);
    expect(await other.result).toEqual({ ok: false, reason: 'killed' });
  });

  test('a task past its timeout is killed and its signal aborted; the timer goes with the task', async () => {
    const { sup, clock } = tasks();
    let aborted = false;
    const fn = (signal: AbortSignal) => {
      signal.addEventListener('abort', () => {
        aborted = true;
      });
      return never();
    };
    const { result } = asyncNolink(sup, fn, { timeoutMs: 100 });
    await clock.advance(99);
    expect(aborted).toBe(false);
    await clock.advance(1);
    expect([aborted, await result]).toEqual([true, { ok: false, reason: 'timeout' }]);
    await asyncNolink(sup, () => 1, { timeoutMs: 100 }).result;
    expect(clock.pendingTimers).toBe(0);
  });

  test('over maxChildren, under a dead supervisor, or under one that shuts down, the answer says so', async () => {
    const { sup } = tasks({ maxChildren: 1 });
    const first = asyncNolink(sup, never);
    expect(await asyncNolink(sup, () => 1).result).toEqual({ ok: false, reason: 'max_children' });
    await shutdown(sup);
    expect(await first.result).toEqual({ ok: false, reason: 'shutdown' });
    expect(await asyncNolink(sup, () => 1).result).toEqual({ ok: false, reason: 'noproc' });
  });

  test('a task started while the supervisor is busy runs afterwards', async () => {
    const { sup, add, child, ref, clock } = tasks();
    await add(sup, child('slow', { manner: 'slow', shutdown: 100 }));
    void terminateChild(sup, ref('slow'));
    const task = asyncNolink(sup, () => 'late');
    expect(task.ref).toBeUndefined();
    await clock.advance(100);
    expect(await task.result).toEqual({ ok: true, value: 'late' });
  });
});

describe('linked and unwatched tasks', () => {
  test('a linked task takes its caller along, and the caller the task', async () => {
    const { sup, pool, add, child, endOf } = tasks();
    const others = pool({ intensity: 9 });
    const caller = () => add(others, child('caller', { restart: 'temporary' }));
    const first = await caller();
    const error = new Error('task');
    await asyncLinked(sup, first, () => Promise.reject(error)).result;
    expect(endOf(first)).toEqual({ error });
    const second = await caller();
    const task = asyncLinked(sup, second, never);
    kill(second);
    expect(await task.result).toEqual({ ok: false, reason: 'killed' });
  });

  test('startTask repeats a failing function when it is transient', async () => {
    const { sup, clock } = tasks({ intensity: 3 });
    let runs = 0;
    const flaky = async () => {
      runs++;
      if (runs < 3) throw new Error('flaky');
    };
    startTask(sup, flaky, { restart: 'transient' });
    await clock.settle({ turns: 5 });
    expect([runs, counts(sup)]).toEqual([3, [0, 0, 0, 0]]);
  });
});

describe('asyncStream', () => {
  const collect = async <T>(stream: AsyncIterable<TaskResult<T>>) => {
    const values: unknown[] = [];
    for await (const result of stream) values.push(result.ok ? result.value : result.reason);
    return values;
  };

  test('keeps the order of the items and never runs more than maxConcurrency', async () => {
    const { sup, clock } = tasks();
    let active = 0;
    let most = 0;
    const work = async (ms: number) => {
      most = Math.max(most, ++active);
      await sleep(clock, ms);
      active--;
      return ms;
    };
    const items = [50, 10, 30, 20, 40];
    const ordered = collect(asyncStream(sup, items, work, { maxConcurrency: 2 }));
    await clock.advance(500);
    expect([await ordered, most]).toEqual([items, 2]);
    const unordered = collect(asyncStream(sup, items, work, { maxConcurrency: 5, ordered: false }));
    await clock.advance(500);
    expect(await unordered).toEqual([10, 20, 30, 40, 50]);
  });

  test('an overdue task ends the stream, or is only killed, as asked', async () => {
    const { sup, clock } = tasks();
    const work = (item: number) => (item === 2 ? never() : item);
    const failed: unknown[] = [];
    const onFailure = (item: number, reason: unknown) => failed.push([item, reason]);
    const kept = collect(asyncStream(sup, [1, 2, 3], work, { timeoutMs: 100, onTimeout: 'kill_task', onFailure }));
    await clock.advance(100);
    expect([await kept, failed]).toEqual([[1, 'timeout', 3], [[2, 'timeout']]]);
    const ended = collect(asyncStream(sup, [1, 2, 3], work, { timeoutMs: 100 })).catch((error) => [
      error.code,
      error.field,
    ]);
    await clock.advance(100);
    expect([await ended, counts(sup)]).toEqual([
      ['ERR_TIMEOUT', 'timeoutMs'],
      [0, 0, 0, 0],
    ]);
  });

  test('leaving the loop kills what still runs', async () => {
    const { sup } = tasks();
    for await (const result of asyncStream(sup, [1, 2, 3], (item) => (item === 1 ? item : never()))) {
      expect(result).toEqual({ ok: true, value: 1 });
      break;
    }
    expect(counts(sup)).toEqual([0, 0, 0, 0]);
  });

  test('a silly concurrency is refused', async () => {
    const { sup } = tasks();
    const stream = asyncStream(sup, [1], (item) => item, { maxConcurrency: 0 });
    await expect(stream.next()).rejects.toMatchObject({
      code: 'ERR_OPTION',
      field: 'maxConcurrency',
      fix: expect.stringContaining('maxConcurrency'),
    });
  });

  test('tasks belong under a dynamic supervisor', async () => {
    const { root, child } = world();
    const wrong = root(supervisor({ id: 's', children: [child('task')] }) as AnyActorLogic);
    expect(await asyncNolink(wrong, () => 1).result).toMatchObject({
      ok: false,
      reason: { error: { code: 'ERR_SUPERVISOR' } },
    });
  });
});
