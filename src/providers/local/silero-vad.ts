// The embedded voice activity detector: Silero v6, one worker for all sessions, edges of speech in audio time.
import { z } from 'zod';
import type { AudioFrame } from '../../audio/frame.ts';
import { SpeechSegmenter } from '../../audio/segmenter.ts';
import { type Clock, realClock } from '../../clock.ts';
import { AgentError } from '../../errors.ts';
import { parseOptions } from '../../options.ts';
import type { Vad, VadOpenOptions, VadOptions, VadStream } from '../vad.ts';
import { sileroVad6 } from './models/manifest.ts';
import { ensureModel, type ModelCacheOptions } from './models/model-cache.ts';
import type { SileroEngineOptions } from './silero-engine.ts';
import { SileroHub } from './silero-hub.ts';
import { SILERO_WINDOW } from './silero-network.ts';
import { engineModule } from './worker/engine.ts';
import { EnginePool, type EngineSpec } from './worker/engine-pool.ts';

export interface SileroVadOptions extends VadOptions {
  /** Where the model is and how to fetch it. */
  readonly models?: ModelCacheOptions;
  readonly clock?: Clock;
}

export interface SileroVad extends Vad {
  /** Start, stop and health of the detector's worker; `open` starts it when nobody did. */
  readonly engines: EnginePool;
}

const schema = z.object({
  threshold: z.number().min(0).max(1).default(0.5),
  minSpeechDurationMs: z.number().min(0).max(10_000).default(50),
  maxSilenceDurationMs: z.number().min(0).max(10_000).default(500),
});

/**
 * Make one and share it: all sessions of a process use one worker (0.4 ms of one core per 32 ms window of a session).
 * When the worker dies every stream fails, and the streams that replace them start as speaking where speech was open.
 * @throws AgentError `ERR_OPTION`
 */
export function sileroVad(options: SileroVadOptions = {}): SileroVad {
  const { models, clock = realClock, ...plain } = options;
  const settings = parseOptions(schema, plain, 'sileroVad');
  // No spare: a new worker is ready within 200 ms.
  const engines = new EnginePool({ label: 'silero', clock, prepare: () => prepare({ clock, ...models }) });
  const hub = new SileroHub(() => engines.sticky());
  return {
    label: 'silero',
    engines,
    open: (streamOptions) => {
      if (streamOptions.clock.isVirtual) {
        streamOptions.fail(
          new AgentError('ERR_REAL_IO', 'the embedded detector works in real time', {
            fix: 'Use a scripted Vad under a virtual clock',
          }),
        );
        return { write: () => undefined, close: () => undefined };
      }
      engines.start().catch(() => undefined); // a failure is told by the first window
      return openSileroStream(streamOptions, settings, hub);
    },
  };
}

/** Cuts frames into windows, and scores into edges. */
function openSileroStream(options: VadOpenOptions, settings: Required<VadOptions>, hub: SileroHub): VadStream {
  let closed = options.signal.aborted;
  let window = new Int16Array(SILERO_WINDOW);
  let filled = 0;
  let pendingWindows = 0;
  const segmenter = new SpeechSegmenter({
    ...settings,
    originMs: options.originMs,
    sustainedAfterMs: options.sustainedAfterMs,
    speaking: options.speaking,
    report: (edge) => {
      if (!closed) options.report(edge);
    },
  });
  const close = (): void => {
    closed = true;
    options.signal.removeEventListener('abort', close);
    stream.close();
  };
  const fail = (error: AgentError): void => {
    if (closed) return;
    close();
    options.fail(error);
  };
  const stream = hub.open({
    onScore: (score) => {
      pendingWindows--;
      if (!closed) segmenter.push(score, SILERO_WINDOW);
    },
    onFail: fail,
  });
  if (closed) stream.close();
  else options.signal.addEventListener('abort', close, { once: true });
  return {
    close,
    get pendingSamples() {
      return closed ? 0 : pendingWindows * SILERO_WINDOW;
    },
    write(frame: AudioFrame): void {
      if (closed) return;
      if (frame.sampleRateHz !== 16_000 || frame.channels !== 1) {
        fail(
          new AgentError('ERR_AUDIO_FRAME', 'the detector got a frame it cannot take', {
            field: 'sampleRateHz',
            rule: 'must be 16 kHz mono',
            fix: `Got ${frame.sampleRateHz} Hz and ${frame.channels} channels`,
          }),
        );
        return;
      }
      for (let at = 0; at < frame.samples.length; ) {
        const part = frame.samples.subarray(at, at + SILERO_WINDOW - filled);
        window.set(part, filled);
        filled += part.length;
        at += part.length;
        if (filled < SILERO_WINDOW) return;
        pendingWindows++;
        stream.push(window);
        window = new Int16Array(SILERO_WINDOW);
        filled = 0;
      }
    },
  };
}

async function prepare(models: ModelCacheOptions): Promise<EngineSpec> {
  const files = await ensureModel(sileroVad6, models);
  const options: SileroEngineOptions = { model: files.get('silero_vad.onnx') ?? '' };
  return { kind: 'thread', module: engineModule(import.meta.url, './silero-engine'), options };
}
