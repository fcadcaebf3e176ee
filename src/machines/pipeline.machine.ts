// One permanent worker of the data plane (vad, stt, tts, playout): its stream opens, works, stalls and is opened anew.
import { assign, setup } from 'xstate';
import type { PipelineEvent, PipelineKind } from '../events.ts';
import { callbackSlot, effectSlot } from './slots.ts';

/** Deadlines of one pipeline, in milliseconds. */
export interface PipelineSettings {
  readonly startMs: number;
  /** Work handed over -> next sign of progress. */
  readonly progressMs: number;
  /** After that, how long it may catch up before its stream is opened anew. */
  readonly patienceMs: number;
  /** Wait before the first reset; doubled for each reset in a row. */
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
}

export interface PipelineInput {
  readonly sessionId: string;
  readonly kind: PipelineKind;
  readonly settings: PipelineSettings;
}

export interface PipelineContext extends PipelineInput {
  /** Resets since the last progress. */
  readonly resets: number;
}

const ANSWERED = ['clearResets', { type: 'showHealth', params: { isHealthy: true } }] as const;

export const pipelineMachine = setup({
  types: {
    input: {} as PipelineInput,
    context: {} as PipelineContext,
    events: {} as PipelineEvent,
    output: {} as { exit: 'shutdown' },
    tags: {} as 'rest' | 'working',
  },
  actors: { runPipeline: callbackSlot<PipelineEvent, { sessionId: string; kind: PipelineKind }>('runPipeline') },
  delays: {
    start: ({ context }) => context.settings.startMs,
    progress: ({ context }) => context.settings.progressMs,
    patience: ({ context }) => context.settings.patienceMs,
    backoff: ({ context: { settings, resets } }) =>
      Math.min(settings.maxBackoffMs, settings.backoffMs * 2 ** Math.max(0, resets - 1)),
  },
  actions: {
    countReset: assign({ resets: ({ context }) => context.resets + 1 }),
    clearResets: assign({ resets: 0 }),
    showHealth: effectSlot<{ isHealthy: boolean }>('showHealth'),
  },
}).createMachine({
  id: 'pipeline',
  context: ({ input }) => ({ ...input, resets: 0 }),
  initial: 'open',
  output: { exit: 'shutdown' },
  on: { 'pipeline.stop': '.stopped' },
  states: {
    open: {
      initial: 'starting',
      invoke: {
        id: 'stream',
        src: 'runPipeline',
        input: ({ context }) => ({ sessionId: context.sessionId, kind: context.kind }),
      },
      on: { 'pipeline.failed': 'resetting' },
      states: {
        starting: {
          tags: 'working',
          after: { start: '#pipeline.resetting' },
          on: { 'pipeline.opened': 'running' },
        },
        running: {
          initial: 'waiting',
          states: {
            // Quick streams answer before their work is told.
            waiting: { tags: 'rest', on: { 'pipeline.busied': 'busy', 'pipeline.rested': { actions: ANSWERED } } },
            busy: {
              tags: 'working',
              after: { progress: '#pipeline.open.stalled' },
              on: {
                'pipeline.progressed': {
                  target: 'busy',
                  reenter: true,
                  actions: ANSWERED,
                },
                'pipeline.rested': { target: 'waiting', actions: ANSWERED },
                'pipeline.released': 'waiting',
              },
            },
          },
        },
        stalled: {
          tags: 'working',
          after: { patience: '#pipeline.resetting' },
          on: {
            'pipeline.progressed': { target: 'running.busy', actions: ANSWERED },
            'pipeline.rested': { target: 'running', actions: ANSWERED },
            'pipeline.released': 'running',
          },
        },
      },
    },
    resetting: {
      tags: 'working',
      entry: ['countReset', { type: 'showHealth', params: { isHealthy: false } }],
      after: { backoff: 'open' },
    },
    stopped: { type: 'final' },
  },
});
