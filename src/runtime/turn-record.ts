// The open turn as the ledger keeps it: what a new incarnation of its actor goes on from.
import type { CancelCause, TurnKey, TurnLevel, TurnMode, TurnOutcome, TurnPhase } from '../events.ts';

/** The open turn; every field outlives the actor that runs it. */
export interface TurnRecord extends TurnKey {
  readonly requestIds: readonly string[];
  readonly instructions: string | undefined;
  /** Given text of `say` and of the fallback. */
  readonly text: string;
  readonly allowInterruptions: boolean;
  readonly startedAtMs: number;
  attempt: number;
  mode: TurnMode;
  phase: TurnPhase;
  held: boolean;
  heard: boolean;
  /** Nothing was being heard of it when it was cut: before its first sound, or between what it said first and the answer. */
  cutUnheard: boolean;
  cancelled: CancelCause | null;
  outcome: TurnOutcome | null;
  byDeadline: boolean;
  failure: unknown;
  /** Model step that runs or is next. */
  step: number;
  toolBudgetMs: number;
  deadlineMs: number;
  lastProgressAtMs: number;
  /** When the session chart last heard of progress or of a new phase. */
  progressToldAtMs: number;
  marks: TurnMarks;
}

export interface TurnMarks {
  readonly lastVoiceAtMs: number | null;
  readonly finalAtMs: number | null;
  readonly committedAtMs: number;
  firstTokenAtMs: number | null;
  firstAudioAtMs: number | null;
}

/** What a turn is opened with. */
export interface TurnStart {
  readonly n: number;
  readonly mode: TurnMode;
  readonly requestIds: readonly string[];
  readonly text: string;
  readonly instructions?: string | undefined;
  /** Default true. */
  readonly allowInterruptions?: boolean | undefined;
  readonly deadlineMs: number;
}

export interface TurnTimes {
  readonly nowMs: number;
  /** What the user said before it, for the turn that answers it. */
  readonly lastVoiceAtMs: number | null;
  readonly finalAtMs: number | null;
}

export function newTurn(start: TurnStart, { nowMs, lastVoiceAtMs, finalAtMs }: TurnTimes): TurnRecord {
  const { n, mode, requestIds, text, instructions, allowInterruptions = true, deadlineMs } = start;
  return {
    n,
    attempt: 1,
    mode,
    requestIds,
    instructions,
    text,
    allowInterruptions,
    startedAtMs: nowMs,
    phase: mode === 'say' || mode === 'fallback' ? 'responding' : 'thinking',
    held: false,
    heard: false,
    cutUnheard: false,
    cancelled: null,
    outcome: null,
    byDeadline: false,
    failure: undefined,
    step: 1,
    toolBudgetMs: 0,
    deadlineMs,
    lastProgressAtMs: nowMs,
    progressToldAtMs: nowMs,
    marks: {
      lastVoiceAtMs: mode === 'reply' ? lastVoiceAtMs : null,
      finalAtMs: mode === 'reply' ? finalAtMs : null,
      committedAtMs: nowMs,
      firstTokenAtMs: null,
      firstAudioAtMs: null,
    },
  };
}

/** It has an outcome, or was told to stop. */
export function isOver({ outcome, cancelled }: TurnRecord): boolean {
  return outcome !== null || cancelled !== null;
}

/** Cut unheard by voice or text (a cough must not eat a question), or never meant as an answer. */
export function leavesDebt({ mode, cutUnheard, cancelled, outcome }: TurnRecord): boolean {
  if (mode === 'say') return true;
  if (outcome === 'completed' || outcome === 'empty') return false;
  return cutUnheard && (cancelled === 'voice' || cancelled === 'text');
}

/** What the session chart sees of it. */
export function levelOf(turn: TurnRecord): TurnLevel {
  const { n, attempt, mode, phase, heard, cancelled, outcome, byDeadline, allowInterruptions, held } = turn;
  const { lastProgressAtMs, deadlineMs } = turn;
  return {
    n,
    attempt,
    mode,
    phase,
    heard,
    cancelled,
    outcome,
    byDeadline,
    allowInterruptions,
    held,
    lastProgressAtMs,
    deadlineMs,
  };
}
