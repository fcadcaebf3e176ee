// Engine module of the embedded recogniser: Moonshine on sherpa-onnx, wasm in a thread or native in a process.
import { createRequire } from 'node:module';
import type { OpenEngine } from './worker/engine.ts';

export interface MoonshineEngineOptions {
  readonly runtime: 'wasm' | 'native';
  readonly encoder: string;
  readonly decoder: string;
  readonly tokens: string;
  readonly threads: number;
}

/** 16 kHz mono, at most some 30 s: the model was trained on short pieces. */
export interface MoonshineRequest {
  readonly samples: Int16Array;
}

interface SherpaResult {
  readonly text: string;
  readonly tokens: readonly string[];
}

/** The part of sherpa-onnx used here; the package has JSDoc only. */
interface WasmSherpa {
  createOfflineRecognizer(config: object): {
    /** 0 when the configuration was refused. */
    readonly handle: number;
    createStream(): { acceptWaveform(sampleRateHz: number, samples: Float32Array): void; free(): void };
    decode(stream: object): void;
    getResult(stream: object): SherpaResult;
  };
}

/** The part of sherpa-onnx-node used here; its streams are freed by the garbage collector. */
interface NativeSherpa {
  readonly OfflineRecognizer: new (
    config: object,
  ) => {
    createStream(): { acceptWaveform(wave: { samples: Float32Array; sampleRate: number }): void };
    decode(stream: object): void;
    getResult(stream: object): SherpaResult;
  };
}

const RATE_HZ = 16_000;
/** English needs 3 to 5 tokens a second; a decoder that loops on noise goes on for ever. Measured by the model's makers. */
const MAX_TOKENS_PER_SECOND = 6.5;
/** Shorter pieces than this make the model's front end fail or guess. */
const MIN_SAMPLES = RATE_HZ / 4;

export const openEngine: OpenEngine = (given) => {
  const options = given as MoonshineEngineOptions; // written by moonshine-stt.ts
  const recognise = options.runtime === 'wasm' ? openWasm(options) : openNative(options);
  return {
    probe: () => recognise(new Float32Array(RATE_HZ / 2)),
    handle: (payload) => {
      const { samples } = payload as MoonshineRequest; // written by moonshine-stt.ts
      const wave = new Float32Array(Math.max(samples.length, MIN_SAMPLES));
      for (let i = 0; i < samples.length; i++) wave[i] = (samples[i] ?? 0) / 32768;
      const { text, tokens } = recognise(wave);
      const maxTokens = Math.ceil((wave.length / RATE_HZ) * MAX_TOKENS_PER_SECOND);
      return (tokens.length > maxTokens ? tokens.slice(0, maxTokens).join('') : text).trim();
    },
  };
};

function configOf({ encoder, decoder, tokens, threads }: MoonshineEngineOptions): object {
  return {
    featConfig: { sampleRate: RATE_HZ, featureDim: 80 },
    modelConfig: {
      moonshine: { encoder, mergedDecoder: decoder },
      tokens,
      numThreads: threads,
      provider: 'cpu',
      debug: 0,
    },
  };
}

// The packages are CommonJS and load heavy binaries, so they are required here and nowhere on the session's thread.
const require = createRequire(import.meta.url);

function openWasm(options: MoonshineEngineOptions): (wave: Float32Array) => SherpaResult {
  redirectFileDescriptors();
  const recogniser = (require('sherpa-onnx') as WasmSherpa).createOfflineRecognizer(configOf(options)); // see WasmSherpa
  if (recogniser.handle === 0) throw new Error('the recogniser refused its model files');
  return (wave) => {
    const stream = recogniser.createStream();
    try {
      stream.acceptWaveform(RATE_HZ, wave);
      recogniser.decode(stream);
      return recogniser.getResult(stream);
    } finally {
      stream.free();
    }
  };
}

/** The wasm runtime prints on the descriptors of the whole process, past the streams of its thread. */
function redirectFileDescriptors(): void {
  const fs = require('node:fs') as typeof import('node:fs'); // this thread's own copy of the module object
  const { writeSync } = fs;
  const write = (fd: number, data: NodeJS.ArrayBufferView | string, ...rest: unknown[]): number => {
    if (fd > 2) return Reflect.apply(writeSync, fs, [fd, data, ...rest]);
    const bytes =
      typeof data === 'string' ? Buffer.from(data) : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    const [offset, length] = rest.map((value) => (typeof value === 'number' ? value : undefined));
    const part = bytes.subarray(offset ?? 0, length === undefined ? undefined : (offset ?? 0) + length);
    process.stderr.write(part);
    return part.length;
  };
  Object.assign(fs, { writeSync: write });
}

function openNative(options: MoonshineEngineOptions): (wave: Float32Array) => SherpaResult {
  const { OfflineRecognizer } = require('sherpa-onnx-node') as NativeSherpa; // see NativeSherpa
  const recogniser = new OfflineRecognizer(configOf(options));
  return (wave) => {
    const stream = recogniser.createStream();
    stream.acceptWaveform({ samples: wave, sampleRate: RATE_HZ });
    recogniser.decode(stream);
    return recogniser.getResult(stream);
  };
}
