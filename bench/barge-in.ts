// From the decision to stop the agent to a flushed sink, and what the sink still gets afterwards.
import { realClock, sleep } from '../src/clock.ts';
import { next, type QuickCall, quickCall, quickRuntime } from './quick-call.ts';
import { type BenchRow, figuresOf } from './row.ts';

const WARM_UP = 50;
const ROUNDS = 300;
const CROWD = 100;
const CROWD_ROUNDS = 6;

export async function benchBargeIn(): Promise<BenchRow[]> {
  const runtime = quickRuntime({ replyMs: 10_000 });
  const one = await quickCall(runtime);
  const alone: Cut[] = [];
  for (let i = 0; i < WARM_UP + ROUNDS; i++) {
    await speak(one);
    await sleep(realClock, 5);
    const cut = await bargeIn(one);
    if (i >= WARM_UP) alone.push(cut);
  }
  await one.session.close();
  const calls = await Promise.all(Array.from({ length: CROWD }, () => quickCall(runtime)));
  const crowd: Cut[] = [];
  for (let round = 0; round < CROWD_ROUNDS; round++) {
    await Promise.all(calls.map(speak));
    // Every session is playing 20 ms frames; they are cut one after the other while the others play on.
    for (const call of calls) {
      await sleep(realClock, 2);
      crowd.push(await bargeIn(call));
    }
  }
  await runtime.close();
  const framesAfter = [...alone, ...crowd].reduce((sum, { framesAfter: count }) => sum + count, 0);
  return [
    row('barge-in: decision -> sink flushed, 1 session', alone, 2),
    row(`barge-in: decision -> sink flushed, ${CROWD} sessions playing`, crowd, 5),
    {
      name: 'frames sent after the flush, of all barge-ins above',
      unit: 'count',
      measured: { value: framesAfter },
      target: { value: 0 },
    },
  ];
}

function row(name: string, cuts: readonly Cut[], p99: number): BenchRow {
  return { name, unit: 'ms', measured: figuresOf(cuts.map(({ flushedMs }) => flushedMs)), target: { p99 } };
}

interface Cut {
  readonly flushedMs: number;
  readonly framesAfter: number;
}

async function speak({ session }: QuickCall): Promise<void> {
  const speaking = next(session, 'speaking_started');
  session.say('a long story');
  await speaking;
}

async function bargeIn({ session, transport }: QuickCall): Promise<Cut> {
  let flushedMs = Number.NaN;
  let framesAfter = 0;
  const completed = next(session, 'turn_completed');
  const startMs = realClock.now();
  transport.onFlush = () => {
    if (Number.isNaN(flushedMs)) flushedMs = realClock.now() - startMs;
  };
  transport.onWrite = () => {
    if (!Number.isNaN(flushedMs)) framesAfter++;
  };
  session.interrupt();
  await completed;
  return { flushedMs, framesAfter };
}
