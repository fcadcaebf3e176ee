// Cost of the data plane per 20 ms frame of one session. Run: npx node bench/audio.ts
import { pathToFileURL } from 'node:url';
import { SimpleEnergyVad } from '../src/audio/energy-vad.ts';
import type { AudioFrame } from '../src/audio/frame.ts';
import { FrameConverter } from '../src/audio/frame-converter.ts';
import { Pacer } from '../src/audio/pacer.ts';
import { Resampler } from '../src/audio/resampler.ts';
import { Tape } from '../src/audio/tape.ts';
import { realClock } from '../src/clock.ts';

export interface AudioBenchRow {
  readonly name: string;
  /** Microseconds per 20 ms frame. */
  readonly medianUs: number;
  readonly p99Us: number;
  /** Undefined where no target is set. */
  readonly targetUs?: number;
}

/** Frames measured together, because one takes less than a clock tick of some machines. */
const BATCH = 20;
const BATCHES = 1000;
const WARM_UP = 300;

/** All rows, about three seconds of work. */
export function benchAudio(): AudioBenchRow[] {
  return [
    measure('input path, 16 kHz mono: convert + tape, nobody speaks', inputPath(16_000, 1, false), 5),
    measure('input path, 16 kHz mono: convert + tape, utterance open', inputPath(16_000, 1, true), 5),
    measure('input path, 48 kHz stereo: convert + tape, utterance open', inputPath(48_000, 2, true)),
    measure('resample 48 -> 16 kHz', resample(48_000, 16_000), 70),
    measure('resample 44.1 -> 16 kHz', resample(44_100, 16_000), 70),
    measure('resample 16 -> 48 kHz', resample(16_000, 48_000), 70),
    measure('resample 22.05 -> 24 kHz', resample(22_050, 24_000), 70),
    measure('SimpleEnergyVad', energyVad(), 5),
    measure('output path: pacer, 20 ms pieces, 1 session', pacers(1, 20), 3),
    measure('output path: pacer, 100 ms pieces, 1 session', pacers(1, 100), 3),
    measure('output path: pacer, 100 ms pieces, 100 sessions', pacers(100, 100), 3),
  ];
}

function measure(name: string, frame: () => void, targetUs?: number): AudioBenchRow {
  const times: number[] = [];
  for (let batch = -WARM_UP; batch < BATCHES; batch++) {
    const startMs = realClock.now();
    for (let i = 0; i < BATCH; i++) frame();
    if (batch >= 0) times.push(((realClock.now() - startMs) * 1000) / BATCH);
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.floor(share * times.length)] ?? 0;
  return { name, medianUs: at(0.5), p99Us: at(0.99), ...(targetUs === undefined ? {} : { targetUs }) };
}

/** A voice-like frame; silence would let denormals and branches lie about the cost. */
function voice(sampleRateHz: number, channels = 1, ms = 20): AudioFrame {
  const samples = Int16Array.from({ length: ((sampleRateHz * ms) / 1000) * channels }, (_, i) =>
    Math.round(8000 * Math.sin(i / 9) + 3000 * Math.sin(i / 2.3)),
  );
  return { samples, sampleRateHz, channels };
}

function inputPath(sampleRateHz: number, channels: number, isOpen: boolean): () => void {
  const frame = voice(sampleRateHz, channels);
  const converter = new FrameConverter();
  const tape = new Tape();
  let utterance = 0;
  let frames = 0;
  return () => {
    // Utterances of ten seconds, so that blocks are made and let go as in a call.
    if (isOpen && frames++ % 500 === 0) {
      tape.release(utterance);
      tape.openUtterance(++utterance, tape.position);
    }
    tape.write(converter.convert(frame));
  };
}

function resample(inputRateHz: number, outputRateHz: number): () => void {
  const resampler = new Resampler({ inputRateHz, outputRateHz });
  const frame = voice(inputRateHz);
  return () => void resampler.process(frame);
}

function energyVad(): () => void {
  const frame = voice(16_000);
  const stream = new SimpleEnergyVad().open({
    originMs: 0,
    speaking: false,
    sustainedAfterMs: 500,
    clock: realClock,
    signal: new AbortController().signal,
    report: () => {},
    fail: (error) => {
      throw error;
    },
  });
  return () => stream.write(frame);
}

/** Time is moved by hand from edge to edge, so this is the work of a frame without the wake-up of the event loop. */
function pacers(sessions: number, pieceMs: number): () => void {
  const all = Array.from({ length: sessions }, () => {
    let nowMs = 0;
    let edge: (() => void) | undefined;
    let sent = 0;
    const pacer = new Pacer({
      sink: { sampleRateHz: 24_000, canPause: true, write: () => void sent++, flush: () => {} },
      clock: {
        now: () => nowMs,
        setTimeout: (fn) => {
          edge = fn;
          return fn;
        },
        clearTimeout: () => {
          edge = undefined;
        },
      },
    });
    const piece = voice(24_000, 1, pieceMs);
    return () => {
      const before = sent;
      nowMs += 20;
      edge?.();
      if (pacer.queuedSamples < 480) pacer.write(piece);
      if (sent === before) throw new Error('the pacer sent nothing at its edge');
    };
  });
  let next = 0;
  return () => all[next++ % sessions]?.();
}

/** One line per row, with the target where there is one. */
export function showAudioBench(rows: readonly AudioBenchRow[]): string {
  const width = Math.max(...rows.map(({ name }) => name.length));
  return rows
    .map(({ name, medianUs, p99Us, targetUs }) => {
      const figures = `${medianUs.toFixed(2).padStart(8)} ${p99Us.toFixed(2).padStart(8)}`;
      return `${name.padEnd(width)} ${figures}${targetUs === undefined ? '' : `   target <= ${targetUs}`}`;
    })
    .join('\n');
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  console.log(`us per 20 ms frame: median, p99\n${showAudioBench(benchAudio())}`);
