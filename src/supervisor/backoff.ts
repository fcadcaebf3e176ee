// How long a restart waits: not at all unless the spec asks for it.
import type { Backoff } from './child-spec.ts';
import type { ChildRecord } from './child-table.ts';
import type { SystemServices } from './system-services.ts';

/** The delay in ms before the next restart of `record`; counts it. A child that ran long enough starts over. */
export function nextDelayMs(record: ChildRecord, { clock, random }: SystemServices): number {
  const { backoff } = record.spec;
  if (backoff === undefined) return 0;
  const { maxMs = 30_000, resetMs = maxMs } = backoff;
  if (clock.now() - record.startedAtMs >= resetMs) record.retries = 0;
  return delayMs(backoff, record.retries++, random());
}

function delayMs(
  { initialMs, maxMs = 30_000, factor = 2, jitter = 0.2 }: Backoff,
  retry: number,
  random: number,
): number {
  return Math.min(maxMs, initialMs * factor ** retry) * (1 - jitter * random);
}
