// Delayed events of one actor system, indexed by the actor that owns them.
import type { AnyActorRef } from 'xstate';
import type { SystemInternals, XStateScheduler } from './xstate-internals.ts';

/**
 * Replaces the scheduler of a system. The stock one keeps all delayed events in one record and scans it whenever an
 * actor stops, so stopping n actors with a timer each costs n^2; it also loses the first of two events with one id.
 * Events that the stock scheduler already holds stay with it.
 */
export function installIndexedScheduler(system: SystemInternals): void {
  const stock = system.scheduler;
  system.scheduler = indexedScheduler(system, stock);
}

function indexedScheduler(system: SystemInternals, stock: XStateScheduler): XStateScheduler {
  const byOwner = new Map<AnyActorRef, Map<string, unknown>>();
  const clock = system._clock;
  const stockIsEmpty = () => {
    for (const _ in system._snapshot._scheduledEvents) return false;
    return true;
  };
  let anonymous = 0;

  const drop = (owner: AnyActorRef, id: string) => {
    const timers = byOwner.get(owner);
    const timer = timers?.get(id);
    if (timers === undefined || timer === undefined) return;
    timers.delete(id);
    if (timers.size === 0) byOwner.delete(owner);
    clock.clearTimeout(timer);
  };

  return {
    schedule(source, target, event, delay, id = `anonymous ${++anonymous}`) {
      drop(source, id);
      const own = byOwner.get(source) ?? new Map<string, unknown>();
      byOwner.set(source, own);
      own.set(
        id,
        clock.setTimeout(() => {
          own.delete(id);
          if (own.size === 0 && byOwner.get(source) === own) byOwner.delete(source);
          system._relay(source, target, event);
        }, delay),
      );
    },
    cancel(source, id) {
      drop(source, id);
      if (!stockIsEmpty()) stock.cancel(source, id);
    },
    cancelAll(owner) {
      const timers = byOwner.get(owner);
      if (timers !== undefined) {
        byOwner.delete(owner);
        for (const timer of timers.values()) clock.clearTimeout(timer);
      }
      if (!stockIsEmpty()) stock.cancelAll(owner);
    },
  };
}
