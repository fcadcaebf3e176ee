// How busy a worker is, in the measure that LiveKit compares workers by.
import { cpus } from 'node:os';

/** Busy share of all cores since the last call, 0 to 1. */
export type CpuMeter = () => number;

/** Above this the server sends no job to a worker, whatever its status says: `agents.target_load` of the server. */
export const TARGET_LOAD = 0.7;

/** What a worker with free slots tells at most: leaves the server something to weigh it by. */
const MAX_OPEN_LOAD = 0.98;

/** Reads the machine: a worker shares it with its host processes and with whatever else runs there. */
export function machineCpu(): CpuMeter {
  let before = totals();
  return () => {
    const now = totals();
    const all = now.all - before.all;
    const idle = now.idle - before.idle;
    before = now;
    return all <= 0 ? 0 : Math.min(1, Math.max(0, 1 - idle / all));
  };
}

export interface LoadLevels {
  readonly cpu: number;
  readonly running: number;
  readonly reserved: number;
  readonly maxJobs: number;
}

/** Share of the capacity in use, 0 to 1: the busier of the processor and the slots. A worker without slots is full. */
export function loadOf({ cpu, running, reserved, maxJobs }: LoadLevels): number {
  const slots = maxJobs === 0 ? 1 : (running + reserved) / maxJobs;
  return Math.min(1, Math.max(Number.isFinite(cpu) ? cpu : 0, slots));
}

/**
 * The load as it is told: below the target for a worker with free slots, 1 for one that takes nothing. The server
 * compares open workers by it, but one at the target or above is offered nothing at all and the call is lost: a busy
 * processor may make a worker the last choice, only a full one is no choice.
 */
export function toldLoad(load: number, isOpen: boolean): number {
  return isOpen ? Math.min(load, MAX_OPEN_LOAD) * TARGET_LOAD : 1;
}

function totals(): { readonly all: number; readonly idle: number } {
  let all = 0;
  let idle = 0;
  for (const { times } of cpus()) {
    all += times.user + times.nice + times.sys + times.irq + times.idle;
    idle += times.idle;
  }
  return { all, idle };
}
