// Where clauses are spoken: a pool of flite workers in a running agent, or the engine itself off the session's thread.
import type { Clock } from '../../clock.ts';
import { type FliteSpeech, loadFlite } from './flite-engine.ts';
import type { FliteVoice } from './flite-voices.ts';
import { engineModule } from './worker/engine.ts';
import { EnginePool } from './worker/engine-pool.ts';

/** Speaks one clause at a time. */
export interface FliteSpeaker {
  /** Rejects when the worker died or the engine failed. An aborted call may resolve or reject; nobody listens any more. */
  speak(text: string, voice: FliteVoice, signal: AbortSignal): Promise<FliteSpeech>;
  /** True when it starts threads or reads files while a session waits for it: refused under a virtual clock. */
  readonly usesRealIo: boolean;
}

export interface FlitePoolOptions {
  /** Workers that speak. Default 1, which is fifty times real time; each costs about 60 MB. */
  readonly size?: number;
  /** Loaded workers in reserve. Default 0: a new one is ready in about 0.2 s. */
  readonly spares?: number;
  readonly clock?: Clock;
}

/** Longest time one clause may take in ms; a clause of 240 characters needs 0.2 s on an idle core. */
const CLAUSE_DEADLINE_MS = 5000;

/** Workers that run flite, started on first use. */
export function flitePool({ size, spares, clock }: FlitePoolOptions = {}): EnginePool {
  return new EnginePool({
    label: 'flite',
    prepare: () => ({ kind: 'thread', module: engineModule(import.meta.url, './flite-worker') }),
    ...(size === undefined ? {} : { size }),
    ...(spares === undefined ? {} : { spares }),
    ...(clock === undefined ? {} : { clock }),
  });
}

/** A speaker over a pool; several `fliteTts` may share the pool. */
export function pooledSpeaker(pool: EnginePool): FliteSpeaker {
  return {
    usesRealIo: true,
    speak: async (text, voice, signal) =>
      // flite-worker.ts answers every request with a FliteSpeech.
      (await pool.request({ text, voice }, { signal, deadlineMs: CLAUSE_DEADLINE_MS })) as FliteSpeech,
  };
}

/**
 * A speaker on the calling thread, which it blocks while it speaks: for tests and for programs without a live session.
 * @throws AgentError `ERR_ENGINE` when flite cannot be loaded
 */
export async function inThreadSpeaker(): Promise<FliteSpeaker> {
  const engine = await loadFlite();
  return { usesRealIo: false, speak: async (text, voice) => engine.synthesize(text, voice) };
}
