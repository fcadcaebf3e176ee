// From createSession to a usable session.
import { realClock } from '../src/clock.ts';
import { quickCall, quickRuntime } from './quick-call.ts';
import { type BenchRow, figuresOf } from './row.ts';

const WARM_UP = 100;
const STARTS = 500;

export async function benchSessionStart(): Promise<BenchRow[]> {
  const runtime = quickRuntime();
  const starts: number[] = [];
  const stops: number[] = [];
  for (let i = 0; i < WARM_UP + STARTS; i++) {
    const startMs = realClock.now();
    const { session } = await quickCall(runtime);
    const startedMs = realClock.now();
    await session.close();
    if (i < WARM_UP) continue;
    starts.push(startedMs - startMs);
    stops.push(realClock.now() - startedMs);
  }
  await runtime.close();
  return [
    {
      name: 'session start: createSession + start -> idle',
      unit: 'ms',
      measured: figuresOf(starts),
      target: { p50: 2 },
    },
    { name: 'session close -> everything released', unit: 'ms', measured: figuresOf(stops) },
  ];
}
