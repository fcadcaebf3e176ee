// A connection that breaks in the middle of a reply: the rest is heard through the new one, and only there.
import { expect, test } from 'vitest';
import type { AudioFrame } from '../../src/audio/frame.ts';
import { seededIds } from '../../src/ids.ts';
import { Agent, createRuntime, type Transport, type TransportOpenOptions } from '../../src/index.ts';
import { ScriptedLlm, ScriptedTts, VirtualClock } from '../../src/testing/index.ts';

/** Sends at once what it is given, as a telephone gateway does, and counts it; the runtime has to pace it. */
class Line {
  readonly sentAtMs: number[] = [];
  samples = 0;
  closed = 0;
  isOpen = true;
  readonly sink;

  constructor(clock: VirtualClock) {
    this.sink = {
      pacesItself: false,
      canPause: true,
      sampleRateHz: 8_000,
      write: ({ samples }: AudioFrame) => {
        this.samples += samples.length;
        this.sentAtMs.push(clock.now());
      },
      playedSamples: () => 0,
      flush: () => {},
    };
  }

  close(): void {
    this.isOpen = false;
    this.closed++;
  }
}

test('nothing more is sent to the line that broke, and it is closed', async () => {
  const clock = new VirtualClock();
  const lines: Line[] = [];
  let events: TransportOpenOptions['onEvent'] = () => {};
  const transport: Transport = {
    label: 'gateway',
    open: async ({ onEvent }) => {
      events = onEvent;
      lines.push(new Line(clock));
      return lines.at(-1) as Line; // just pushed
    },
  };
  const llm = new ScriptedLlm({ clock, answers: { Hello: { text: 'A long answer.' } } });
  const tts = new ScriptedTts({ durations: { 'A long answer.': 4_000 } });
  const runtime = createRuntime({ clock, ids: seededIds(), providers: { llm, tts } });
  const options = { audio: { input: false } };
  const session = runtime.createSession({ agent: new Agent({}), transport, options });
  await Promise.all([session.start(), clock.settle()]);
  session.sendText('Hello');
  await clock.advance(2_000);
  const [first] = lines;
  if (first === undefined) throw new Error('there is no line');
  first.isOpen = false;
  events({ type: 'lost', reason: 'the gateway restarted' });
  await clock.advance(1_000);
  const second = lines[1];
  const changedAtMs = second?.sentAtMs[0] ?? Number.NaN;
  await clock.advance(5_000);
  expect(first.sentAtMs.filter((atMs) => atMs > changedAtMs)).toEqual([]);
  expect(first.closed).toBe(1);
  // One frame may be on its way to the ear when the line changes.
  expect(first.samples + (second?.samples ?? 0)).toBeLessThanOrEqual(32_000 + 160);
  expect(session.history.at(-1)).toMatchObject({ text: 'A long answer.', interrupted: false });
  const closed = runtime.close();
  await clock.advance(5_000);
  await closed;
  expect(lines.map(({ closed: times }) => times)).toEqual([1, 1]);
});
