// The pipeline chart with its four streams filled in, once per process.
import { detectSpeech } from '../actors/detect-speech.actor.ts';
import { playOut } from '../actors/play-out.actor.ts';
import { type StreamIo, streamLogic } from '../actors/stream.ts';
import { synthesize } from '../actors/synthesize.actor.ts';
import { transcribe } from '../actors/transcribe.actor.ts';
import { AgentError } from '../errors.ts';
import type { PipelineEvent, PipelineKind } from '../events.ts';
import { pipelineMachine } from '../machines/pipeline.machine.ts';
import type { SttResult } from '../providers/stt.ts';
import { findScope, type SessionScope, scopeOf } from './session-scope.ts';

interface StreamInput {
  readonly sessionId: string;
  readonly kind: PipelineKind;
}

/** A part of a session that does not use it is never started. */
function needed<T>(provider: T | null): T {
  if (provider === null) throw new AgentError('ERR_NOT_PROVIDED', 'this session uses no audio in this direction');
  return provider;
}

const STREAMS: Record<PipelineKind, (scope: SessionScope, io: StreamIo<PipelineEvent>) => () => void> = {
  vad: ({ providers, input, clock, options }, io) =>
    detectSpeech(
      { vad: needed(providers.vad), link: input, clock, sustainedAfterMs: options.interruption.minDurationMs },
      io,
    ),
  stt: (scope, io) =>
    transcribe(
      {
        stt: needed(scope.providers.stt),
        language: scope.options.language,
        link: scope.input,
        clock: scope.clock,
        onResult: (result) => keepTranscript(scope, result),
        outstanding: () => scope.ledger.speech.finalsOutstanding,
      },
      io,
    ),
  tts: ({ providers, options, clock, voice }, io) =>
    synthesize(
      {
        tts: needed(providers.tts),
        voice: options.voice,
        clock,
        attach: (reader) => needed(voice).attachVoice(reader),
      },
      io,
    ),
  playout: ({ clock, voice }, io) => playOut({ clock, attach: (reader) => needed(voice).attachPlayout(reader) }, io),
};

/** Ledger first, then the event. */
function keepTranscript(scope: SessionScope, result: SttResult): void {
  const { speech } = scope.ledger;
  const text = String(result.text).toWellFormed();
  if (result.type === 'partial') {
    if (!speech.updatePartial(result.utterance, text)) return;
    scope.judgeTurnEnd();
    scope.emit('stt_result', { utterance: result.utterance, text, isFinal: false });
    scope.tell({ type: 'transcript.updated' });
    return;
  }
  const { expected, settled } = speech.addFinal(result.utterance, text);
  if (settled) scope.input.release(result.utterance);
  if (!expected) return;
  if (!settled) scope.input.trim(result.utterance, result.coveredSamples);
  scope.judgeTurnEnd();
  const isEmpty = text.trim() === '';
  if (!isEmpty) scope.emit('stt_result', { utterance: result.utterance, text: text.trim(), isFinal: true });
  scope.tell({ type: isEmpty ? 'transcript.emptied' : 'transcript.finalized' });
}

export const pipelineLogic = pipelineMachine.provide({
  actors: {
    runPipeline: streamLogic<PipelineEvent, StreamInput>(
      { type: 'pipeline.failed' },
      ({ sessionId, kind }, error) => findScope(sessionId)?.problem(kind, error),
      ({ sessionId, kind }, io) => STREAMS[kind](scopeOf(sessionId), io),
    ),
  },
  actions: {
    showHealth: (args, { isHealthy }) => {
      const { sessionId, kind } = (args as { context: StreamInput }).context; // what xstate hands to every action
      const scope = findScope(sessionId);
      if (isHealthy) scope?.unhealthy.delete(kind);
      else scope?.unhealthy.add(kind);
    },
  },
});
