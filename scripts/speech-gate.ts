// The human speech gate: `npm run test:speech`. Measures the embedded engines on recorded people, through the adapters.
import { realClock, sleep } from '../src/clock.ts';
import { progressLine, pullModels } from '../src/providers/local/models/model-cache.ts';
import { moonshineStt } from '../src/providers/local/moonshine-stt.ts';
import { sileroVad } from '../src/providers/local/silero-vad.ts';
import type { Stt } from '../src/providers/stt.ts';
import type { Vad } from '../src/providers/vad.ts';
import { INSTALL_COMMAND, type Prompt, readPrompts } from '../test/speech-gate/prompts.ts';
import { FRAME_SAMPLES, voicedFrames } from '../test/speech-gate/voiced-frames.ts';
import { wordErrors, wordsOf } from '../test/speech-gate/words.ts';

const MIN_PROMPTS = 40;
const MAX_WORD_ERROR_RATE = 0.05;
const MAX_MISSED_FRAMES = 0.06;
const RATE_HZ = 16_000;
/** Silence between two prompts on the track the detector hears. */
const GAP_SAMPLES = RATE_HZ;

const verbose = process.argv.includes('--verbose');
const native = process.argv.includes('--native');
const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
let passed = 0;
let failed = 0;
function judge(name: string, ok: boolean, figures: string): void {
  if (ok) passed++;
  else failed++;
  console.log(`${ok ? 'ok  ' : 'FAIL'}  ${name}: ${figures}`);
}

function transcribe(stt: Stt, prompt: Prompt): Promise<{ text: string; ms: number }> {
  return new Promise((resolve, reject) => {
    const stream = stt.open({
      clock: realClock,
      signal: new AbortController().signal,
      fail: reject,
      report: (result) => {
        if (result.type !== 'final') return;
        stream.close();
        resolve({ text: result.text, ms: realClock.now() - endedAt });
      },
    });
    stream.begin(1);
    for (let at = 0; at < prompt.samples.length; at += FRAME_SAMPLES)
      stream.write({ samples: prompt.samples.slice(at, at + FRAME_SAMPLES), sampleRateHz: RATE_HZ, channels: 1 });
    const endedAt = realClock.now();
    stream.end(1);
  });
}

async function measureStt(prompts: readonly Prompt[]): Promise<void> {
  // Partials would only run beside the finals here: the prompts are played at once.
  const stt = moonshineStt({ partials: false, spare: false, engine: native ? 'native' : 'wasm' });
  const startedAt = realClock.now();
  await stt.engines.start();
  const readyMs = realClock.now() - startedAt;
  let errors = 0;
  let words = 0;
  let exact = 0;
  const times: number[] = [];
  for (const prompt of prompts) {
    const { text, ms } = await transcribe(stt, prompt);
    const said = wordsOf(prompt.transcript);
    const wrong = wordErrors(wordsOf(text), said);
    errors += wrong;
    words += said.length;
    if (wrong === 0) exact++;
    else if (verbose) console.log(`      ${prompt.name}: said "${prompt.transcript}" heard "${text}"`);
    times.push(ms);
  }
  stt.engines.stop();
  times.sort((a, b) => a - b);
  const at = (share: number) => (times[Math.floor(share * (times.length - 1))] ?? 0).toFixed(0);
  judge(
    `word error rate of the embedded recogniser <= ${percent(MAX_WORD_ERROR_RATE)}`,
    errors / words <= MAX_WORD_ERROR_RATE,
    `${percent(errors / words)} (${errors} of ${words} words), ${exact} of ${prompts.length} prompts without an error; ` +
      `final after ${at(0.5)} ms p50, ${at(0.95)} ms p95; engine ready in ${readyMs.toFixed(0)} ms`,
  );
}

