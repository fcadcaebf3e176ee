// The providers that come with the package: no key, no network but for the first fetch of the models.
import type { Clock } from '../../clock.ts';
import { realClock } from '../../clock.ts';
import type { Stt } from '../stt.ts';
import type { Vad } from '../vad.ts';
import { flitePool, pooledSpeaker } from './flite-speaker.ts';
import { fliteTts } from './flite-tts.ts';
import { intentLlm } from './intent-llm.ts';
import { moonshineTiny, sileroVad6 } from './models/manifest.ts';
import { ensureModel, type PullProgress } from './models/model-cache.ts';
import { moonshineStt } from './moonshine-stt.ts';
import { sttOnFirstAudio, vadOnFirstAudio } from './on-first-audio.ts';
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
export async function embeddedProviders(options: EmbeddedOptions = {}): Promise<EmbeddedSet> {
  const { clock = realClock, onProgress } = options;
  const models = { clock, ...(onProgress !== undefined && { onProgress }) };
  await ensureModel(sileroVad6, models);
  await ensureModel(moonshineTiny, models);
  return assemble(options);
}

/** The same set for a runtime that was given none: the speech models are fetched and loaded at the first audio. */
export function embeddedOnFirstAudio(options: EmbeddedOptions = {}): EmbeddedOnFirstAudio {
  const set = assemble(options);
  const [vadEngines, sttEngines, voice] = [set.vad.engines, set.stt.engines, set.engines.slice(2)];
  const wakeStt = () => {
    sttEngines.start().catch(() => {}); // told by the first utterance that needs it
  };
  return {
    ...set,
    vad: vadOnFirstAudio(set.vad, wakeStt),
    stt: sttOnFirstAudio(set.stt),
    // Supervised for their stop only: whoever hears audio starts them.
    engines: [...[vadEngines, sttEngines].map(startedByOthers), ...voice],
  };
}

export interface EmbeddedOnFirstAudio extends Omit<EmbeddedSet, 'vad' | 'stt' | 'engines'> {
  readonly vad: Vad;
  readonly stt: Stt;
  readonly engines: readonly Pick<EnginePool, 'label' | 'start' | 'stop'>[];
}

function startedByOthers(pool: EnginePool): Pick<EnginePool, 'label' | 'start' | 'stop'> {
  return { label: pool.label, start: () => Promise.resolve(), stop: () => pool.stop() };
}

function assemble({ engine = 'wasm', onProgress, clock = realClock }: EmbeddedOptions): EmbeddedSet {
  const models = { clock, ...(onProgress !== undefined && { onProgress }) };
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
