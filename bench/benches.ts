// Every bench by name; each runs in a process of its own.
import type { BenchRow } from './row.ts';

export interface Bench {
  readonly flags?: readonly string[];
  /** Empty when the bench cannot run here; it says why on stderr. */
  run(): Promise<BenchRow[]>;
}

export const BENCHES: Readonly<Record<string, Bench>> = {
  turn: { run: async () => (await import('./turn.ts')).benchTurn() },
  crowd: { run: async () => (await import('./crowd.ts')).benchCrowd() },
  frames: { run: async () => (await import('./frames.ts')).benchFrames() },
  'tool-step': { run: async () => (await import('./tool-step.ts')).benchToolStep() },
  'barge-in': { run: async () => (await import('./barge-in.ts')).benchBargeIn() },
  'session-start': { run: async () => (await import('./session-start.ts')).benchSessionStart() },
  import: { run: async () => (await import('./import.ts')).benchImport() },
  supervisor: { flags: ['--expose-gc'], run: async () => (await import('./supervisor.ts')).benchSupervisor() },
  demo: { run: async () => (await import('./demo.ts')).benchDemo() },
  memory: { flags: ['--expose-gc'], run: async () => (await import('./memory.ts')).benchMemory() },
};