/** The stretches of samples the detector takes for speech. */
function listen(vad: Vad, track: Int16Array): Promise<readonly (readonly [number, number])[]> {
  return new Promise((resolve, reject) => {
    const spoken: [number, number][] = [];
    let from = 0;
    const toSamples = (ms: number) => Math.round((ms * RATE_HZ) / 1000);
    // A second of silence at the end makes sure that the last utterance is over before the track is.
    const last = track.length - GAP_SAMPLES;
    const stream = vad.open({
      originMs: 0,
      speaking: false,
      sustainedAfterMs: 500,
      clock: realClock,
      signal: new AbortController().signal,
      fail: reject,
      report: (edge) => {
        if (edge.type === 'started') from = toSamples(edge.startedAtMs);
        if (edge.type === 'ended') spoken.push([from, toSamples(edge.lastVoiceAtMs)]);
        if (edge.type === 'ended' && toSamples(edge.lastVoiceAtMs) > last - 2 * RATE_HZ) finish();
      },
    });
    const finish = () => {
      stream.close();
      resolve(spoken);
    };
    void (async () => {
      for (let at = 0; at < track.length; at += FRAME_SAMPLES) {
        stream.write({ samples: track.slice(at, at + FRAME_SAMPLES), sampleRateHz: RATE_HZ, channels: 1 });
        // Forty times real time at most: the detector drops a stream that is minutes ahead of it.
        if (at % RATE_HZ === 0) await sleep(realClock, 25);
      }
    })();
  });
}

async function measureVad(prompts: readonly Prompt[]): Promise<void> {
  const pieces = prompts.map(({ samples }) => ({ samples, voiced: voicedFrames(samples) }));
  const length = pieces.reduce((sum, { voiced }) => sum + voiced.length * FRAME_SAMPLES + GAP_SAMPLES, GAP_SAMPLES);
  const track = new Int16Array(length);
  const reference = new Uint8Array(length / FRAME_SAMPLES);
  let at = GAP_SAMPLES;
  for (const { samples, voiced } of pieces) {
    track.set(samples.subarray(0, voiced.length * FRAME_SAMPLES), at);
    voiced.forEach((is, frame) => {
      reference[at / FRAME_SAMPLES + frame] = is ? 1 : 0;
    });
    at += voiced.length * FRAME_SAMPLES + GAP_SAMPLES;
  }
  // A hangover of three windows only: the usual 500 ms would cover every miss inside a sentence.
  for (const [maxSilenceDurationMs, gate] of [
    [96, true],
    [500, false],
  ] as const) {
    const vad = sileroVad({ maxSilenceDurationMs });
    const spoken = await listen(vad, track);
    vad.engines.stop();
    const heard = new Uint8Array(reference.length);
    for (const [from, to] of spoken) heard.fill(1, Math.floor(from / FRAME_SAMPLES), Math.ceil(to / FRAME_SAMPLES));
    const share = (is: number, judged: number) => {
      const frames = [...reference.keys()].filter((frame) => reference[frame] === is);
      return frames.filter((frame) => heard[frame] === judged).length / frames.length;
    };
    const figures =
      `${percent(share(1, 0))} of the speech missed, ${percent(share(0, 1))} of the silence taken for speech, ` +
      `${spoken.length} utterances of ${prompts.length} prompts`;
    if (gate)
      judge(
        `speech frames missed by the embedded detector <= ${percent(MAX_MISSED_FRAMES)}`,
        share(1, 0) <= MAX_MISSED_FRAMES,
        figures,
      );
    else console.log(`      with the default silence of 500 ms: ${figures}`);
  }
}

const prompts = readPrompts();
if (prompts === undefined) {
  console.error(`The recorded prompts are not on this machine. Install them with:\n  ${INSTALL_COMMAND}`);
  failed++;
} else {
  await pullModels({ onProgress: (progress) => process.stderr.write(`\r${progressLine(progress)}`) });
  judge(`at least ${MIN_PROMPTS} prompts`, prompts.length >= MIN_PROMPTS, `${prompts.length} prompts`);
  await measureStt(prompts);
  await measureVad(prompts);
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
