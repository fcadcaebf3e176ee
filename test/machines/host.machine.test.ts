import { describe, expect, test } from 'vitest';
import { createActor } from 'xstate';
import { type HostEvent, hostMachine } from '../../src/machines/host.machine.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';

const settings = { startMs: 10_000, heartbeatMs: 10_000, stopMs: 5_000 };
const ready: HostEvent = { type: 'host.ready' };
const beat: HostEvent = { type: 'host.beat' };
const filled: HostEvent = { type: 'host.filled' };
const freed: HostEvent = { type: 'host.freed' };
const emptied: HostEvent = { type: 'host.emptied' };
const exited: HostEvent = { type: 'host.exited' };
const exit: HostEvent = { type: 'supervisor.exit' };
const recycle = (jobs: number): HostEvent => ({ type: 'host.recycle', jobs });

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
  { rule: 'an idle host is recycled at once', steps: [ready, recycle(0)], state: { recycling: 'leaving' } },
  {
    rule: 'a host is recycled after its last job',
    steps: [ready, filled, recycle(3), beat, 9_999],
    state: { recycling: 'serving' },
  },
  { rule: 'its last job lets it go', steps: [ready, recycle(1), emptied, exited], state: 'dead', death: 'recycled' },
  {
    rule: 'a host that does not leave is dead',
    steps: [ready, recycle(1), emptied, 5_000],
    state: 'dead',
    death: 'recycled',
  },
  {
    rule: 'a hung host is dead while it is recycled',
    steps: [ready, recycle(1), 10_000],
    state: 'dead',
    death: 'silent',
  },
  { rule: 'a crash is a death in every state', steps: [ready, filled, exited], state: 'dead', death: 'exited' },
  { rule: 'a crash before it was ready is a death', steps: [exited], state: 'dead', death: 'exited' },
  { rule: 'a host that starts is stopped at once', steps: [exit], state: 'dead', death: 'stopped' },
  { rule: 'an idle host may leave when the worker ends', steps: [ready, exit], state: { recycling: 'leaving' } },
  { rule: 'a full one as well', steps: [ready, filled, exit, exited], state: 'dead', death: 'recycled' },
  { rule: 'and one that is recycled', steps: [ready, recycle(1), exit], state: { recycling: 'leaving' } },
  {
    rule: 'to be told again is no more time to leave',
    steps: [ready, recycle(0), 4_999, exit, 1],
    state: 'dead',
    death: 'recycled',
  },
];

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
