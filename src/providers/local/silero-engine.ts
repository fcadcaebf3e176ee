// Engine module of the embedded voice activity detector: windows of many streams in, one probability each out.
import { readFileSync } from 'node:fs';
import { loadSilero, newSileroState, SILERO_WINDOW, type SileroState } from './silero-network.ts';
import type { OpenEngine } from './worker/engine.ts';

export interface SileroEngineOptions {
  /** Path of the ONNX file. */
  readonly model: string;
}

/** Everything that came in since the last request, of all streams, in one message. */
export interface SileroRequest {
  /** The stream of each window, in order. An unknown one begins with fresh state. */
  readonly streams: readonly number[];
  /** The windows one after another, 512 samples each. */
  readonly samples: Int16Array;
  /** Streams whose state may go. */
  readonly closed: readonly number[];
}

export const openEngine: OpenEngine = (given) => {
  const { model } = given as SileroEngineOptions; // written by silero-vad.ts
  const network = loadSilero(readFileSync(model));
  const states = new Map<number, SileroState>();
  const window = new Float32Array(SILERO_WINDOW);
  return {
    probe: () => network(new Float32Array(SILERO_WINDOW), newSileroState()),
    handle: (payload) => {
      const { streams, samples, closed } = payload as SileroRequest; // written by silero-hub.ts
      const scores = new Float32Array(streams.length);
      streams.forEach((stream, index) => {
        const state = states.get(stream) ?? newSileroState();
        states.set(stream, state);
        for (let i = 0; i < SILERO_WINDOW; i++) window[i] = (samples[index * SILERO_WINDOW + i] ?? 0) / 32768;
        scores[index] = network(window, state);
      });
      for (const stream of closed) states.delete(stream);
      return scores;
    },
  };
};
