import { describe, expect, test } from 'vitest';
import { type AnyActorLogic, type AnyActorRef, cancel, fromTransition, raise, setup } from 'xstate';
import { dynamicSupervisor, kill, startChildNow, startRoot } from '../../src/supervisor/index.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';

const machine = setup({
  actions: {
    twice: raise({ type: 'beep' }, { delay: 10, id: 'b' }),
    stop: cancel('b'),
    beep: ({ self }) => self.getSnapshot().context.log.push('beep'),
  },
  types: { context: {} as { log: string[] } },
}).createMachine({
  context: () => ({ log: [] }),
  initial: 'a',
  on: { again: { actions: 'twice' }, cancel: { actions: 'stop' }, beep: { actions: 'beep' } },
  states: { a: { after: { 100: 'b' } }, b: {} },
});

describe('scheduler', () => {
  test('delayed transitions fire on the clock', async () => {
    const clock = new VirtualClock();
    const root = startRoot(machine, { clock });
    await clock.advance(99);
    expect(root.getSnapshot().value).toBe('a');
    await clock.advance(1);
    expect(root.getSnapshot().value).toBe('b');
  });

  test('raising the same id again replaces the timer, and cancel finds the one there is', async () => {
    const clock = new VirtualClock();
    const root = startRoot(machine, { clock });
    const { log } = root.getSnapshot().context;
    root.send({ type: 'again' });
    await clock.advance(5);
    root.send({ type: 'again' });
    await clock.advance(5);
    expect(log).toEqual([]);
    await clock.advance(5);
    expect(log).toEqual(['beep']);
    root.send({ type: 'again' });
    root.send({ type: 'again' });
    root.send({ type: 'cancel' });
    await clock.advance(50);
    expect(log).toEqual(['beep']);
  });

  test('an actor that ends takes its timers along', () => {
    const clock = new VirtualClock();
    const root = startRoot(dynamicSupervisor({ id: 'pool' }), { clock });
    const started = startChildNow(root, { id: 'a', restart: 'temporary', start: () => ({ logic: machine }) });
    if (started === 'queued' || !started.ok || started.ref === undefined) throw new Error('not started');
    expect(clock.pendingTimers).toBe(1);
    kill(started.ref);
    expect(clock.pendingTimers).toBe(0);
  });

  test('a stop looks at the timers of its own actor only', () => {
    const clock = new VirtualClock();
    let cleared = 0;
    const counting = Object.assign(new VirtualClock(), {
      setTimeout: (fn: () => void, delayMs: number) => clock.setTimeout(fn, delayMs),
      clearTimeout: (handle: unknown) => {
        cleared++;
        clock.clearTimeout(handle);
      },
    });
    const root = startRoot(dynamicSupervisor({ id: 'pool' }), { clock: counting });
    const start = (logic: AnyActorLogic): AnyActorRef => {
      const started = startChildNow(root, { id: 'a', restart: 'temporary', start: () => ({ logic }) });
      if (started === 'queued' || !started.ok || started.ref === undefined) throw new Error('not started');
      return started.ref;
    };
    for (let i = 0; i < 2_000; i++) start(machine as AnyActorLogic);
    const idle = start(fromTransition((state: null) => state, null));
    const scheduled = Object.keys(root.system.getSnapshot()._scheduledEvents).length;
    kill(idle);
    // The stock scheduler keeps everything in this record and scans it at each stop.
    expect([scheduled, cleared, clock.pendingTimers]).toEqual([0, 0, 2_000]);
  });
});
