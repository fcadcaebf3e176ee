// The providers that come with the package: no key, no network but for the first fetch of the models.
import type { Clock } from '../../clock.ts';
import { realClock } from '../../clock.ts';
import { flitePool, pooledSpeaker } from './flite-speaker.ts';
import { fliteTts } from './flite-tts.ts';
import { intentLlm } from './intent-llm.ts';
import { moonshineTiny, sileroVad6 } from './models/manifest.ts';
import { ensureModel, type PullProgress } from './models/model-cache.ts';
import { moonshineStt } from './moonshine-stt.ts';
import { sileroVad } from './silero-vad.ts';
import { transcriptTurnDetector } from './transcript-turn-detector.ts';
import type { EnginePool } from './worker/engine-pool.ts';

export interface EmbeddedOptions {
  /** Where speech runs; see `moonshineStt`. Default `wasm`. */
  readonly engine?: 'wasm' | 'native' | 'auto';
  /** Told while a model is fetched. */
  readonly onProgress?: (progress: PullProgress) => void;
  readonly clock?: Clock;
}

export interface EmbeddedSet {
  readonly vad: ReturnType<typeof sileroVad>;
  readonly stt: ReturnType<typeof moonshineStt>;
  readonly tts: ReturnType<typeof fliteTts>;
  readonly llm: ReturnType<typeof intentLlm>;
  readonly turnDetector: ReturnType<typeof transcriptTurnDetector>;
  /** Their engines, in start order. */
  readonly engines: readonly EnginePool[];
}

/**
 * Fetches the models where they are missing. The engines themselves start when they are told or first used.
 * @throws AgentError `ERR_MODEL_MISSING`, `ERR_MODEL_CORRUPT`
 */
export async function embeddedProviders({
  engine = 'wasm',
  onProgress,
  clock = realClock,
}: EmbeddedOptions = {}): Promise<EmbeddedSet> {
  const models = { clock, ...(onProgress !== undefined && { onProgress }) };
  await ensureModel(sileroVad6, models);
  await ensureModel(moonshineTiny, models);
  const voice = flitePool({ size: 1, spares: 1, clock });
  const vad = sileroVad({ models, clock });
  const stt = moonshineStt({ engine, models, clock });
  return {
    vad,
    stt,
    tts: fliteTts({ speaker: pooledSpeaker(voice) }),
    llm: intentLlm(),
    turnDetector: transcriptTurnDetector(),
    engines: [vad.engines, stt.engines, voice],
  };
}
