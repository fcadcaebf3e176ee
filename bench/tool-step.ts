// A step without audio: the model asks for a tool, the tool answers at once, the model is asked again.
import { realClock } from '../src/clock.ts';
import { tool } from '../src/tools/index.ts';
import { instantLlm, quickCall, quickRuntime, speakTurn } from './quick-call.ts';
import { type BenchRow, figuresOf } from './row.ts';

const WARM_UP = 200;
const TURNS = 400;

export async function benchToolStep(): Promise<BenchRow[]> {
  const times: number[] = [];
  let calledAtMs = 0;
  const look = tool({ name: 'look', description: 'Looks.', execute: () => 'seen' });
  const runtime = quickRuntime({
    llm: instantLlm((lastText) => {
      if (lastText === 'seen') {
        times.push(realClock.now() - calledAtMs);
        return { text: 'Seen.' };
      }
      calledAtMs = realClock.now();
      return { calls: [{ name: 'look' }] };
    }),
  });
  const call = await quickCall(runtime, { tools: [look] });
  for (let i = 0; i < WARM_UP + TURNS; i++) await speakTurn(call);
  await runtime.close();
  return [
    {
      name: 'tool call emitted -> second model request',
      unit: 'ms',
      measured: figuresOf(times.slice(WARM_UP)),
      target: { p50: 0.3, p99: 1 },
    },
  ];
}
