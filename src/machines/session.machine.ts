// The root chart of a call: who has the word. It knows no token, no frame and no tool.
import { assign, not, setup, stateIn } from 'xstate';
import type { Levels, SessionEvent, SessionState, TurnPhase, UserState } from '../events.ts';
import { effectSlot } from './slots.ts';

/** Rules and deadlines of one session, all in milliseconds; docs/ARCHITECTURE.md explains each. */
export interface SessionSettings {
  readonly interruptionEnabled: boolean;
  readonly interruptionMinWords: number;
  readonly falseInterruptionMs: number;
  readonly connectDeadlineMs: number;
  readonly processingDeadlineMs: number;
  readonly interruptedDeadlineMs: number;
  readonly closingDeadlineMs: number;
  readonly longestUtteranceMs: number;
  /** The longest a turn waits for anything but its tools. */
  readonly turnDeadlineMs: number;
  readonly awayMs: number;
}

export interface SessionInput {
  readonly sessionId: string;
  readonly settings: SessionSettings;
  readonly levels: Levels;
}

/** `levels` is the truth as of the event in hand: the runtime renews it before each event (docs/adr/0002). */
export interface SessionContext extends SessionInput {}

interface Args {
  readonly context: SessionContext;
  readonly event: SessionEvent;
}

function isAllowedToInterrupt({ context: { settings, levels } }: Args): boolean {
  const { turn, openWords, partialWords } = levels;
  if (turn === null || !turn.allowInterruptions || !settings.interruptionEnabled) return false;
  return openWords + partialWords >= settings.interruptionMinWords;
}

function isAboutOpenTurn({ context: { levels }, event }: Args): boolean {
  const { turn } = levels;
  if (turn === null || !('n' in event)) return false;
  return turn.n === event.n && turn.attempt === event.attempt && turn.mode === event.mode;
}

function isEndpointed({ context: { levels } }: Args): boolean {
  if (levels.committed) return true;
  return levels.lastVoiceAtMs === null || levels.atMs - levels.lastVoiceAtMs >= levels.endpointingMs;
}

/**
 * There are words, and none of this stretch of speech are still at the recogniser: the end of a sentence that was spoken
 * with a pause must not be answered without it. A recogniser that owes a final for too long is the deadline's affair.
 */
function hasEveryWord({ context: { levels } }: Args): boolean {
  return levels.openWords > 0 && (levels.finalsOutstanding === 0 || levels.committed);
}

function endedAs(...reasons: readonly string[]): (args: Args) => boolean {
  return (args) => args.event.type === 'child.down' && isAboutOpenTurn(args) && reasons.includes(args.event.reason);
}

/** The turn tells that it is in this phase now. */
function tellsPhase(phase: TurnPhase): (args: Args) => boolean {
  return (args) => isAboutOpenTurn(args) && args.context.levels.turn?.phase === phase;
}

/** Milliseconds until `delayMs` have passed since `sinceMs`, so that a restart or re-entry never lengthens a wait. */
function remaining(levels: Levels, sinceMs: number | null | undefined, delayMs: number): number {
  return Math.max(0, (sinceMs ?? levels.atMs) + delayMs - levels.atMs);
}

/** A turn takes what there is to answer. */
const TAKE_TURN = ['startTurn', 'takeWords'] as const;

