import { describe, expect, test } from 'vitest';
import { initialTransition, transition } from 'xstate';
import type { Levels, SessionEvent, TurnLevel } from '../../src/events.ts';
import { type SessionSettings, sessionMachine } from '../../src/machines/session.machine.ts';

const settings: SessionSettings = {
  interruptionEnabled: true,
  interruptionMinWords: 0,
  falseInterruptionMs: 2_000,
  connectDeadlineMs: 15_000,
  processingDeadlineMs: 5_000,
  interruptedDeadlineMs: 100,
  closingDeadlineMs: 1_000,
  longestUtteranceMs: 61_000,
  turnDeadlineMs: 10_000,
  awayMs: 15_000,
};
const quiet: Levels = {
  atMs: 10_000,
  transport: 'up',
  closing: null,
  userSpeaking: false,
  sustained: false,
  sustainedWords: false,
  endedSustained: false,
  lastVoiceAtMs: null,
  speechEndedAtMs: null,
  finalsOutstanding: 0,
  openWords: 0,
  partialWords: 0,
  committed: false,
  endpointingMs: 500,
  requests: 0,
  owed: false,
  sttFailed: false,
  canPause: false,
  turn: null,
};
const turn: TurnLevel = {
  n: 1,
  attempt: 1,
  mode: 'reply',
  phase: 'thinking',
  heard: false,
  cancelled: null,
  outcome: null,
  byDeadline: false,
  allowInterruptions: true,
  held: false,
  lastProgressAtMs: 10_000,
  deadlineMs: 10_000,
};
const speaking: TurnLevel = { ...turn, phase: 'speaking', heard: true };
const key = { n: 1, attempt: 1, mode: 'reply' } as const;
const down = (reason: 'completed' | 'empty' | 'interrupted' | 'failed' | 'crashed'): SessionEvent => ({
  type: 'child.down',
  child: 'turn',
  ...key,
  reason,
});

interface At {
  readonly event: SessionEvent;
  readonly levels?: Partial<Levels>;
}

/** Events with the levels that hold when each is handled, after the start; the leaf of the dialogue and the last actions. */
function run(start: Partial<Levels>, steps: readonly At[]) {
  let levels = { ...quiet, ...start };
  let [snapshot, actions] = initialTransition(sessionMachine, { sessionId: 's', settings, levels });
  for (const { event, levels: changed } of steps) {
    levels = { ...levels, ...changed };
    const current = { ...snapshot, context: { ...snapshot.context, levels } };
    [snapshot, actions] = transition(sessionMachine, current, event);
  }
  const leaf = (value: unknown): string => {
    if (typeof value !== 'object' || value === null) return String(value);
    const [[name, inner] = ['', undefined]] = Object.entries(value);
    return inner === undefined ? name : leaf(inner);
  };
  const { value } = snapshot;
  const active = typeof value === 'object' && 'active' in value ? value.active : undefined;
  const state = active === undefined ? leaf(value) : leaf((active as { dialogue: unknown }).dialogue); // its regions
  return { state, actions: actions.map(({ type }) => type) };
}

const resumed: At = { event: { type: 'session.resumed' } };
const typed: At = { event: { type: 'text.received' }, levels: { requests: 1 } };
/** A turn that was asked for and whose phase is told. */
const replying = (level: TurnLevel): readonly At[] => [
  resumed,
  typed,
  { event: { type: 'turn.phased', ...key }, levels: { requests: 0, turn: level } },
];

interface Row {
  readonly rule: string;
  readonly start?: Partial<Levels>;
  readonly steps: readonly At[];
  readonly state: string;
  readonly does?: string;
  readonly doesNot?: string;
}

