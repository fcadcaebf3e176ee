// One stream of the embedded recogniser: partials by decoding the open utterance again and again, a final at its end.
import type { AudioFrame } from '../../audio/frame.ts';
import { AgentError, toAgentError } from '../../errors.ts';
import type { SttOpenOptions, SttStream } from '../stt.ts';
import { UtteranceAudio } from './utterance-audio.ts';

/** Turns samples into text; rejects with an AgentError. `urgent` overtakes work that nobody waits for. */
export type Decode = (samples: Int16Array, options: { signal: AbortSignal; urgent: boolean }) => Promise<string>;

export interface MoonshineStreamOptions {
  readonly decode: Decode;
  readonly partials: boolean;
  /** New audio between two partials, in ms of audio. */
  readonly partialIntervalMs: number;
}

const SAMPLES_PER_MS = 16;
/** Words at the very edge are lost without a little silence around them (measured: WER 3.3 % without, 2.4 % with). */
const PADDING = 200 * SAMPLES_PER_MS;

/** Silence after which the voice may have come to its end: longer than a stop consonant, and enough padding for a final. */
const PAUSE = 240 * SAMPLES_PER_MS;

/** A decode begun in a pause. When no voice comes after it, its text is that of the final, and already there at the end. */
interface PauseDecode {
  readonly voiceEnd: number;
  readonly pieces: number;
  readonly text: Promise<string>;
}

interface Utterance {
  readonly number: number;
  readonly audio: UtteranceAudio;
  /** Texts of the pieces that were cut off. */
  readonly pieces: Promise<string>[];
  /** Aborted by discard and close. */
  readonly dropped: AbortController;
  /** Aborts the partial that waits or runs. */
  partial: AbortController | undefined;
  partialAt: number;
  pause: PauseDecode | undefined;
  lastText: string;
}

export function openMoonshineStream(options: SttOpenOptions, engine: MoonshineStreamOptions): SttStream {
  const utterances = new Map<number, Utterance>();
  let open: Utterance | undefined;
  let closed = false;

  function close(): void {
    if (closed) return;
    closed = true;
    options.signal.removeEventListener('abort', close);
    for (const utterance of utterances.values()) utterance.dropped.abort();
    utterances.clear();
    open = undefined;
  }

  function fail(error: unknown): void {
    if (closed) return;
    close();
    options.fail(toAgentError(error, 'ERR_ENGINE', 'speech recognition failed'));
  }

  /** A worker that dies takes its request with it, not the audio: the second try goes to the spare. */
  async function decodeTwice(samples: Int16Array, signal: AbortSignal): Promise<string> {
    try {
      return await engine.decode(samples, { signal, urgent: true });
    } catch (error) {
      const again = error instanceof AgentError && error.code === 'ERR_ENGINE' && error.retryable && !signal.aborted;
      if (!again) throw error;
      return engine.decode(samples, { signal, urgent: true });
    }
  }

  function cutPieces(utterance: Utterance): void {
    for (
      let piece = utterance.audio.cutPiece(PADDING);
      piece !== undefined;
      piece = utterance.audio.cutPiece(PADDING)
    ) {
      const text = decodeTwice(piece, utterance.dropped.signal);
      text.catch((error: unknown) => !utterance.dropped.signal.aborted && fail(error));
      utterance.pieces.push(text);
    }
  }

  async function decodePartial(utterance: Utterance): Promise<void> {
    const cancel = new AbortController();
    utterance.partial = cancel;
    utterance.partialAt = utterance.audio.length;
    const samples = utterance.audio.openPiece(PADDING);
    const signal = AbortSignal.any([cancel.signal, utterance.dropped.signal]);
    const paused = isPaused(utterance);
    const decoded = engine.decode(samples, { signal, urgent: paused });
    const { voiceEnd } = utterance.audio;
    utterance.pause = paused ? { voiceEnd, pieces: utterance.pieces.length, text: decoded } : undefined;
    try {
      const last = await decoded;
      const text = joined([...(await Promise.all(utterance.pieces)), last]);
      if (signal.aborted || utterance !== open || text === '' || text === utterance.lastText) return;
      utterance.lastText = text;
      options.report({ type: 'partial', utterance: utterance.number, text });
    } catch (error) {
      // A lost partial is not missed: the next one, or the final, decodes the same audio again. A missing model is.
      utterance.pause = undefined;
      if (!signal.aborted && !(error instanceof AgentError && error.code === 'ERR_ENGINE')) fail(error);
    } finally {
      utterance.partial = undefined;
    }
  }

  async function decodeFinal(utterance: Utterance): Promise<void> {
    const { signal } = utterance.dropped;
    const whole = () => decodeTwice(utterance.audio.openPiece(PADDING), signal);
    const { pause, audio, pieces } = utterance;
    const isHeard = pause?.voiceEnd === audio.voiceEnd && pause.pieces === pieces.length;
    if (!isHeard) utterance.partial?.abort();
    try {
      const last = isHeard ? pause.text.catch(whole) : whole();
      const text = joined(await Promise.all([...utterance.pieces, last]));
      if (signal.aborted) return;
      utterances.delete(utterance.number);
      options.report({ type: 'final', utterance: utterance.number, text });
    } catch (error) {
      if (!signal.aborted) fail(error);
    }
  }

  function isDue(utterance: Utterance): boolean {
    const { audio, pause, pieces, partialAt } = utterance;
    // Silence after a decoded pause adds no words.
    if (pause?.voiceEnd === audio.voiceEnd && pause.pieces === pieces.length) return false;
    return isPaused(utterance) || audio.length - partialAt >= engine.partialIntervalMs * SAMPLES_PER_MS;
  }

  if (options.signal.aborted) closed = true;
  else options.signal.addEventListener('abort', close, { once: true });
  return {
    begin(number: number): void {
      if (closed || utterances.has(number)) return;
      open = {
        number,
        audio: new UtteranceAudio(),
        pieces: [],
        dropped: new AbortController(),
        partial: undefined,
        partialAt: 0,
        pause: undefined,
        lastText: '',
      };
      utterances.set(number, open);
    },
    write(frame: AudioFrame): void {
      if (closed || open === undefined) return;
      if (frame.sampleRateHz !== 16_000 || frame.channels !== 1) {
        fail(
          new AgentError('ERR_AUDIO_FRAME', 'the recogniser got a frame it cannot take', {
            field: 'sampleRateHz',
            rule: 'must be 16 kHz mono',
            fix: `Got ${frame.sampleRateHz} Hz and ${frame.channels} channels`,
          }),
        );
        return;
      }
      open.audio.write(frame);
      cutPieces(open);
      if (engine.partials && open.partial === undefined && isDue(open)) void decodePartial(open);
    },
    end(number: number): void {
      const utterance = utterances.get(number);
      if (utterance === undefined || utterance !== open) return;
      open = undefined;
      void decodeFinal(utterance);
    },
    discard(number: number): void {
      const utterance = utterances.get(number);
      if (utterance === undefined) return;
      utterance.dropped.abort();
      utterances.delete(number);
      if (open === utterance) open = undefined;
    },
    close,
  };
}

function isPaused({ audio }: Utterance): boolean {
  return audio.voiceEnd > 0 && audio.length - audio.voiceEnd >= PAUSE;
}

function joined(texts: readonly string[]): string {
  return texts.filter((text) => text !== '').join(' ');
}
