// One reply: the model's steps and tool calls beside what the listener hears of them.
import { assign, not, setup, stateIn } from 'xstate';
import type { TurnEvent, TurnKey, TurnOutcome, TurnPhase } from '../events.ts';
import { effectSlot, promiseSlot } from './slots.ts';

/** Deadlines of one turn, in milliseconds. */
export interface TurnSettings {
  /** Request sent -> first text or tool call. */
  readonly firstTokenMs: number;
  /** Between two pieces of the model's answer. */
  readonly tokenGapMs: number;
  /** The voice has the whole text -> first audio. */
  readonly firstAudioMs: number;
  /** Without progress of the played position, while there is something to play. */
  readonly stallMs: number;
  /** Model steps of one reply; the last one may not call tools. */
  readonly maxSteps: number;
}

export interface TurnInput extends TurnKey {
  readonly sessionId: string;
  readonly settings: TurnSettings;
  /** Model step to begin with: 1, or more when an earlier attempt already ran tools. */
  readonly step: number;
  /** Tool calls recorded by an earlier attempt and still without output. */
  readonly openCalls: number;
  /** Budget of the open calls (tries x timeout + delays). */
  readonly toolBudgetMs: number;
}

export interface TurnContext extends TurnInput {}

/** What one model step came to. */
export interface StepOutput {
  readonly calls: number;
  readonly toolBudgetMs: number;
}

export interface StepInput extends TurnKey {
  readonly sessionId: string;
  readonly step: number;
  readonly isLastStep: boolean;
}

/** Text that reached the voice says it before the model's step does. */
const TEXT_CAME = { 'reply.started': 'generating', 'playout.buffering': 'generating' } as const;

const GAP_TOO_LONG = {
  target: '#turn.failed',
  actions: { type: 'recordDeadline', params: { stage: 'next token of the model' } },
} as const;