const rows: readonly Row[] = [
  { rule: 'a new session connects', start: { transport: 'pending' }, steps: [], state: 'connecting' },
  { rule: 'an incarnation after a crash goes on at once', steps: [resumed], state: 'idle' },
  {
    rule: 'one that finds the end goes on ending',
    start: { closing: { reason: 'x', sinceMs: 0 } },
    steps: [],
    state: 'closed',
  },
  { rule: 'one that finds a turn adopts it', start: { turn }, steps: [resumed], state: 'thinking', does: 'adoptTurn' },
  {
    rule: 'one that finds a cancelled turn ends it',
    start: { turn: { ...turn, cancelled: 'voice' } },
    steps: [resumed],
    state: 'interrupted',
    does: 'interruptTurn',
  },
  { rule: 'a request is answered', steps: [resumed, typed], state: 'thinking', does: 'startTurn' },
  {
    rule: 'voice is listened to',
    steps: [resumed, { event: { type: 'speech.started' }, levels: { userSpeaking: true } }],
    state: 'listening',
  },
  {
    rule: 'words wait for the end of the turn',
    steps: [resumed, { event: { type: 'transcript.finalized' }, levels: { openWords: 2, lastVoiceAtMs: 9_900 } }],
    state: 'processing',
  },
  {
    rule: 'the words that were waited for are answered at once when they come',
    steps: [
      resumed,
      { event: { type: 'speech.started' }, levels: { userSpeaking: true } },
      { event: { type: 'speech.ended' }, levels: { userSpeaking: false, finalsOutstanding: 1, lastVoiceAtMs: 9_400 } },
      { event: { type: 'transcript.finalized' }, levels: { finalsOutstanding: 0, openWords: 2 } },
    ],
    state: 'thinking',
    does: 'startTurn',
  },
  {
    rule: 'words after enough silence are answered',
    steps: [resumed, { event: { type: 'transcript.finalized' }, levels: { openWords: 2, lastVoiceAtMs: 9_400 } }],
    state: 'thinking',
    does: 'startTurn',
  },
  {
    rule: 'a commit does not wait',
    steps: [
      resumed,
      { event: { type: 'transcript.finalized' }, levels: { openWords: 2, lastVoiceAtMs: 9_990, committed: true } },
    ],
    state: 'thinking',
  },
  {
    rule: 'nor does one of words that are there already',
    steps: [
      resumed,
      { event: { type: 'transcript.finalized' }, levels: { openWords: 2, lastVoiceAtMs: 9_990 } },
      { event: { type: 'turn.commit' }, levels: { committed: true } },
    ],
    state: 'thinking',
    does: 'startTurn',
  },
  {
    rule: 'speech that was thrown away is not listened to any more',
    steps: [
      resumed,
      { event: { type: 'speech.started' }, levels: { userSpeaking: true } },
      { event: { type: 'turn.clear' }, levels: { userSpeaking: false } },
    ],
    state: 'idle',
  },
  {
    rule: 'a reply goes on when what the user said meanwhile was thrown away',
    steps: [...replying(speaking), { event: { type: 'turn.clear' } }],
    state: 'playing',
  },
  {
    rule: 'noise leads nowhere',
    steps: [
      resumed,
      { event: { type: 'speech.started' }, levels: { userSpeaking: true } },
      { event: { type: 'speech.discarded' }, levels: { userSpeaking: false } },
    ],
    state: 'idle',
  },
  {
    rule: 'sustained voice stops the agent',
    steps: [
      ...replying(speaking),
      { event: { type: 'speech.sustained' }, levels: { userSpeaking: true, sustained: true } },
    ],
    state: 'interrupted',
    does: 'interruptTurn',
  },
  {
    rule: 'a loudspeaker that can pause pauses first',
    start: { canPause: true },
    steps: [
      ...replying(speaking),
      { event: { type: 'speech.sustained' }, levels: { userSpeaking: true, sustained: true } },
    ],
    state: 'playing',
    does: 'pausePlayout',
  },
  {
    rule: 'words end a pause',
    start: { canPause: true },
    steps: [
      ...replying(speaking),
      { event: { type: 'turn.phased', ...key }, levels: { turn: { ...speaking, phase: 'paused' } } },
      { event: { type: 'transcript.finalized' }, levels: { openWords: 1 } },
    ],
    state: 'interrupted',
  },
  {
    rule: 'words before the first sound take the answer back',
    steps: [...replying(turn), { event: { type: 'transcript.finalized' }, levels: { openWords: 1 } }],
    state: 'interrupted',
  },
  {
    rule: 'words of an utterance that has ended stop the agent when it was sustained',
    steps: [
      ...replying(speaking),
      { event: { type: 'transcript.finalized' }, levels: { openWords: 2, sustainedWords: true } },
    ],
    state: 'interrupted',
    does: 'interruptTurn',
  },
  {
    rule: 'words that were a noise between do not',
    steps: [...replying(speaking), { event: { type: 'transcript.finalized' }, levels: { openWords: 2 } }],
    state: 'playing',
    doesNot: 'interruptTurn',
  },
  {
    rule: 'a protected reply goes on',
    steps: [
      ...replying({ ...speaking, allowInterruptions: false }),
      { event: { type: 'speech.sustained' }, levels: { userSpeaking: true, sustained: true } },
    ],
    state: 'playing',
    doesNot: 'interruptTurn',
  },
  {
    rule: 'a completed turn is over',
    steps: [...replying(speaking), { event: down('completed') }],
    state: 'idle',
    does: 'settleTurn',
  },
  {
    rule: 'a turn that crashed unheard is tried again',
    steps: [...replying(turn), { event: down('crashed') }],
    state: 'thinking',
    does: 'retryTurn',
  },
  {
    rule: 'one that crashed twice is apologised for',
    steps: [...replying({ ...turn, attempt: 2 }), { event: { ...down('crashed'), attempt: 2 } as SessionEvent }],
    state: 'thinking',
    does: 'startFallback',
  },
  {
    rule: 'a deadline is not tried again',
    steps: [...replying({ ...turn, byDeadline: true }), { event: down('failed') }],
    state: 'thinking',
    does: 'startFallback',
  },
  {
    rule: 'an apology that fails is told as an error',
    steps: [
      ...replying({ ...turn, mode: 'fallback' }),
      { event: { ...down('failed'), mode: 'fallback' } as SessionEvent },
    ],
    state: 'idle',
    does: 'reportLoss',
  },
  {
    rule: 'news of another turn are ignored',
    steps: [...replying(turn), { event: { ...down('crashed'), n: 7 } as SessionEvent }],
    state: 'thinking',
    doesNot: 'retryTurn',
  },
  {
    rule: 'a hang-up ends the call when nothing is outstanding',
    steps: [resumed, { event: { type: 'transport.closed' }, levels: { transport: 'gone' } }],
    state: 'closed',
    does: 'commitRest',
  },
  {
    rule: 'the end waits for the last transcript',
    steps: [resumed, { event: { type: 'session.close' }, levels: { finalsOutstanding: 1 } }],
    state: 'closing',
  },
];

describe('session', () => {
  test.each(rows)('$rule', ({ start = {}, steps, state, does, doesNot }) => {
    const result = run(start, steps);
    expect(result.state).toBe(state);
    if (does !== undefined) expect(result.actions).toContain(does);
    if (doesNot !== undefined) expect(result.actions).not.toContain(doesNot);
  });
});
