import { describe, expect, test } from 'vitest';
import { createActor } from 'xstate';
import { type HostEvent, hostMachine } from '../../src/machines/host.machine.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';

const settings = { startMs: 10_000, heartbeatMs: 10_000, beatMs: 2_500, stopMs: 5_000 };
const ready: HostEvent = { type: 'host.ready' };
const beat: HostEvent = { type: 'host.beat' };
const filled: HostEvent = { type: 'host.filled' };
const freed: HostEvent = { type: 'host.freed' };
const emptied: HostEvent = { type: 'host.emptied' };
const exited: HostEvent = { type: 'host.exited' };
const exit: HostEvent = { type: 'supervisor.exit' };
const recycle: HostEvent = { type: 'host.recycle' };

const rows: readonly {
  rule: string;
  steps: readonly (HostEvent | number)[];
  state: string | { recycling: string };
  death?: string;
}[] = [
  { rule: 'a host may take its time to start', steps: [9_999], state: 'starting' },
  { rule: 'a host that does not start is dead', steps: [10_000], state: 'dead', death: 'start' },
  { rule: 'a host that beats lives', steps: [ready, 9_000, beat, 9_000, beat, 9_999], state: 'ready' },
  { rule: 'a silent host is dead', steps: [ready, 9_000, beat, 10_000], state: 'dead', death: 'silent' },
  { rule: 'a full host is watched as well', steps: [ready, filled, 10_000], state: 'dead', death: 'silent' },
  { rule: 'a host with room again is open again', steps: [ready, filled, freed], state: 'ready' },
  { rule: 'an idle host is recycled at once', steps: [ready, recycle, emptied], state: { recycling: 'leaving' } },
  {
    rule: 'a host is recycled after its last job',
    steps: [ready, filled, recycle, beat, 9_999],
    state: { recycling: 'serving' },
  },
  { rule: 'its last job lets it go', steps: [ready, recycle, emptied, exited], state: 'dead', death: 'recycled' },
  {
    rule: 'a host that does not leave is dead',
    steps: [ready, recycle, emptied, 5_000],
    state: 'dead',
    death: 'recycled',
  },
  {
    rule: 'a hung host is dead while it is recycled',
    steps: [ready, recycle, 10_000],
    state: 'dead',
    death: 'silent',
  },
  { rule: 'a crash is a death in every state', steps: [ready, filled, exited], state: 'dead', death: 'exited' },
  { rule: 'a crash before it was ready is a death', steps: [exited], state: 'dead', death: 'exited' },
  { rule: 'a host that starts is stopped at once', steps: [exit], state: 'dead', death: 'stopped' },
  { rule: 'an idle host may leave when the worker ends', steps: [ready, exit], state: { recycling: 'leaving' } },
  { rule: 'a full one as well', steps: [ready, filled, exit, exited], state: 'dead', death: 'recycled' },
  { rule: 'and one that is recycled', steps: [ready, recycle, exit], state: { recycling: 'leaving' } },
  {
    rule: 'to be told again is no more time to leave',
    steps: [ready, recycle, emptied, 4_999, exit, 1],
    state: 'dead',
    death: 'recycled',
  },
];

/** A process that stood still: on its way on it runs the timers that are due, and reads its messages only then. */
class StoppedClock extends VirtualClock {
  readonly #timers = new Map<object, { readonly atMs: number; readonly run: () => void }>();
  #nowMs = 0;

  override now(): number {
    return this.#nowMs;
  }

  override setTimeout(run: () => void, delayMs: number): unknown {
    const handle = {};
    this.#timers.set(handle, { atMs: this.#nowMs + delayMs, run });
    return handle;
  }

  override clearTimeout(handle: unknown): void {
    this.#timers.delete(handle as object); // handles come from setTimeout above
  }

  pause(ms: number): void {
    this.#nowMs += ms;
    for (const [handle, { atMs, run }] of [...this.#timers]) {
      if (atMs <= this.#nowMs && this.#timers.delete(handle)) run();
    }
  }
}

describe('a pause of this process is no silence of the host', () => {
  for (const [state, events] of [
    ['ready', [ready]],
    ['full', [ready, filled]],
    [{ recycling: 'serving' }, [ready, recycle]],
  ] as const) {
    test(`one that is ${JSON.stringify(state)} is waited for`, () => {
      const clock = new StoppedClock();
      const host = createActor(hostMachine, { clock, input: { hostId: 'host_1', settings } }).start();
      for (const event of events) host.send(event);
      for (let i = 0; i < 3; i++) {
        clock.pause(60_000);
        host.send(beat);
        expect(host.getSnapshot().value).toEqual(state);
      }
      clock.pause(60_000);
      clock.pause(2_499);
      expect(host.getSnapshot().value).toEqual(state);
      clock.pause(1);
      expect(host.getSnapshot().output?.death).toBe('silent');
    });
  }
});

describe('host', () => {
  for (const { rule, steps, state, death } of rows) {
    test(rule, async () => {
      const clock = new VirtualClock();
      const asked: string[] = [];
      const logic = hostMachine.provide({ actions: { askToLeave: (_, { hostId }) => void asked.push(hostId) } });
      const host = createActor(logic, { clock, input: { hostId: 'host_1', settings } }).start();
      for (const step of steps) {
        if (typeof step === 'number') await clock.advance(step);
        else host.send(step);
      }
      expect(host.getSnapshot().value).toEqual(state);
      expect(host.getSnapshot().output?.death).toBe(death);
      expect(host.getSnapshot().hasTag('open')).toBe(state === 'ready');
      const isToLeave = death === 'recycled' || (typeof state === 'object' && state.recycling === 'leaving');
      expect(asked).toEqual(isToLeave ? ['host_1'] : []);
      host.stop();
      expect(clock.pendingTimers).toBe(0);
    });
  }
});
