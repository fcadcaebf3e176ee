// Offline speech by the flite voices: clause by clause, each clause spoken off the session's thread.
import { z } from 'zod';
import { AgentError, toAgentError } from '../../errors.ts';
import { parseOptions } from '../../options.ts';
import { type Clause, clauseSplitter } from '../clauses.ts';
import type { Tts, TtsOpenOptions, TtsResult, TtsStream } from '../tts.ts';
import type { FliteSpeech } from './flite-engine.ts';
import { type FliteSpeaker, flitePool, pooledSpeaker } from './flite-speaker.ts';
import { speakable } from './flite-text.ts';
import { FLITE_SAMPLE_RATE_HZ, FLITE_VOICES, type FliteVoice, isFliteVoice } from './flite-voices.ts';

export interface FliteTtsOptions {
  /** One of `FLITE_VOICES`. Default `slt`. A stream may ask for another. */
  readonly voice?: FliteVoice;
  /** Default: workers of its own, started on first use. */
  readonly speaker?: FliteSpeaker;
}

const VOICE_NAMES = Object.keys(FLITE_VOICES) as [FliteVoice, ...FliteVoice[]]; // the keys of a literal object
const optionsSchema = z.object({
  voice: z.enum(VOICE_NAMES).default('slt'),
  speaker: z.custom<FliteSpeaker>(canSpeak, 'must have a speak function').optional(),
});

function canSpeak(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'speak' in value && typeof value.speak === 'function';
}

/** Longest piece of audio in one report; a clause is cut so that the pacer can start on its beginning. */
const PIECE_SAMPLES = FLITE_SAMPLE_RATE_HZ / 2;

/**
 * The embedded text to speech. A clause that fails (its worker was killed) is tried once more, then the stream fails.
 * @throws AgentError `ERR_OPTION`
 */
export function fliteTts(options: FliteTtsOptions = {}): Tts {
  const { voice, speaker = pooledSpeaker(flitePool()) } = parseOptions(optionsSchema, options, 'fliteTts');
  return {
    label: `flite:${voice}`,
    capabilities: { sampleRateHz: FLITE_SAMPLE_RATE_HZ, streaming: true },
    open: (open) => openStream(speaker, open.voice ?? voice, open),
  };
}

function openStream(speaker: FliteSpeaker, voice: string, options: TtsOpenOptions): TtsStream {
  const { report, fail, ready, signal, clock } = options;
  const splitter = clauseSplitter();
  const queue: Clause[] = [];
  const stopped = new AbortController();
  let flushed = false;
  let working = false;

  const close = () => {
    queue.length = 0;
    signal.removeEventListener('abort', close);
    stopped.abort();
  };
  const tell = (result: TtsResult) => {
    if (!stopped.signal.aborted) report(result);
  };

  async function say(clause: Clause): Promise<void> {
    const text = speakable(clause.text);
    if (text !== '') {
      await ready();
      if (stopped.signal.aborted) return;
      const { samples } = await spoken(text);
      for (let at = 0; at < samples.length; at += PIECE_SAMPLES)
        tell({
          type: 'audio',
          frame: { samples: samples.slice(at, at + PIECE_SAMPLES), sampleRateHz: FLITE_SAMPLE_RATE_HZ, channels: 1 },
        });
    }
    tell({ type: 'mark', chars: clause.endChars });
  }

  async function spoken(text: string): Promise<FliteSpeech> {
    if (!isFliteVoice(voice)) throw unknownVoice(voice);
    if (clock.isVirtual && speaker.usesRealIo) throw realIo();
    try {
      return await speaker.speak(text, voice, stopped.signal);
    } catch (error) {
      // A dead worker is the common case, and its successor speaks the same clause; a clause that kills two is at fault.
      if (stopped.signal.aborted || (error instanceof AgentError && !error.retryable)) throw error;
      return await speaker.speak(text, voice, stopped.signal);
    }
  }

  async function work(): Promise<void> {
    if (working) return;
    working = true;
    try {
      await Promise.resolve(); // nothing is reported from inside the caller's write or flush
      for (let clause = queue.shift(); clause !== undefined; clause = queue.shift()) await say(clause);
      if (flushed) {
        tell({ type: 'done' });
        close();
      }
    } catch (thrown) {
      if (stopped.signal.aborted) return;
      close();
      fail(toAgentError(thrown, 'ERR_ENGINE', 'flite could not speak'));
    } finally {
      working = false;
    }
  }

  /** `fail` is foreign code too: when it throws there is nobody left to tell. */
  const start = () => void work().catch(() => {});

  if (signal.aborted) close();
  else signal.addEventListener('abort', close, { once: true });

  return {
    write(text) {
      if (flushed || stopped.signal.aborted) return;
      queue.push(...splitter.write(text));
      if (queue.length > 0) start();
    },
    flush() {
      if (flushed || stopped.signal.aborted) return;
      queue.push(...splitter.flush());
      flushed = true;
      start();
    },
    close,
  };
}

function unknownVoice(voice: string): AgentError {
  return new AgentError('ERR_OPTION', 'unknown voice', {
    field: 'voice',
    rule: `must be one of ${VOICE_NAMES.join(', ')}`,
    fix: `Replace ${JSON.stringify(voice.slice(0, 40))}`,
  });
}

function realIo(): AgentError {
  return new AgentError('ERR_REAL_IO', 'flite workers run in real time', {
    field: 'clock',
    rule: 'must be the process clock',
    fix: 'Use a scripted Tts in tests',
  });
}
