// A synthetic speaker for demos and tests: a whole utterance, pauses included, as frames of a microphone.
import { type AudioFrame, INPUT_FORMAT } from '../../audio/frame.ts';
import { SampleQueue } from '../../audio/sample-queue.ts';
import { type FliteSpeaker, flitePool, pooledSpeaker } from './flite-speaker.ts';
import { speakable } from './flite-text.ts';
import { FLITE_SAMPLE_RATE_HZ, type FliteVoice } from './flite-voices.ts';

/** What is said, in order: text, or silence of a given length. */
export type Utterance = readonly (string | { readonly pauseMs: number })[];

export interface SpeakToPcmOptions {
  /** Default `rms`, a man, so that he is told apart from the agent's `slt`. */
  readonly voice?: FliteVoice;
  /** Default: a worker of its own, stopped afterwards. Pass one to speak more than once. */
  readonly speaker?: FliteSpeaker;
  /** Length of a frame in ms. Default 20. */
  readonly frameMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Speaks `utterance` and cuts it into 16 kHz mono frames; the last one is filled up with silence. Text is spoken piece by
 * piece as written, without looking for clauses, so keep each piece to a sentence or less.
 * @throws AgentError `ERR_ENGINE`, `ERR_OPTION`
 */
export async function speakToPcm(
  utterance: string | Utterance,
  options: SpeakToPcmOptions = {},
): Promise<AudioFrame[]> {
  const { voice = 'rms', frameMs = 20, signal = new AbortController().signal } = options;
  const pool = options.speaker === undefined ? flitePool() : undefined;
  const speaker = options.speaker ?? pooledSpeaker(pool ?? flitePool());
  try {
    const pieces: Int16Array[] = [];
    for (const part of typeof utterance === 'string' ? [utterance] : utterance) {
      if (typeof part !== 'string') pieces.push(new Int16Array(samplesIn(part.pauseMs)));
      else if (speakable(part) !== '') pieces.push((await speaker.speak(speakable(part), voice, signal)).samples);
    }
    return framesOf(pieces, samplesIn(frameMs));
  } finally {
    pool?.stop();
  }
}

const samplesIn = (durationMs: number) => Math.max(0, Math.round((durationMs * FLITE_SAMPLE_RATE_HZ) / 1000));

function framesOf(pieces: readonly Int16Array[], frameSamples: number): AudioFrame[] {
  const all = new SampleQueue();
  for (const piece of pieces) all.push(piece);
  const count = Math.ceil(all.length / frameSamples);
  return Array.from({ length: count }, () => ({ samples: all.take(frameSamples), ...INPUT_FORMAT }));
}
