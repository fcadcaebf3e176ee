// What the demo tells: one vocabulary for the timeline on a terminal and for `--json`, where each event is one line.
import type { SessionEventMap, TurnLatency } from '../../index.ts';

/** Events of the session that are passed on as they are, under their own names. */
export const SHOWN_SESSION_EVENTS = [
  'session_started',
  'session_stopped',
  'state_changed',
  'user_state_changed',
  'turn_started',
  'turn_completed',
  'response_generated',
  'stt_result',
  'speaking_started',
  'tts_complete',
  'tool_called',
  'tool_completed',
  'tool_error',
  'interruption',
  'session_error',
] as const satisfies readonly (keyof SessionEventMap)[];

type Shown = (typeof SHOWN_SESSION_EVENTS)[number];

/** Parts that `--kill` can crash. */
export const KILL_PARTS = ['stt', 'tts', 'vad', 'llm', 'turn'] as const;
export type KillPart = (typeof KILL_PARTS)[number];

/** Latency of one answer: what the session measured, with two shares told apart. */
export interface AnswerLatency extends TurnLatency {
  /** The part of `endpointingMs` in which only the transcript was still missing. */
  readonly transcriptWaitMs: number | null;
  /** The part of `firstAudioMs` that the tools took. */
  readonly toolsMs: number | null;
}

/** Mean over the answered turns, null where no turn had the stage. */
export type MeanLatency = AnswerLatency;

export type DemoEventBody =
  | {
      readonly type: 'demo_started';
      /** Who speaks: a voice by name, or a file. */
      readonly user: string;
      readonly agent: string;
      /** Turns of the script; null with `--wav`. */
      readonly turns: number | null;
      readonly engine: string;
      /** Start of the engines until all of them were ready. */
      readonly warmUpMs: number;
    }
  | {
      readonly type: 'user_turn_started';
      readonly userTurn: number;
      /** What the turn is there to show; empty with `--wav`. */
      readonly shows: string;
      /** What is said, pauses as `...`; empty with `--wav`. */
      readonly says: string;
    }
  | {
      readonly type: 'user_turn_ended';
      readonly userTurn: number;
      readonly answered: boolean;
      /** False when the answer is not the one of the script: another tool call, or a word that had to be in it. */
      readonly asScripted: boolean;
      readonly heard: string;
      readonly reply: string;
      readonly latency: AnswerLatency | null;
    }
  | { readonly type: 'part_killed'; readonly part: KillPart; readonly what: string }
  /** A worker that ran an engine ended; `spares`: loaded ones that stand ready in its place. */
  | { readonly type: 'engine_down'; readonly engine: string; readonly spares: number }
  /** `by`: the supervisor that started the part again, or the session that began the answer again. */
  | { readonly type: 'part_restarted'; readonly part: string; readonly by: string; readonly afterMs: number }
  | {
      readonly type: 'summary';
      readonly turns: number;
      readonly answered: number;
      readonly asScripted: number;
      readonly latency: MeanLatency;
      readonly wav: string;
      readonly wavDurationMs: number;
      /** Ended by a signal before its end. */
      readonly aborted: boolean;
      readonly exitCode: number;
    }
  | { [Name in Shown]: { readonly type: Name } & SessionEventMap[Name] }[Shown];

/** `atMs` counts from the beginning of the recording, in milliseconds. */
export type DemoEvent = { readonly atMs: number } & DemoEventBody;
