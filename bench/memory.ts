// Heap of idle sessions and of sessions between turns, and whether a thousand of them leave anything behind.
import { realClock, sleep } from '../src/clock.ts';
import { type QuickCall, quickCall, quickRuntime, speakTurn } from './quick-call.ts';
import type { BenchRow } from './row.ts';

const SESSIONS = 200;
const TURNS = 5;
const CYCLED = 1_000;

/** Needs `--expose-gc`. */
export async function benchMemory(): Promise<BenchRow[]> {
  const runtime = quickRuntime();
  // What is made once per process (shared charts, code, inline caches) is no cost of a session.
  for (let i = 0; i < 100; i++) {
    const call = await quickCall(runtime);
    await speakTurn(call);
    await call.session.close();
  }
  const base = await settled();
  const calls: QuickCall[] = [];
  for (let i = 0; i < SESSIONS; i++) calls.push(await quickCall(runtime));
  const idle = await settled();
  for (const call of calls) for (let turn = 0; turn < TURNS; turn++) await speakTurn(call);
  const between = await settled();
  await Promise.all(calls.map(({ session }) => session.close()));
  calls.length = 0;
  const cycle = async () => {
    for (let i = 0; i < CYCLED; i++) {
      const { session } = await quickCall(runtime);
      await session.close();
    }
  };
  // The first thousand settles what the engine knows of the code; a leak would show in the second as well.
  await cycle();
  const beforeCycle = await settled();
  await cycle();
  const afterCycle = await settled();
  await runtime.close();
  const perSession = (from: Usage, to: Usage, key: keyof Usage) => (to[key] - from[key]) / SESSIONS;
  return [
    {
      name: 'heap per idle session',
      unit: 'KB',
      measured: { value: perSession(base, idle, 'heap') / 1024 },
      target: { value: 64 },
    },
    {
      name: 'buffers per idle session',
      unit: 'KB',
      measured: { value: perSession(base, idle, 'buffers') / 1024 },
      note: 'half a second of pre-roll is 16 KB',
    },
    {
      name: `heap and buffers per session between turns, after ${TURNS} turns`,
      unit: 'MB',
      measured: { value: (perSession(base, between, 'heap') + perSession(base, between, 'buffers')) / 1024 / 1024 },
      target: { value: 0.3 },
    },
    {
      name: `heap and buffers left per session, ${CYCLED} started and stopped, the second time`,
      unit: 'KB',
      measured: {
        value: (afterCycle.heap + afterCycle.buffers - beforeCycle.heap - beforeCycle.buffers) / CYCLED / 1024,
      },
      // A tenth of a kilobyte is what feedback and code of a warm process still move.
      target: { value: 0.1 },
    },
  ];
}

interface Usage {
  readonly heap: number;
  readonly buffers: number;
}

async function settled(): Promise<Usage> {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('run with --expose-gc');
  for (let i = 0; i < 4; i++) {
    await sleep(realClock, 50);
    gc();
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return { heap: heapUsed, buffers: arrayBuffers };
}
