// The embedded speech to text: Moonshine tiny, English, offline, in a speech worker with a warm spare.
import { createRequire } from 'node:module';
import { z } from 'zod';
import { type Clock, realClock } from '../../clock.ts';
import { AgentError } from '../../errors.ts';
import { parseOptions } from '../../options.ts';
import type { Stt } from '../stt.ts';
import { moonshineTiny } from './models/manifest.ts';
import { ensureModel, type ModelCacheOptions } from './models/model-cache.ts';
import type { MoonshineEngineOptions, MoonshineRequest } from './moonshine-engine.ts';
import { type Decode, openMoonshineStream } from './moonshine-stream.ts';
import { engineModule } from './worker/engine.ts';
import { EnginePool, type EngineSpec } from './worker/engine-pool.ts';

export interface MoonshineSttOptions {
  /**
   * `wasm` (default) runs everywhere, in a thread. `native` needs the optional package `sherpa-onnx-node` and runs in
   * a forked process: twice as fast, half the memory. `auto` takes native where it is installed.
   */
  readonly engine?: 'wasm' | 'native' | 'auto';
  /** Report text while the user speaks. Default true; without partials one core serves three times the sessions. */
  readonly partials?: boolean;
  /** Audio between two partials, in ms, 100 to 5 000. Default 500. */
  readonly partialIntervalMs?: number;
  /** Engines that work at the same time, 1 to 16. Default 1, enough for some ten people who speak at once. */
  readonly workers?: number;
  /** Keep one more engine loaded, so that the death of one costs no load time (1 to 3 s). Default true. */
  readonly spare?: boolean;
  /** Where the model is and how to fetch it. */
  readonly models?: ModelCacheOptions;
  readonly clock?: Clock;
}

export interface MoonshineStt extends Stt {
  /** Start, stop and health of the engines; `open` starts them when nobody did. */
  readonly engines: EnginePool;
}

const schema = z.object({
  engine: z.enum(['wasm', 'native', 'auto']).default('wasm'),
  partials: z.boolean().default(true),
  partialIntervalMs: z.number().min(100).max(5000).default(500),
  workers: z.int().min(1).max(16).default(1),
  spare: z.boolean().default(true),
});

/** Ten times what the slowest decode of the longest piece (24 s of audio) took in wasm. */
const DECODE_DEADLINE_MS = 30_000;

/**
 * Make one and share it: every session of a process uses the same engines.
 * @throws AgentError `ERR_OPTION`
 */
export function moonshineStt(options: MoonshineSttOptions = {}): MoonshineStt {
  const { models, clock = realClock, ...plain } = options;
  const { engine, partials, partialIntervalMs, workers, spare } = parseOptions(schema, plain, 'moonshineStt');
  const engines = new EnginePool({
    label: 'moonshine',
    size: workers,
    spares: spare ? 1 : 0,
    clock,
    prepare: () => prepare(engine, { clock, ...models }),
  });
  const decode: Decode = async (samples, { signal, urgent }) => {
    const request: MoonshineRequest = { samples };
    return String(await engines.request(request, { signal, urgent, deadlineMs: DECODE_DEADLINE_MS }));
  };
  return {
    label: 'moonshine',
    capabilities: { partials, languages: ['en'] },
    engines,
    open: (streamOptions) => {
      const stream = openMoonshineStream(streamOptions, { decode, partials, partialIntervalMs });
      if (streamOptions.clock.isVirtual) {
        stream.close();
        streamOptions.fail(
          new AgentError('ERR_REAL_IO', 'the embedded recogniser works in real time', {
            fix: 'Use a scripted Stt under a virtual clock',
          }),
        );
      } else {
        // Loads while the user is still silent; a failure is told by the first decode.
        engines.start().catch(() => undefined);
      }
      return stream;
    },
  };
}

async function prepare(engine: 'wasm' | 'native' | 'auto', models: ModelCacheOptions): Promise<EngineSpec> {
  const native = engine !== 'wasm' && isInstalled('sherpa-onnx-node');
  if (engine === 'native' && !native)
    throw new AgentError('ERR_ENGINE', 'the native recogniser is not installed', {
      fix: "Run `npm install sherpa-onnx-node@1.13.8`, or use engine: 'auto'",
      retryable: false,
    });
  const files = await ensureModel(moonshineTiny, models);
  const options: MoonshineEngineOptions = {
    runtime: native ? 'native' : 'wasm',
    encoder: files.get('encoder.onnx') ?? '',
    decoder: files.get('decoder.onnx') ?? '',
    tokens: files.get('tokens.txt') ?? '',
    threads: 1,
  };
  const module = engineModule(import.meta.url, './moonshine-engine');
  return { kind: native ? 'process' : 'thread', module, options };
}

function isInstalled(packageName: string): boolean {
  try {
    createRequire(import.meta.url).resolve(packageName);
    return true;
  } catch {
    return false;
  }
}
