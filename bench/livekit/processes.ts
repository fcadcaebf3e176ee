// What processes use, as Linux counts it: every thread of them, and every process they started.
import { readdirSync, readFileSync } from 'node:fs';

/** Kernels count in hundredths of a second for user programs, whatever they tick at. */
const TICK_MS = 10;

/** A process and all that descend from it. */
export function familyOf(pid: number): number[] {
  const children = read(() =>
    readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    ),
  );
  return [pid, ...(children ?? []).flatMap(familyOf)];
}

export function killAll(pids: readonly number[]): void {
  for (const pid of pids) read(() => process.kill(pid, 'SIGKILL'));
}

/** Processor time since the start of each process, in milliseconds. */
export function cpuMsOf(pids: readonly number[]): number {
  return sum(pids, (pid) => {
    // The name, in parentheses, may hold anything; user and system time are the 12th and 13th field after it.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  });
}

/**
 * Megabytes that these processes need: what each has for itself, and once what they share with each other. Unlike the
 * proportional size it does not depend on who else runs the same program.
 */
export function memoryMbOf(pids: readonly number[]): number {
  let ownKb = 0;
  let sharedKb = 0;
  for (const pid of pids) {
    const text = read(() => readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')) ?? '';
    const kb = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0);
    ownKb += kb('Private_Clean') + kb('Private_Dirty');
    sharedKb = Math.max(sharedKb, kb('Shared_Clean') + kb('Shared_Dirty'));
  }
  return (ownKb + sharedKb) / 1024;
}

function sum(pids: readonly number[], of: (pid: number) => number): number {
  return pids.reduce((total, pid) => total + (read(() => of(pid)) ?? 0), 0);
}

/** A process that has just ended has no files any more, and takes no signal. */
function read<T>(from: () => T): T | undefined {
  try {
    return from();
  } catch {
    return undefined;
  }
}
