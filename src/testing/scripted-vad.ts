// A voice activity detector for tests: every sample that is not zero is voice.
import { type AudioFrame, INPUT_FORMAT } from '../audio/frame.ts';
import { AgentError } from '../errors.ts';
import type { Vad, VadOpenOptions, VadStream } from '../providers/vad.ts';

export interface ScriptedVadOptions {
  /** Voice before `started`. Default 50. */
  readonly minSpeechDurationMs?: number;
  /** Silence before `ended`. Default 500. */
  readonly maxSilenceDurationMs?: number;
}

/** How the detector misbehaves; changed at any time. */
export interface VadFaults {
  /** Opening a stream throws. */
  failsToOpen?: boolean;
  /** Hears nothing. */
  isDeaf?: boolean;
  /** Every edge is reported twice. */
  repeats?: boolean;
  /** The next frame makes it throw, once: a bug of the detector. */
  throwsNext?: boolean;
}

const RATE = INPUT_FORMAT.sampleRateHz;

export class ScriptedVad implements Vad {
  readonly label = 'scripted vad';
  readonly faults: VadFaults = {};
  readonly #streams = new Set<(error: unknown) => void>();
  readonly #minSpeech: number;
  readonly #maxSilence: number;

  constructor({ minSpeechDurationMs = 50, maxSilenceDurationMs = 500 }: ScriptedVadOptions = {}) {
    this.#minSpeech = (minSpeechDurationMs * RATE) / 1000;
    this.#maxSilence = (maxSilenceDurationMs * RATE) / 1000;
  }

  /** Breaks every open stream. */
  breakStreams(error: unknown = new AgentError('ERR_PROVIDER', 'the detector broke')): void {
    for (const fail of [...this.#streams]) fail(error);
  }

  open({ originMs, speaking, sustainedAfterMs, signal, report: tell, fail }: VadOpenOptions): VadStream {
    if (this.faults.failsToOpen === true) throw new AgentError('ERR_PROVIDER', 'the detector does not open');
    this.#streams.add(fail);
    const report: typeof tell = (edge) => {
      if (isClosed || signal.aborted) return;
      tell(edge);
      if (this.faults.repeats === true) tell(edge);
    };
    const atMs = (sample: number) => originMs + (sample * 1000) / RATE;
    const sustainedAfter = (sustainedAfterMs * RATE) / 1000;
    let position = 0;
    let isOpen = speaking;
    let isSustained = false;
    let voiced = 0;
    let firstVoice = 0;
    let lastVoice = 0;
    let isClosed = false;

    const hear = (isVoice: boolean, count: number) => {
      if (isVoice) {
        if (voiced === 0 && !isOpen) firstVoice = position;
        voiced += count;
        lastVoice = position + count;
      }
      position += count;
      if (!isOpen && voiced >= this.#minSpeech) {
        isOpen = true;
        report({ type: 'started', startedAtMs: atMs(firstVoice) });
      }
      if (isOpen && !isSustained && voiced >= sustainedAfter) {
        isSustained = true;
        // Where the last needed sample was, however the audio was cut into frames.
        report({ type: 'sustained', atMs: atMs(position - (voiced - sustainedAfter)) });
      }
      if (position - lastVoice >= this.#maxSilence && (isOpen || voiced > 0)) {
        const wasOpen = isOpen;
        isOpen = false;
        isSustained = false;
        voiced = 0;
        if (wasOpen) report({ type: 'ended', lastVoiceAtMs: atMs(lastVoice) });
      }
    };

    return {
      write: (frame) => {
        if (this.faults.throwsNext === true) {
          this.faults.throwsNext = false;
          throw new TypeError('a bug of the detector');
        }
        if (!isClosed && this.faults.isDeaf !== true) forEachRun(frame, hear);
      },
      close: () => {
        this.#streams.delete(fail);
        isClosed = true;
      },
    };
  }
}

/** Calls `hear` for each stretch of voice or silence. */
function forEachRun({ samples }: AudioFrame, hear: (isVoice: boolean, count: number) => void): void {
  let start = 0;
  for (let i = 1; i <= samples.length; i++) {
    if (i < samples.length && (samples[i] !== 0) === (samples[start] !== 0)) continue;
    hear(samples[start] !== 0, i - start);
    start = i;
  }
}
