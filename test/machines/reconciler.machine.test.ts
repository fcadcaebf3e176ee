import { describe, expect, test } from 'vitest';
import { createActor, fromPromise } from 'xstate';
import { AgentError } from '../../src/errors.ts';
import { reconcilerMachine } from '../../src/machines/reconciler.machine.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import { hang } from './hang.ts';

const input = { everyMs: 2_000, lookMs: 10_000, maxDelayMs: 60_000, jitterSeed: 1 };
const down = () => Promise.reject(new AgentError('ERR_TRANSPORT', 'no answer'));

function start(look: () => Promise<void>, seed = 1) {
  const clock = new VirtualClock();
  const looksAtMs: number[] = [];
  const logic = reconcilerMachine.provide({
    actors: {
      look: fromPromise(() => {
        looksAtMs.push(clock.now());
        return look();
      }),
    },
  });
  return { clock, looksAtMs, actor: createActor(logic, { clock, input: { ...input, jitterSeed: seed } }).start() };
}

describe('reconciler', () => {
  test('looks again and again, each pause half to one and a half of the average', async () => {
    const { clock, looksAtMs, actor } = start(async () => {});
    await clock.advance(60_000);
    const pauses = looksAtMs.map((atMs, i) => atMs - (looksAtMs[i - 1] ?? 0));
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(1_000);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(3_000);
    expect(looksAtMs.length).toBeGreaterThan(20);
    actor.stop();
    expect(clock.pendingTimers).toBe(0);
  });

  test('two seeds look at different times', async () => {
    const [a, b] = [start(async () => {}, 1), start(async () => {}, 2)];
    await Promise.all([a.clock.advance(20_000), b.clock.advance(20_000)]);
    expect(a.looksAtMs.filter((atMs) => b.looksAtMs.includes(atMs))).toEqual([]);
  });

  test('looks at once when there is something to do, one look at a time', async () => {
    const { clock, looksAtMs, actor } = start(hang);
    actor.send({ type: 'worker.look' });
    actor.send({ type: 'worker.look' });
    expect([looksAtMs, actor.getSnapshot().value]).toEqual([[0], 'looking']);
    await clock.settle();
    actor.stop();
  });

  test('a look that fails, or never ends, is followed by longer and longer pauses up to the limit', async () => {
    for (const look of [down, hang]) {
      const { clock, looksAtMs, actor } = start(look);
      await clock.advance(1_000_000);
      const pauses = looksAtMs.map((atMs, i) => atMs - (looksAtMs[i - 1] ?? 0)).slice(1);
      expect(Math.max(...pauses)).toBeLessThanOrEqual(60_000 + (look === hang ? 10_000 : 0));
      expect(looksAtMs.length).toBeLessThan(40);
      expect(actor.getSnapshot().context.failures).toBeGreaterThan(10);
      actor.stop();
    }
  });

  test('is not hurried while it is in trouble, and is as before when the trouble is over', async () => {
    let isDown = true;
    const { clock, looksAtMs, actor } = start(() => (isDown ? down() : Promise.resolve()));
    await clock.advance(100_000);
    const count = looksAtMs.length;
    actor.send({ type: 'worker.look' });
    expect([looksAtMs.length, actor.getSnapshot().context.failure?.code]).toEqual([count, 'ERR_TRANSPORT']);
    isDown = false;
    await clock.advance(120_000);
    expect(actor.getSnapshot().context).toMatchObject({ failures: 0, failure: null });
    expect(looksAtMs.length).toBeGreaterThan(count + 20);
  });
});