export const sessionMachine = setup({
  types: {
    input: {} as SessionInput,
    context: {} as SessionContext,
    events: {} as SessionEvent,
    output: {} as { exit: 'normal'; reason: string },
    tags: {} as 'rest' | 'working' | 'watched',
  },
  delays: {
    connecting: ({ context }) => context.settings.connectDeadlineMs,
    resuming: () => 1000,
    endpointing: ({ context: { levels } }) => remaining(levels, levels.lastVoiceAtMs, levels.endpointingMs),
    processing: ({ context: { levels, settings } }) =>
      remaining(levels, levels.speechEndedAtMs, settings.processingDeadlineMs),
    longestUtterance: ({ context }) => context.settings.longestUtteranceMs,
    falseInterruption: ({ context: { levels, settings } }) =>
      remaining(levels, levels.lastVoiceAtMs, settings.falseInterruptionMs),
    // The turn's own deadline for its phase comes first; this one means that the turn itself is wedged.
    // A turn that the event in hand started is not in the levels yet.
    backstop: ({ context: { levels, settings } }) =>
      // Never at once: a turn that waits for the user is looked at again and again, and one that was killed may need a tick.
      Math.max(
        1000,
        remaining(levels, levels.turn?.lastProgressAtMs, (levels.turn?.deadlineMs ?? settings.turnDeadlineMs) + 1000),
      ),
    interrupted: ({ context }) => context.settings.interruptedDeadlineMs,
    closing: ({ context: { levels, settings } }) =>
      remaining(levels, levels.closing?.sinceMs, settings.closingDeadlineMs),
    away: ({ context }) => context.settings.awayMs,
  },
  guards: {
    isEnding: ({ context: { levels } }) => levels.closing !== null || levels.transport === 'gone',
    isTransportUp: ({ context: { levels } }) => levels.transport === 'up',
    isUserSpeaking: ({ context: { levels } }) => levels.userSpeaking,
    isUserQuiet: ({ context: { levels } }) => !levels.userSpeaking,
    isDialogueIdle: stateIn({ active: { dialogue: 'idle' } }),
    isDialogueBusy: not(stateIn({ active: { dialogue: 'idle' } })),
    hasRequest: ({ context: { levels } }) => levels.requests > 0,
    hasSpeechToProcess: ({ context: { levels } }) => levels.openWords > 0 || levels.finalsOutstanding > 0,
    hasNothingToProcess: ({ context: { levels } }) => levels.openWords === 0 && levels.finalsOutstanding === 0,
    hasWords: ({ context: { levels } }) => levels.openWords > 0,
    hasEveryWord,
    hasWordsInTime: (args) => hasEveryWord(args) && isEndpointed(args),
    hasAnyWords: ({ context: { levels } }) => levels.openWords + levels.partialWords > 0,
    isOwed: ({ context: { levels } }) => levels.owed,
    isLossWorthAnApology: ({ context: { levels } }) => levels.sttFailed || levels.endedSustained,
    hasCancelledTurn: ({ context: { levels } }) => levels.turn !== null && levels.turn.cancelled !== null,
    hasOpenTurn: ({ context: { levels } }) => levels.turn !== null,
    isTurnOver: ({ context: { levels } }) => levels.turn === null,
    isOpenTurn: isAboutOpenTurn,
    isTurnThinking: tellsPhase('thinking'),
    isTurnCallingTools: tellsPhase('toolExecution'),
    isTurnResponding: tellsPhase('responding'),
    isTurnPaused: tellsPhase('paused'),
    isTurnDone: endedAs('completed', 'empty', 'interrupted'),
    isTurnLost: endedAs('failed', 'crashed'),
    isWorthRetrying: (args) => {
      const { turn } = args.context.levels;
      if (turn === null || !endedAs('failed', 'crashed')(args)) return false;
      return turn.attempt === 1 && !turn.heard && !turn.byDeadline && turn.mode !== 'fallback';
    },
    isWorthAnApology: (args) => endedAs('failed', 'crashed')(args) && args.context.levels.turn?.mode !== 'fallback',
    isTextAllowed: ({ context: { levels } }) => levels.turn?.allowInterruptions ?? true,
    isInterruptible: isAllowedToInterrupt,
    isInterruptibleBySpeech: (args) => {
      const { sustained, sustainedWords } = args.context.levels;
      return (sustained || sustainedWords) && isAllowedToInterrupt(args);
    },
    isPausable: (args) => {
      const { levels } = args.context;
      if (!levels.canPause || levels.openWords + levels.partialWords > 0) return false;
      return levels.turn?.phase === 'speaking' && isAllowedToInterrupt(args);
    },
    isAnswerStale: ({ context: { levels } }) =>
      levels.openWords > 0 && levels.turn?.mode === 'reply' && !levels.turn.heard && levels.turn.outcome === null,
    isThinking: ({ context: { levels } }) => levels.turn === null || levels.turn.phase === 'thinking',
    isToolExecution: ({ context: { levels } }) => levels.turn?.phase === 'toolExecution',
    isResponding: ({ context: { levels } }) => levels.turn?.phase === 'responding',
    isPaused: ({ context: { levels } }) => levels.turn?.phase === 'paused',
    isTurnWaiting: ({ context: { levels } }) => levels.turn?.held === true || levels.turn?.phase === 'paused',
    isSettled: ({ context: { levels } }) =>
      levels.turn === null && !levels.userSpeaking && levels.finalsOutstanding === 0,
  },
  actions: {
    // These three mirror what an effect of the same row did to the ledger, until the next event brings a fresh reading.
    takeWords: assign(({ context: { levels } }) => ({
      levels: { ...levels, openWords: 0, committed: false, requests: Math.max(0, levels.requests - 1), turn: null },
    })),
    forgetTurn: assign(({ context: { levels } }) => ({ levels: { ...levels, turn: null } })),
    forgetSpeech: assign(({ context: { levels } }) => ({
      levels: { ...levels, userSpeaking: false, openWords: 0, partialWords: 0, finalsOutstanding: 0, turn: null },
    })),
    forgetDebt: assign(({ context: { levels } }) => ({ levels: { ...levels, owed: false, turn: null } })),
    showState: effectSlot<{ state: SessionState }>('showState'),
    showUser: effectSlot<{ user: UserState }>('showUser'),
    startTurn: effectSlot('startTurn'),
    startFallback: effectSlot('startFallback'),
    retryTurn: effectSlot('retryTurn'),
    adoptTurn: effectSlot('adoptTurn'),
    settleTurn: effectSlot('settleTurn'),
    interruptTurn: effectSlot('interruptTurn'),
    killTurn: effectSlot('killTurn'),
    reportLoss: effectSlot('reportLoss'),
    pausePlayout: effectSlot('pausePlayout'),
    resumePlayout: effectSlot('resumePlayout'),
    holdPlayout: effectSlot('holdPlayout'),
    releasePlayout: effectSlot('releasePlayout'),
    forceEndOfSpeech: effectSlot('forceEndOfSpeech'),
    giveUpUtterances: effectSlot('giveUpUtterances'),
    commitPartials: effectSlot('commitPartials'),
    commitRest: effectSlot('commitRest'),
    announceResume: effectSlot('announceResume'),
    resendSustained: effectSlot('resendSustained'),
  },
}).createMachine({
  id: 'session',
  context: ({ input }) => ({ ...input }),
  initial: 'restoring',
  output: ({ context }) => ({ exit: 'normal', reason: context.levels.closing?.reason ?? 'transport closed' }),
  states: {
    // Every incarnation begins here, with the levels it was started with.
    restoring: {
      always: [
        { guard: 'isEnding', target: 'closing' },
        { guard: 'isTransportUp', target: 'active' },
        { target: 'connecting' },
      ],
    },
    connecting: {
      tags: 'working',
      entry: { type: 'showState', params: { state: 'connecting' } },
      after: { connecting: 'failed' },
      on: {
        'transport.opened': { target: 'active' },
        'transport.closed': { target: 'closing' },
        'session.close': { target: 'closing' },
      },
    },
    active: {
      type: 'parallel',
      on: {
        'session.close': { target: 'closing' },
        'transport.closed': { target: 'closing' },
      },
      states: {
        dialogue: {
          initial: 'resuming',
          states: {
            // Waits for session.resumed, sent right after start: a transient chain here would read levels that its own
            // actions have not changed yet.
            resuming: {
              tags: 'working',
              entry: 'announceResume',
              exit: 'resendSustained',
              after: { resuming: 'next' },
              on: {
                'session.resumed': [
                  { guard: 'hasCancelledTurn', target: 'interrupted', actions: 'adoptTurn' },
                  { guard: 'hasOpenTurn', target: 'replying', actions: 'adoptTurn' },
                  { target: 'next' },
                ],
              },
            },
            next: {
              always: [
                { guard: 'hasRequest', target: 'replying.phase.thinking', actions: TAKE_TURN },
                { guard: 'isUserSpeaking', target: 'listening' },
                { guard: 'hasSpeechToProcess', target: 'processing' },
                { guard: 'isOwed', target: 'replying.phase.thinking', actions: TAKE_TURN },
                { target: 'idle' },
              ],
            },
            idle: {
              tags: 'rest',
              entry: { type: 'showState', params: { state: 'idle' } },
              on: {
                'speech.started': 'listening',
                'transcript.finalized': { target: 'processing' },
                'text.received': { target: 'replying.phase.thinking', actions: TAKE_TURN },
                'reply.requested': { target: 'replying.phase.thinking', actions: TAKE_TURN },
              },
            },
            listening: {
              tags: 'working',
              entry: { type: 'showState', params: { state: 'listening' } },
              after: { longestUtterance: { target: 'processing', actions: ['forceEndOfSpeech'] } },
              on: {
                'speech.ended': { target: 'processing' },
                'speech.discarded': { target: 'next' },
                'turn.commit': { target: 'processing' },
                'turn.clear': { target: 'next' },
                'turn.interrupt': { target: 'interrupted' },
                'text.received': { target: 'replying.phase.thinking', actions: TAKE_TURN },
                'reply.requested': { target: 'replying.phase.thinking', actions: TAKE_TURN },
              },
            },
            processing: {
              tags: 'working',
              entry: { type: 'showState', params: { state: 'processing' } },
              after: {
                endpointing: {
                  guard: 'hasEveryWord',
                  target: 'replying.phase.thinking',
                  actions: TAKE_TURN,
                },
                processing: [
                  {
                    guard: 'hasAnyWords',
                    target: 'replying.phase.thinking',
                    actions: ['commitPartials', ...TAKE_TURN],
                  },
                  {
                    guard: 'isLossWorthAnApology',
                    target: 'replying.phase.thinking',
                    actions: ['giveUpUtterances', 'startFallback', 'forgetSpeech'],
                  },
                  { target: 'next', actions: ['giveUpUtterances', 'forgetSpeech'] },
                ],
              },
              always: [
                { guard: 'hasWordsInTime', target: 'replying.phase.thinking', actions: TAKE_TURN },
                { guard: 'hasNothingToProcess', target: 'next' },
              ],
              on: {
                'speech.started': { target: 'listening' },
                'transcript.finalized': [
                  { guard: 'hasWordsInTime', target: 'replying.phase.thinking', actions: TAKE_TURN },
                  // Re-entered so that the wait follows what the words so far promise; it is counted from the last voice.
                  { target: 'processing', reenter: true },
                ],
                'turn.clear': { target: 'next' },
                'turn.interrupt': { target: 'interrupted' },
                'text.received': { target: 'replying.phase.thinking', actions: TAKE_TURN },
                'reply.requested': { target: 'replying.phase.thinking', actions: TAKE_TURN },
              },
            },
            replying: {
              type: 'parallel',
              tags: ['working', 'watched'],
              always: { guard: 'isAnswerStale', target: 'interrupted' },
              on: {
                'turn.interrupt': { target: 'interrupted' },
                'text.received': { guard: 'isTextAllowed', target: 'interrupted' },
                'speech.sustained': { guard: 'isInterruptible', target: 'interrupted' },
                'transcript.updated': {
                  guard: 'isInterruptibleBySpeech',
                  target: 'interrupted',
                },
                'transcript.finalized': {
                  guard: 'isInterruptibleBySpeech',
                  target: 'interrupted',
                },
                'child.down': [
                  { guard: 'isTurnDone', target: 'next', actions: ['settleTurn', 'forgetTurn'] },
                  {
                    guard: 'isWorthRetrying',
                    target: 'replying.phase.thinking',
                    reenter: true,
                    actions: ['retryTurn', 'forgetTurn'],
                  },
                  {
                    guard: 'isWorthAnApology',
                    target: 'replying.phase.thinking',
                    reenter: true,
                    actions: ['startFallback', 'forgetTurn'],
                  },
                  {
                    guard: 'isTurnLost',
                    target: 'next',
                    actions: ['reportLoss', 'settleTurn', 'forgetDebt'],
                  },
                ],
              },
              states: {
                // The phase is the turn's own word; the session only shows it.
                phase: {
                  initial: 'routing',
                  on: {
                    'turn.phased': [
                      { guard: 'isTurnThinking', target: '.thinking' },
                      { guard: 'isTurnCallingTools', target: '.toolExecution' },
                      { guard: 'isTurnResponding', target: '.responding' },
                      { guard: 'isTurnPaused', target: '.speaking.paused' },
                      { guard: 'isOpenTurn', target: '.speaking' },
                    ],
                  },
                  states: {
                    // For a turn that was adopted.
                    routing: {
                      always: [
                        { guard: 'isThinking', target: 'thinking' },
                        { guard: 'isToolExecution', target: 'toolExecution' },
                        { guard: 'isResponding', target: 'responding' },
                        { guard: 'isPaused', target: 'speaking.paused' },
                        { target: 'speaking' },
                      ],
                    },
                    thinking: { entry: { type: 'showState', params: { state: 'thinking' } } },
                    toolExecution: { entry: { type: 'showState', params: { state: 'toolExecution' } } },
                    responding: { entry: { type: 'showState', params: { state: 'responding' } } },
                    speaking: {
                      initial: 'playing',
                      states: {
                        playing: {
                          entry: { type: 'showState', params: { state: 'speaking' } },
                          on: { 'speech.sustained': { guard: 'isPausable', actions: 'pausePlayout' } },
                        },
                        paused: {
                          entry: { type: 'showState', params: { state: 'paused' } },
                          always: { guard: 'hasWords', target: '#session.active.dialogue.interrupted' },
                          after: { falseInterruption: { guard: 'isUserQuiet', actions: 'resumePlayout' } },
                          on: {
                            'speech.sustained': {},
                            'speech.ended': { target: 'paused', reenter: true },
                            'speech.discarded': { target: 'paused', reenter: true },
                            'turn.clear': { target: 'paused', reenter: true },
                          },
                        },
                      },
                    },
                  },
                },
                // One backstop for a turn that stopped saying anything; its own deadlines are shorter.
                pulse: {
                  initial: 'watching',
                  states: {
                    watching: {
                      after: {
                        backstop: [
                          { guard: 'isTurnWaiting', target: 'watching', reenter: true },
                          { target: 'watching', reenter: true, actions: ['killTurn'] },
                        ],
                      },
                      on: {
                        'turn.phased': { target: 'watching', reenter: true },
                        'turn.progressed': { target: 'watching', reenter: true },
                      },
                    },
                  },
                },
              },
            },
            interrupted: {
              tags: 'working',
              entry: ['interruptTurn', { type: 'showState', params: { state: 'interrupted' } }],
              after: {
                interrupted: { target: 'next', actions: ['killTurn', 'settleTurn', 'forgetTurn'] },
              },
              always: { guard: 'isTurnOver', target: 'next' },
              on: {
                'child.down': {
                  guard: 'isOpenTurn',
                  target: 'next',
                  actions: ['settleTurn', 'forgetTurn'],
                },
              },
            },
          },
        },
        // While the user speaks, a turn that is not audible yet holds its first frame.
        user: {
          initial: 'quiet',
          states: {
            quiet: {
              tags: 'rest',
              entry: ['releasePlayout', { type: 'showUser', params: { user: 'listening' } }],
              initial: 'engaged',
              always: { guard: 'isUserSpeaking', target: 'speaking' },
              // In the step of the event itself; `always` is for what an event in hand could not tell yet.
              on: { 'speech.started': { guard: 'isUserSpeaking', target: 'speaking' } },
              states: {
                engaged: { tags: 'rest', always: { guard: 'isDialogueIdle', target: 'waiting' } },
                waiting: {
                  tags: 'rest',
                  always: { guard: 'isDialogueBusy', target: 'engaged' },
                  after: { away: '#session.active.user.away' },
                },
              },
            },
            speaking: {
              tags: 'rest',
              entry: ['holdPlayout', { type: 'showUser', params: { user: 'speaking' } }],
              always: { guard: 'isUserQuiet', target: 'quiet' },
              on: { 'speech.ended': { guard: 'isUserQuiet', target: 'quiet' } },
            },
            away: {
              tags: 'rest',
              entry: { type: 'showUser', params: { user: 'away' } },
              always: [
                { guard: 'isUserSpeaking', target: 'speaking' },
                { guard: 'isDialogueBusy', target: 'quiet' },
              ],
            },
          },
        },
      },
    },
    closing: {
      tags: 'working',
      entry: ['adoptTurn', 'forceEndOfSpeech', 'interruptTurn', { type: 'showState', params: { state: 'closing' } }],
      exit: 'commitRest',
      after: { closing: { target: 'closed', actions: 'killTurn' } },
      always: { guard: 'isSettled', target: 'closed' },
      on: {
        'child.down': { guard: 'isOpenTurn', actions: ['settleTurn', 'forgetTurn'] },
      },
    },
    closed: { type: 'final', entry: { type: 'showState', params: { state: 'closed' } } },
    failed: { type: 'final', entry: { type: 'showState', params: { state: 'failed' } } },
  },
});
