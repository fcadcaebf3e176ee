// Voice activity by level alone: no model, no memory to speak of, for rooms whose noise is steady.
import type { Clock } from '../clock.ts';
import { AgentError } from '../errors.ts';
import type { AudioFrame } from './frame.ts';
import { FrameConverter } from './frame-converter.ts';
import { LevelMeter } from './level-meter.ts';
import { SpeechSegmenter, type VadEdge } from './segmenter.ts';

/** 20 ms at 16 kHz. */
const WINDOW = 320;
/** Score 1 lies this far above the noise floor, so a threshold t means t * 20 dB above it. */
const FULL_SCALE_DB = 20;

export interface SimpleEnergyVadOptions {
  /**
   * Level above the noise floor from which a window is voice: 0..1 stands for 0..20 dB, so the default 0.3 is 6 dB. The
   * floor is never taken to be under -65 dBFS, so 0.3 never fires under -59 dBFS (normal speech: -35 to -15 dBFS).
   * 0 takes everything for voice, 1 hears only what is ten times the amplitude of the noise.
   */
  readonly threshold?: number;
  /** Voiced milliseconds before `started`. Default 300; 0 to 10 000. 0: the first voiced window. */
  readonly minSpeechDurationMs?: number;
  /** Silent milliseconds before `ended`. Default 800; 0 to 10 000. 0: the first silent window. */
  readonly maxSilenceDurationMs?: number;
}

/** What a session hands to a detector; `VadOpenOptions` fits. */
interface OpenOptions {
  readonly originMs: number;
  readonly speaking: boolean;
  readonly sustainedAfterMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  report(edge: VadEdge): void;
  fail(error: unknown): void;
}

/**
 * A detector for the `Vad` contract that compares the level between 200 Hz and 2.5 kHz with an adaptive noise floor.
 * Steady noise or hum that begins in a call is taken for speech until the floor has followed, 2 s later. It does not know
 * voices from other sounds: music and talkers in the background count as speech; use a neural detector there.
 */
export class SimpleEnergyVad {
  readonly label = 'simple-energy';
  readonly #threshold: number;
  readonly #minSpeechDurationMs: number;
  readonly #maxSilenceDurationMs: number;

  /** @throws AgentError `ERR_OPTION` naming the field and the rule */
  constructor(options: SimpleEnergyVadOptions = {}) {
    this.#threshold = checkRange('threshold', options.threshold ?? 0.3, 1);
    this.#minSpeechDurationMs = checkRange('minSpeechDurationMs', options.minSpeechDurationMs ?? 300, 10_000);
    this.#maxSilenceDurationMs = checkRange('maxSilenceDurationMs', options.maxSilenceDurationMs ?? 800, 10_000);
  }

  /** One stream per session; streams share nothing. A write costs about a microsecond and never throws. */
  open(options: OpenOptions): { write(frame: AudioFrame): void; close(): void } {
    const { originMs, speaking, sustainedAfterMs, signal } = options;
    let closed = signal.aborted;
    const segmenter = new SpeechSegmenter({
      originMs,
      speaking,
      sustainedAfterMs,
      threshold: this.#threshold,
      minSpeechDurationMs: this.#minSpeechDurationMs,
      maxSilenceDurationMs: this.#maxSilenceDurationMs,
      report: (edge) => {
        if (!closed) options.report(edge);
      },
    });
    const converter = new FrameConverter();
    const meter = new LevelMeter(WINDOW, (aboveFloorDb) => {
      segmenter.push(Math.min(1, Math.max(0, aboveFloorDb / FULL_SCALE_DB)), WINDOW);
    });
    const close = () => {
      closed = true;
      signal.removeEventListener('abort', close);
    };
    signal.addEventListener('abort', close, { once: true });
    return {
      write(frame) {
        if (closed) return;
        try {
          meter.write(converter.convert(frame).samples);
        } catch (error) {
          close();
          options.fail(error);
        }
      },
      close,
    };
  }
}

function checkRange(field: string, value: number, highest: number): number {
  if (typeof value === 'number' && value >= 0 && value <= highest) return value;
  throw new AgentError('ERR_OPTION', 'bad SimpleEnergyVad option', {
    field,
    rule: `must be a number from 0 to ${highest}`,
    fix: `Got ${String(value)}`,
  });
}
