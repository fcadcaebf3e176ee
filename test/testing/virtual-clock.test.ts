import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sleep } from '../../src/clock.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';

describe('virtual clock', () => {
  test('time stands still until it is moved, and ends exactly where it was moved to', async () => {
    const clock = new VirtualClock({ epochMs: 1_000 });
    expect([clock.now(), clock.wallNow(), clock.isVirtual]).toEqual([0, 1_000, true]);
    await clock.advance(12.5);
    expect([clock.now(), clock.wallNow()]).toEqual([12.5, 1_012.5]);
  });

  test('timers fire by deadline, and in order of creation within one', async () => {
    const clock = new VirtualClock();
    const fired: string[] = [];
    for (const [name, delayMs] of [
      ['c', 20],
      ['a', 10],
      ['d', 20],
      ['b', 10],
    ] as const) {
      clock.setTimeout(() => fired.push(`${name}@${clock.now()}`), delayMs);
    }
    await clock.advance(20);
    expect(fired).toEqual(['a@10', 'b@10', 'c@20', 'd@20']);
    expect(clock.pendingTimers).toBe(0);
  });

  test('a timer armed on the way fires within the same advance', async () => {
    const clock = new VirtualClock();
    const at: number[] = [];
    const tick = () => {
      at.push(clock.now());
      if (at.length < 4) clock.setTimeout(tick, 100);
    };
    clock.setTimeout(tick, 100);
    await clock.advance(1_000);
    expect(at).toEqual([100, 200, 300, 400]);
  });

  test('a timer without delay, armed by a timer, waits for the next step', async () => {
    const clock = new VirtualClock();
    const order: string[] = [];
    clock.setTimeout(() => {
      clock.setTimeout(() => order.push('armed later'), 0);
      Promise.resolve().then(() => order.push('promise'));
    }, 5);
    clock.setTimeout(() => order.push('same instant'), 5);
    await clock.advance(5);
    expect(order).toEqual(['same instant', 'promise', 'armed later']);
  });

  test('promises drain between two deadlines, so chained sleeps take the sum of their times', async () => {
    const clock = new VirtualClock();
    const at: number[] = [];
    const run = async () => {
      for (const ms of [10, 20, 30]) {
        await sleep(clock, ms);
        at.push(clock.now());
      }
    };
    void run();
    await clock.advance(60);
    expect(at).toEqual([10, 30, 60]);
  });

  test('more turns per deadline let longer chains of loop turns settle', async () => {
    const hops = async (clock: VirtualClock) => {
      let done = 0;
      clock.setTimeout(() => {
        const hop = () => {
          done++;
          if (done < 3) setImmediate(hop);
        };
        setImmediate(hop);
      }, 1);
      return () => done;
    };
    const clock = new VirtualClock();
    const done = await hops(clock);
    await clock.advance(1, { turns: 4 });
    expect(done()).toBe(3);
  });

  test('a cancelled timer does not fire, not even when cancelled at its own instant', async () => {
    const clock = new VirtualClock();
    const fired: string[] = [];
    const later = clock.setTimeout(() => fired.push('no'), 10);
    const twin = clock.setTimeout(() => clock.clearTimeout(victim), 5);
    const victim = clock.setTimeout(() => fired.push('no'), 5);
    clock.clearTimeout(later);
    clock.clearTimeout(later);
    for (const stranger of [undefined, null, 7, {}, { dueMs: 1, index: 0 }]) clock.clearTimeout(stranger);
    await clock.advance(50);
    clock.clearTimeout(twin);
    expect(fired).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });

  test('a throwing callback rejects advance after the rest of its step ran', async () => {
    const clock = new VirtualClock();
    const fired: string[] = [];
    clock.setTimeout(() => {
      throw new Error('boom');
    }, 10);
    clock.setTimeout(() => fired.push('same instant'), 10);
    clock.setTimeout(() => fired.push('later'), 20);
    await expect(clock.advance(100)).rejects.toThrow('boom');
    expect([fired, clock.now()]).toEqual([['same instant'], 10]);
    await clock.advance(90);
    expect([fired, clock.now()]).toEqual([['same instant', 'later'], 100]);
  });

  test('two throwing callbacks are both told', async () => {
    const clock = new VirtualClock();
    for (const text of ['one', 'two']) {
      clock.setTimeout(() => {
        throw new Error(text);
      }, 1);
    }
    await expect(clock.advance(1)).rejects.toMatchObject({ errors: [{ message: 'one' }, { message: 'two' }] });
  });

  test('advances that overlap run one after the other', async () => {
    const clock = new VirtualClock();
    const at: number[] = [];
    clock.setTimeout(() => at.push(clock.now()), 15);
    await Promise.all([clock.advance(10), clock.advance(10)]);
    expect([at, clock.now()]).toEqual([[15], 20]);
  });

  test('zero delays that re-arm themselves for ever are told instead of hanging', async () => {
    const clock = new VirtualClock();
    const again = (): void => void clock.setTimeout(again, 0);
    again();
    await expect(clock.advance(1)).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
  });

  test('a bad distance or number of turns is refused', () => {
    const clock = new VirtualClock();
    for (const ms of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => clock.advance(ms)).toThrow(expect.objectContaining({ code: 'ERR_OPTION', field: 'ms' }));
    }
    expect(() => clock.advance(1, { turns: 0 })).toThrow(expect.objectContaining({ field: 'turns' }));
  });

  test('any set of timers with any cancellations fires in due order, and nothing is left', async () => {
    const plan = fc.array(fc.tuple(fc.integer({ min: 0, max: 50 }), fc.boolean()), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(plan, async (timers) => {
        const clock = new VirtualClock();
        const fired: number[] = [];
        const handles = timers.map(([delayMs], i) => clock.setTimeout(() => fired.push(i), delayMs));
        timers.forEach(([, cancelled], i) => {
          if (cancelled) clock.clearTimeout(handles[i]);
        });
        await clock.advance(50);
        const expected = timers
          .map(([delayMs, cancelled], i) => ({ delayMs, cancelled, i }))
          .filter(({ cancelled }) => !cancelled)
          .sort((a, b) => a.delayMs - b.delayMs || a.i - b.i)
          .map(({ i }) => i);
        expect(fired).toEqual(expected);
        expect(clock.pendingTimers).toBe(0);
      }),
      { numRuns: 60 },
    );
  });
});
