// End of turn to first audio of one session, and whether a long history makes it slower.
import { realClock, sleep } from '../src/clock.ts';
import type { ChatMessage } from '../src/providers/llm.ts';
import { instantLlm, instantTts, quickCall, quickRuntime, speakTurn } from './quick-call.ts';
import { type BenchRow, figuresOf } from './row.ts';

const WARM_UP = 200;
const TURNS = 200;
const CALLS = 3;

export async function benchTurn(): Promise<BenchRow[]> {
  const runtime = quickRuntime();
  const warm = await quickCall(runtime);
  for (let i = 0; i < WARM_UP; i++) await speakTurn(warm);
  await warm.session.close();
  const all: number[] = [];
  const early: number[] = [];
  const late: number[] = [];
  for (let n = 0; n < CALLS; n++) {
    const call = await quickCall(runtime);
    for (let turn = 0; turn < TURNS; turn++) {
      const ms = await speakTurn(call);
      all.push(ms);
      if (turn < 20) early.push(ms);
      if (turn >= TURNS - 20) late.push(ms);
    }
    await call.session.close();
  }
  await runtime.close();
  const floor = figuresOf(await plainTurns());
  const machine = figuresOf(await plainWork());
  const growth = figuresOf(late).p50 / figuresOf(early).p50;
  return [
    {
      name: 'the machine: 0.5 ms of plain arithmetic, once in 20 ms',
      unit: 'ms',
      measured: machine,
      note: 'what is above 0.5 was taken by other processes or a cold core',
    },
    {
      name: 'end of turn -> first audio at the sink, 1 session',
      unit: 'ms',
      measured: figuresOf(all),
      target: { p50: 0.5, p99: 2 },
      floor,
    },
    {
      // A fifth more is what two runs of the same turn differ by on a shared machine.
      name: 'the same, turns 181-200 by turns 1-20, p50',
      unit: 'x',
      measured: { value: growth },
      target: { value: 1.2 },
    },
  ];
}

/** How long work of known length takes here when it comes as rarely as turns do: the noise in every row. */
async function plainWork(): Promise<number[]> {
  const work = (rounds: number) => {
    let sum = 0;
    for (let i = 0; i < rounds; i++) sum += Math.sqrt(i);
    return sum;
  };
  let rounds = 1_000;
  const timed = () => {
    const startMs = realClock.now();
    work(rounds);
    return realClock.now() - startMs;
  };
  for (let i = 0; i < 50; i++) timed();
  // The quickest of many, so that the length is the one of an undisturbed core.
  while (Math.min(...Array.from({ length: 20 }, timed)) < 0.5) rounds = Math.ceil(rounds * 1.05);
  const times: number[] = [];
  for (let i = 0; i < TURNS; i++) {
    await sleep(realClock, 20);
    times.push(timed());
  }
  return times;
}

/** The same providers called one after the other by a plain function: no chart, no supervision, no way to interrupt. */
async function plainTurns(): Promise<number[]> {
  const llm = instantLlm(() => ({ text: 'Certainly.' }));
  const tts = instantTts(20);
  const messages: ChatMessage[] = [];
  const times: number[] = [];
  for (let turn = 0; turn < WARM_UP + TURNS; turn++) {
    const { signal } = new AbortController();
    let firstAudioMs = Number.NaN;
    const stream = tts.open({
      clock: realClock,
      signal,
      report: ({ type }) => {
        if (type === 'audio') firstAudioMs = realClock.now();
      },
      fail: () => {},
      ready: () => Promise.resolve(),
    });
    const startMs = realClock.now();
    messages.push({ role: 'user', content: 'tell me more' });
    let text = '';
    for await (const chunk of llm.chat({ messages: [...messages], tools: [], toolChoice: 'none', signal })) {
      if (chunk.type !== 'text') continue;
      text += chunk.text;
      stream.write(chunk.text);
    }
    stream.flush();
    messages.push({ role: 'assistant', content: text });
    if (turn >= WARM_UP) times.push(firstAudioMs - startMs);
  }
  return times;
}
