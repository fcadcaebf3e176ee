// How long a restart waits: not at all unless the spec asks for it.
import type { Backoff } from './child-spec.ts';
import type { ChildRecord } from './child-table.ts';
import type { SystemServices } from './system-services.ts';

/** Longest delay when the spec names none: long enough to spare a server, short enough to notice its return. */
export const DEFAULT_MAX_MS = 30_000;

/** Notes that a child ended by itself: one that ran long enough begins its delays from the start. */
export function noteExit(record: ChildRecord, { clock }: SystemServices): void {
  const { backoff } = record.spec;
  if (backoff === undefined) return;
  const { maxMs = DEFAULT_MAX_MS, resetMs = maxMs } = backoff;
  if (clock.now() - record.startedAtMs >= resetMs) record.retries = 0;
}

/** The delay in ms before the next restart of `record`; counts it. */
export function nextDelayMs(record: ChildRecord, { random }: SystemServices): number {
  const { backoff } = record.spec;
  return backoff === undefined ? 0 : delayMs(backoff, record.retries++, random());
}

function delayMs(
  { initialMs, maxMs = DEFAULT_MAX_MS, factor = 2, jitter = 0.2 }: Backoff,
  retry: number,
  random: number,
): number {
  return Math.min(maxMs, initialMs * factor ** retry) * (1 - jitter * random);
}
