// A voice for tests: says a text after a fixed delay, all audio at once, each segment in a sample value of its own.
import type { Clock } from '../clock.ts';
import { AgentError } from '../errors.ts';
import type { Tts, TtsOpenOptions, TtsStream } from '../providers/tts.ts';

export interface ScriptedTtsOptions {
  /** Seconds of audio by text, in milliseconds. */
  readonly durations?: Readonly<Record<string, number>>;
  /** For texts the table does not know. Default 300. */
  readonly msPerWord?: number;
  /** Flush -> audio. Default 200. */
  readonly firstAudioMs?: number;
  /** Default 8 000: small buffers keep many calls cheap. */
  readonly sampleRateHz?: number;
}

/** How the voice misbehaves; changed at any time. */
export interface TtsFaults {
  failsToOpen?: boolean;
  /** Takes text and never speaks. */
  isMute?: boolean;
  /** Says that it is done twice. */
  repeats?: boolean;
  /** Goes on reporting after it was closed, as a network stream does. */
  isLate?: boolean;
  /** The next timer of a stream throws, once: a bug in a callback. */
  throwsNext?: boolean;
}

export class ScriptedTts implements Tts {
  readonly label = 'scripted tts';
  readonly capabilities: Tts['capabilities'];
  readonly faults: TtsFaults = {};
  /** Texts by the sample value that speaks them, 1 and up. */
  readonly spoken: string[] = [''];
  readonly #options: ScriptedTtsOptions;
  readonly #streams = new Set<(error: unknown) => void>();

  constructor(options: ScriptedTtsOptions = {}) {
    this.#options = options;
    this.capabilities = { sampleRateHz: options.sampleRateHz ?? 8_000, streaming: false };
  }

  /** Breaks every open stream. */
  breakStreams(error: unknown = new AgentError('ERR_PROVIDER', 'the voice broke')): void {
    for (const fail of [...this.#streams]) fail(error);
  }

  open({ clock, signal, report: tell, fail }: TtsOpenOptions): TtsStream {
    if (this.faults.failsToOpen === true) throw new AgentError('ERR_PROVIDER', 'the voice does not open');
    const { durations = {}, msPerWord = 300, firstAudioMs = 200 } = this.#options;
    const { sampleRateHz } = this.capabilities;
    let text = '';
    let timer: unknown;
    let isFlushed = false;
    let isClosed = false;
    this.#streams.add(fail);
    // Asked before each result: whoever hears one may close the stream.
    const report: typeof tell = (result) => {
      if (this.faults.isLate === true || !(isClosed || signal.aborted)) tell(result);
    };
    const speak = () => {
      if (this.faults.throwsNext === true) {
        this.faults.throwsNext = false;
        throw new TypeError('a bug of the voice');
      }
      const words = text.split(/\s+/u).filter((word) => word !== '').length;
      const durationMs = durations[text] ?? words * msPerWord;
      const samples = new Int16Array(Math.round((durationMs * sampleRateHz) / 1000)).fill(this.#nameOf(text));
      if (samples.length > 0) report({ type: 'audio', frame: { samples, sampleRateHz, channels: 1 } });
      report({ type: 'mark', chars: text.length });
      report({ type: 'done' });
      if (this.faults.repeats === true) report({ type: 'done' });
    };
    return {
      write: (piece) => {
        if (!isFlushed) text += piece;
      },
      flush: () => {
        if (isFlushed || isClosed) return;
        isFlushed = true;
        if (this.faults.isMute !== true) timer = later(clock, firstAudioMs, speak);
      },
      close: () => {
        isClosed = true;
        this.#streams.delete(fail);
        if (this.faults.isLate !== true) clock.clearTimeout(timer);
      },
    };
  }

  #nameOf(text: string): number {
    this.spoken.push(text);
    return (this.spoken.length - 1) % 32_000;
  }
}

function later(clock: Clock, delayMs: number, run: () => void): unknown {
  if (delayMs > 0) return clock.setTimeout(run, delayMs);
  run();
  return undefined;
}
