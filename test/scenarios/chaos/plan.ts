// The plan of one random call, as plain data: it depends on nothing but seed and number, so that it can be replayed and cut.
import { seededIds } from '../../../src/ids.ts';
import type { SessionOptionsInput } from '../../../src/runtime/session-options.ts';
import { PARTS, type Part } from './parts.ts';

export type ProviderFault = 'failsToOpen' | 'isMute' | 'repeats' | 'isLate' | 'throwsNext' | 'breaks';

export type Action =
  | { readonly do: 'speak'; readonly words: number; readonly wordMs: number; readonly sttDelayMs: number }
  | { readonly do: 'noise'; readonly durationMs: number }
  | { readonly do: 'type' }
  | { readonly do: 'say'; readonly words: number; readonly allowInterruptions: boolean }
  | { readonly do: 'generateReply' | 'interrupt' | 'commitTurn' | 'clearTurn' | 'updateAgent' | 'interruptHandle' }
  | { readonly do: 'hangUp' | 'close' }
  | { readonly do: 'crash'; readonly part: Part }
  | {
      readonly do: 'provider';
      readonly of: 'vad' | 'stt' | 'tts';
      readonly fault: ProviderFault;
      readonly forMs: number;
    }
  | { readonly do: 'freezeSpeaker'; readonly forMs: number };

export interface Step {
  readonly atMs: number;
  readonly action: Action;
}

/** What the model does at its n-th request. */
export interface Answer {
  readonly kind: 'text' | 'empty' | 'tools' | 'textAndTools' | 'error' | 'breaks' | 'hangs';
  readonly words: number;
  readonly firstTokenMs: number;
  readonly durationMs: number;
  readonly tools: readonly ToolName[];
}

export const TOOLS = ['quick', 'slow', 'throwing', 'hanging', 'late', 'narrating', 'unknown'] as const;
export type ToolName = (typeof TOOLS)[number];

export interface Plan {
  readonly seed: number;
  readonly call: number;
  readonly canPause: boolean;
  readonly listenerThrows: boolean;
  readonly inspectorThrows: boolean;
  readonly firstAudioMs: number;
  readonly options: SessionOptionsInput;
  readonly steps: readonly Step[];
  readonly answers: readonly Answer[];
}

/** Odd, so that a cut between two frames never halves a word exactly: then it would be in both parts, or in none. */
const WORD_MS = [205, 305, 405] as const;

