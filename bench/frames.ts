// What one 20 ms frame costs a session, in and out, and in the parts of the audio path.
import type { AudioFrame } from '../src/audio/frame.ts';
import { realClock, sleep } from '../src/clock.ts';
import type { Stt } from '../src/providers/stt.ts';
import type { Vad } from '../src/providers/vad.ts';
import { createRuntime } from '../src/runtime/create-runtime.ts';
import { benchAudio } from './audio.ts';
import { instantLlm, instantTts, quickCall, silentFrame, voiceFrame } from './quick-call.ts';
import { type BenchRow, figuresOf } from './row.ts';

const BATCH = 50;
const BATCHES = 1_000;
const WARM_UP = 300;

/** Ten seconds, so that blocks of the tape are made and let go as in a call. */
const UTTERANCE_FRAMES = 500;

/** Opens an utterance with the first voice, ends it after ten seconds, and does nothing else: the path without detection. */
const steadyTalk: Vad = {
  label: 'steady talk',
  open: ({ originMs, report }) => {
    let frames = 0;
    let heard = 0;
    return {
      write: ({ samples }) => {
        frames++;
        if (samples[0] === 0) return;
        const atMs = originMs + frames * 20;
        if (heard % UTTERANCE_FRAMES === 0) report({ type: 'started', startedAtMs: atMs });
        heard++;
        if (heard % UTTERANCE_FRAMES === 0) report({ type: 'ended', lastVoiceAtMs: atMs });
      },
      close: () => {},
    };
  },
};

/** Understands nothing, at once. */
const deafStt: Stt = {
  label: 'deaf stt',
  capabilities: { partials: false, languages: ['*'] },
  open: ({ report }) => ({
    begin: () => {},
    write: () => {},
    end: (utterance) => report({ type: 'final', utterance, text: '' }),
    discard: () => {},
    close: () => {},
  }),
};

export async function benchFrames(): Promise<BenchRow[]> {
  const runtime = createRuntime({
    providers: {
      vad: steadyTalk,
      stt: deafStt,
      tts: instantTts(60_000),
      llm: instantLlm(() => ({ text: 'x' })),
      turnDetector: null,
    },
  });
  const call = await quickCall(runtime);
  const input = (name: string, frame: AudioFrame): BenchRow => ({
    name: `input path of a session per 20 ms frame, ${name}`,
    unit: 'us',
    measured: measure(() => call.transport.pushFrame(frame)),
    target: { p50: 5 },
  });
  const rows = [input('nobody speaks', silentFrame), input('the user speaks', voiceFrame)];
  await call.session.close();
  rows.push(await outputPath(runtime));
  await runtime.close();
  const parts = benchAudio().map(
    ({ name, medianUs, p99Us, targetUs }): BenchRow => ({
      name: `audio: ${name}`,
      unit: 'us',
      measured: { p50: medianUs, p99: p99Us },
      ...(targetUs === undefined ? {} : { target: { p50: targetUs } }),
    }),
  );
  return [...rows, ...parts];
}

/** Microseconds per frame, batches timed together because one frame takes less than a clock tick of some machines. */
function measure(frame: () => void): Pick<BenchRow['measured'], 'p50' | 'p99'> {
  const times: number[] = [];
  for (let batch = -WARM_UP; batch < BATCHES; batch++) {
    const startMs = realClock.now();
    for (let i = 0; i < BATCH; i++) frame();
    if (batch >= 0) times.push(((realClock.now() - startMs) * 1000) / BATCH);
  }
  const { p50, p99 } = figuresOf(times);
  return { p50, p99 };
}

/** CPU of 50 sessions that only play, in real time, per frame sent: timers and the event loop included. */
async function outputPath(runtime: ReturnType<typeof createRuntime>): Promise<BenchRow> {
  let frames = 0;
  for (let i = 0; i < 50; i++) {
    const { session, transport } = await quickCall(runtime);
    transport.onWrite = () => {
      frames++;
    };
    session.say('a story');
  }
  await sleep(realClock, 1_000);
  frames = 0;
  const before = process.cpuUsage();
  await sleep(realClock, 5_000);
  const { user, system } = process.cpuUsage(before);
  return {
    name: 'output path of a session per 20 ms frame, timers included, 50 sessions playing',
    unit: 'us',
    measured: { value: (user + system) / frames },
    note: 'process CPU by frames sent; the pacer alone is below',
  };
}