export const turnMachine = setup({
  types: {
    input: {} as TurnInput,
    context: {} as TurnContext,
    events: {} as TurnEvent,
    output: {} as { outcome: TurnOutcome },
    tags: {} as 'rest' | 'working' | TurnPhase | 'held',
  },
  actors: { respond: promiseSlot<StepOutput, StepInput>('respond') },
  delays: {
    firstToken: ({ context }) => context.settings.firstTokenMs,
    tokenGap: ({ context }) => context.settings.tokenGapMs,
    firstAudio: ({ context }) => context.settings.firstAudioMs,
    stall: ({ context }) => context.settings.stallMs,
    /** A voice that goes quiet in the middle of its text gets what is left of the time for first audio. */
    nextAudio: ({ context: { settings } }) => Math.max(0, settings.firstAudioMs - settings.stallMs),
    tools: ({ context }) => context.toolBudgetMs + 1000,
  },
  guards: {
    isGivenText: ({ context }) => context.mode === 'say' || context.mode === 'fallback',
    hasOpenCalls: ({ context }) => context.openCalls > 0,
    hasCalls: (_, params: StepOutput) => params.calls > 0,
    isLastCall: ({ event }) => event.type === 'child.down' && event.openCalls === 0,
    isTextWhole: not(stateIn({ live: { generation: 'answering' } })),
    isSilent: stateIn({ live: { playout: 'silent' } }),
    isDrained: stateIn({ live: { playout: 'drained' } }),
  },
  actions: {
    countStep: assign({ step: ({ context }) => context.step + 1, openCalls: 0 }),
    keepCalls: assign((_, params: StepOutput) => ({ openCalls: params.calls, toolBudgetMs: params.toolBudgetMs })),
    startToolCalls: effectSlot('startToolCalls'),
    abandonToolCalls: effectSlot('abandonToolCalls'),
    /** The voice went quiet: what it said was all, if nothing is missing. */
    finishVoice: effectSlot('finishVoice'),
    recordFailure: effectSlot<{ error: unknown }>('recordFailure'),
    recordDeadline: effectSlot<{ stage: string }>('recordDeadline'),
    /** Written to the ledger before the turn ends. */
    recordOutcome: effectSlot<{ outcome: TurnOutcome }>('recordOutcome'),
  },
}).createMachine({
  id: 'turn',
  context: ({ input }) => ({ ...input }),
  initial: 'live',
  output: ({ event }) => event.output as { outcome: TurnOutcome }, // the output of the final state that was reached
  states: {
    live: {
      type: 'parallel',
      on: { 'turn.cancel': 'interrupted' },
      states: {
        generation: {
          initial: 'deciding',
          states: {
            deciding: {
              always: [
                { guard: 'hasOpenCalls', target: 'callingTools' },
                { guard: 'isGivenText', target: 'answering.generating' },
                { target: 'answering.thinking' },
              ],
            },
            answering: {
              tags: 'working',
              initial: 'thinking',
              invoke: {
                src: 'respond',
                input: ({ context }) => ({
                  sessionId: context.sessionId,
                  n: context.n,
                  attempt: context.attempt,
                  mode: context.mode,
                  step: context.step,
                  isLastStep: context.step >= context.settings.maxSteps,
                }),
                onDone: [
                  {
                    guard: { type: 'hasCalls', params: ({ event }) => event.output },
                    target: 'callingTools',
                    actions: { type: 'keepCalls', params: ({ event }) => event.output },
                  },
                  { target: 'written' },
                ],
                onError: {
                  target: '#turn.failed',
                  actions: { type: 'recordFailure', params: ({ event }) => ({ error: event.error }) },
                },
              },
              states: {
                thinking: {
                  tags: 'thinking',
                  after: {
                    firstToken: {
                      target: '#turn.failed',
                      actions: { type: 'recordDeadline', params: { stage: 'first token of the model' } },
                    },
                  },
                  on: { ...TEXT_CAME, 'reply.progressed': 'choosingTools' },
                },
                // The model asks for tools and has said nothing yet.
                choosingTools: {
                  tags: 'thinking',
                  after: { tokenGap: GAP_TOO_LONG },
                  on: { ...TEXT_CAME, 'reply.progressed': { target: 'choosingTools', reenter: true } },
                },
                generating: {
                  tags: 'responding',
                  after: { tokenGap: GAP_TOO_LONG },
                  on: { 'reply.progressed': { target: 'generating', reenter: true } },
                },
              },
            },
            callingTools: {
              tags: ['working', 'toolExecution'],
              entry: 'startToolCalls',
              after: { tools: { target: 'settled', actions: 'abandonToolCalls' } },
              on: { 'child.down': { guard: 'isLastCall', target: 'settled' } },
            },
            // The next step begins when this one has been heard. Needs no deadline: playout has its own.
            settled: {
              tags: 'rest',
              exit: 'countStep',
              always: [
                { guard: 'isSilent', target: 'answering.thinking' },
                { guard: 'isDrained', target: 'answering.thinking' },
              ],
            },
            written: {
              tags: 'rest',
              always: [
                { guard: 'isDrained', target: '#turn.completed' },
                { guard: 'isSilent', target: '#turn.empty' },
              ],
            },
          },
        },
        playout: {
          initial: 'silent',
          // A segment may follow the one before in one breath.
          on: { 'playout.buffering': '.buffering' },
          states: {
            silent: { tags: 'rest', on: { 'playout.started': 'playing' } },
            buffering: {
              initial: 'writing',
              on: {
                'playout.held': 'held',
                'playout.started': 'playing',
                'playout.drained': 'drained',
              },
              states: {
                // A voice may wait for the end of a clause: the gap is the model's, and has a deadline there.
                writing: { tags: ['rest', 'responding'], always: { guard: 'isTextWhole', target: 'whole' } },
                whole: {
                  tags: ['working', 'responding'],
                  after: {
                    firstAudio: {
                      target: '#turn.failed',
                      actions: { type: 'recordDeadline', params: { stage: 'first audio of the voice' } },
                    },
                  },
                },
              },
            },
            // Bounded by the longest utterance: the first frame waits while the user speaks.
            held: {
              tags: ['rest', 'responding', 'held'],
              on: { 'playout.started': 'playing', 'playout.drained': 'drained' },
            },
            playing: {
              tags: ['working', 'speaking'],
              after: {
                stall: {
                  target: '#turn.failed',
                  actions: { type: 'recordDeadline', params: { stage: 'progress of the played position' } },
                },
              },
              on: {
                'playout.progressed': { target: 'playing', reenter: true },
                'playout.starved': 'starved',
                'playout.paused': 'paused',
                'playout.drained': 'drained',
              },
            },
            // All audio so far was heard, and the voice has not said that it was all.
            starved: {
              initial: 'writing',
              on: {
                'playout.resumed': 'playing',
                'playout.paused': 'paused',
                'playout.drained': 'drained',
              },
              states: {
                writing: { tags: ['rest', 'speaking'], always: { guard: 'isTextWhole', target: 'whole' } },
                whole: {
                  tags: ['working', 'speaking'],
                  after: { stall: { target: 'late', actions: 'finishVoice' } },
                },
                late: {
                  tags: ['working', 'speaking'],
                  after: {
                    nextAudio: {
                      target: '#turn.failed',
                      actions: { type: 'recordDeadline', params: { stage: 'next audio of the voice' } },
                    },
                  },
                },
              },
            },
            // Bounded by the session: a pause ends with the user's words or the false interruption delay.
            paused: { tags: ['rest', 'paused'], on: { 'playout.resumed': 'playing', 'playout.drained': 'drained' } },
            drained: { tags: 'rest' },
          },
        },
      },
    },
    completed: {
      type: 'final',
      entry: { type: 'recordOutcome', params: { outcome: 'completed' } },
      output: { outcome: 'completed' },
    },
    empty: {
      type: 'final',
      entry: { type: 'recordOutcome', params: { outcome: 'empty' } },
      output: { outcome: 'empty' },
    },
    interrupted: {
      type: 'final',
      entry: { type: 'recordOutcome', params: { outcome: 'interrupted' } },
      output: { outcome: 'interrupted' },
    },
    failed: {
      type: 'final',
      entry: { type: 'recordOutcome', params: { outcome: 'failed' } },
      output: { outcome: 'failed' },
    },
  },
});

/** Phases in the order of precedence: what is heard counts more than what is being made. */
const PHASES = ['speaking', 'paused', 'toolExecution', 'responding'] as const satisfies readonly TurnPhase[];

/** The phase of a turn by the tags of its snapshot. */
export function phaseOf(snapshot: { hasTag(tag: TurnPhase): boolean }): TurnPhase {
  return PHASES.find((phase) => snapshot.hasTag(phase)) ?? 'thinking';
}