export function planOf(seed: number, call: number): Plan {
  const { random } = seededIds(Math.imul(seed, 0x9e3779b1) ^ Math.imul(call + 1, 0x85ebca6b));
  const chance = (share: number) => random() < share;
  const whole = (from: number, to: number) => from + Math.floor(random() * (to - from + 1));
  const pick = <T>(from: readonly [T, ...T[]]): T => from[whole(0, from.length - 1)] ?? from[0];
  const weighted = <T>(table: readonly (readonly [number, T])[]): T => {
    let left = random() * table.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, value] of table) {
      left -= weight;
      if (left < 0) return value;
    }
    return (table[0] as readonly [number, T])[1]; // tables are not empty
  };

  const steps: Step[] = [];
  let atMs = whole(0, 1_500);
  let voiceUntilMs = 0;
  const count = whole(2, 9);
  for (let i = 0; i < count; i++) {
    const action = weighted<() => Action>([
      [
        34,
        () => ({ do: 'speak', words: whole(1, 6), wordMs: pick(WORD_MS), sttDelayMs: pick([0, 100, 200, 500, 800]) }),
      ],
      [7, () => ({ do: 'noise', durationMs: whole(1, 12) * 100 })],
      [12, () => ({ do: 'type' })],
      [8, () => ({ do: 'say', words: whole(1, 8), allowInterruptions: chance(0.8) })],
      [6, () => ({ do: 'generateReply' })],
      [8, () => ({ do: 'interrupt' })],
      [6, () => ({ do: 'commitTurn' })],
      [3, () => ({ do: 'clearTurn' })],
      [3, () => ({ do: 'updateAgent' })],
      [3, () => ({ do: 'interruptHandle' })],
      [2, () => ({ do: 'hangUp' })],
      [3, () => ({ do: 'close' })],
    ])();
    if (action.do === 'speak' || action.do === 'noise') {
      atMs = Math.max(atMs, voiceUntilMs);
      voiceUntilMs =
        atMs + (action.do === 'noise' ? action.durationMs : action.words * action.wordMs) + whole(0, 6) * 100;
    }
    steps.push({ atMs, action });
    atMs += chance(0.5) ? whole(0, 500) : whole(500, 4_000);
  }

  const faults = chance(0.25) ? 0 : whole(1, 4);
  for (let i = 0; i < faults; i++) {
    const action = weighted<() => Action>([
      [60, () => ({ do: 'crash', part: pick(PARTS) })],
      [
        30,
        () => ({
          do: 'provider',
          of: pick(['vad', 'stt', 'tts']),
          fault: pick(['failsToOpen', 'isMute', 'repeats', 'isLate', 'throwsNext', 'breaks']),
          forMs: pick([100, 1_000, 4_000, 12_000]),
        }),
      ],
      [8, () => ({ do: 'freezeSpeaker', forMs: pick([200, 2_000, 6_000]) })],
    ])();
    // Just after something happened is where it hurts.
    const near = steps[whole(0, steps.length - 1)]?.atMs ?? 0;
    steps.push({ atMs: near + (chance(0.3) ? 0 : whole(0, 3_500)), action });
  }

  const isFlaky = faults > 0 && chance(0.4);
  const answers: Answer[] = [];
  for (let i = 0; i < 12; i++) {
    const kind = weighted<Answer['kind']>([
      [60, 'text'],
      [4, 'empty'],
      [8, 'tools'],
      [8, 'textAndTools'],
      [isFlaky ? 8 : 0, 'error'],
      [isFlaky ? 6 : 0, 'breaks'],
      [isFlaky ? 5 : 0, 'hangs'],
    ]);
    const firstTokenMs = pick([0, 50, 100, 400, 1_500]);
    const healthy: readonly [ToolName, ...ToolName[]] = ['quick', 'slow', 'late', 'narrating'];
    const tools = Array.from({ length: whole(1, 3) }, () => pick(isFlaky ? TOOLS : healthy));
    // Longer than the voice may take for its first audio, and shorter than any gap of the model: after text only.
    const pauseMs = pick([0, 100, 1_000, kind === 'text' || kind === 'textAndTools' ? 2_500 : 500]);
    answers.push({ kind, words: whole(1, 10), firstTokenMs, durationMs: firstTokenMs + pauseMs, tools });
  }

  const isShort = chance(0.5);
  return {
    seed,
    call,
    canPause: chance(0.4),
    listenerThrows: chance(0.1),
    inspectorThrows: chance(0.05),
    firstAudioMs: pick([0, 50, 200, 600]),
    options: {
      endpointing: { minDelayMs: pick([0, 200, 500]), maxDelayMs: 1_500 },
      interruption: {
        enabled: chance(0.85),
        minDurationMs: pick([200, 500]),
        minWords: chance(0.75) ? 0 : 2,
        falseInterruptionMs: pick([300, 2_000]),
      },
      ...(isShort && {
        deadlines: {
          transcriptionMs: 3_000,
          firstTokenMs: 3_000,
          tokenGapMs: 3_000,
          firstAudioMs: 2_000,
          stallMs: 1_500,
        },
      }),
      fallbackMessage: 'sorry sorry',
      maxToolSteps: pick([0, 1, 3]),
    },
    steps: [...steps].sort((a, b) => a.atMs - b.atMs),
    answers,
  };
}

/** A fault of any kind is in the plan, so that errors may be reported. */
export function isFaulty({ steps, answers }: Plan): boolean {
  const hasFault = steps.some(({ action }) => ['crash', 'provider', 'freezeSpeaker'].includes(action.do));
  const broken = ['error', 'breaks', 'hangs'];
  return hasFault || answers.some(({ kind, tools }) => broken.includes(kind) || tools.includes('hanging'));
}
