// What a session may be told, with defaults, ranges and the meaning of zero; checked once, at the edge.
import type { PipelineSettings } from '../machines/pipeline.machine.ts';
import type { SessionSettings } from '../machines/session.machine.ts';
import type { TurnSettings } from '../machines/turn.machine.ts';
import {
  fields,
  type GivenOptionsOf,
  group,
  having,
  isObject,
  milliseconds,
  numberFrom,
  OptionRule,
  type OptionsOf,
  parseOptions,
  textOfLength,
  trueOrFalse,
  wholeNumberFrom,
} from '../options.ts';

const ONE_DAY_MS = 86_400_000;
const ms = (fallback: number, min = 0) => milliseconds(min, ONE_DAY_MS, fallback);

const deadlines = fields({
  /** Transport open -> usable. Then the session fails. */
  connectMs: ms(15_000, 1),
  /** End of speech -> final transcript. Then partial words are taken, or the apology is spoken. */
  transcriptionMs: ms(5_000, 1),
  /** Request to the model -> first text or tool call. */
  firstTokenMs: ms(10_000, 1),
  /** Between two pieces of the model's answer, give or take half a second: pieces are counted twice a second. At least 1 s. */
  tokenGapMs: ms(10_000, 1_000),
  /** The voice has the whole text -> first audio. */
  firstAudioMs: ms(5_000, 1),
  /** Without progress of the played position, which is looked at twice a second. At least 1 s. */
  stallMs: ms(3_000, 1_000),
  /** How long `close` waits for the last transcript. */
  closingMs: ms(1_000),
});

const audioFields = fields({
  /** Is the user heard? Without, no microphone is taken, and neither detector nor recogniser runs. */
  input: trueOrFalse().default(true),
  /** Does the agent speak? Without, no voice runs and replies are text. */
  output: trueOrFalse().default(true),
});

const booleanOrObject = having<boolean | object>(
  (value) => typeof value === 'boolean' || isObject(value),
  'must be a boolean, or an object with `input` and `output`',
);

/** A boolean stands for both directions. */
const audio = new OptionRule<OptionsOf<typeof audioFields>, boolean | GivenOptionsOf<typeof audioFields> | undefined>(
  (value) => {
    const given = booleanOrObject.read(value ?? true);
    return typeof given === 'boolean' ? { input: given, output: given } : audioFields.read(given);
  },
);

const fps = (fallback: number) =>
  numberFrom(0, 10, 'must be a number of images a second from 0 to 10').default(fallback);

const video = fields({
  /** Is the camera looked at? */
  camera: trueOrFalse().default(true),
  /** Is a shared screen looked at? */
  screen: trueOrFalse().default(false),
  /** Images a second of each source while the user speaks; 0 takes none. The official samplers take 1 and 0.3. */
  speakingFps: fps(1),
  /** The same while the user is quiet. */
  silentFps: fps(0.3),
  /** Larger images are made smaller, keeping their shape. */
  longestSidePx: wholeNumberFrom(64, 4_096, 'must be a whole number from 64 to 4096').default(1_024),
  /** JPEG quality. */
  quality: wholeNumberFrom(1, 100, 'must be a whole number from 1 to 100').default(75),
  /** Newest images of each source that go to the model with what the user said; older ones never do. */
  imagesPerTurn: wholeNumberFrom(1, 10, 'must be a whole number from 1 to 10').default(1),
});

export type VideoOptions = OptionsOf<typeof video>;

const schema = fields({
  /** What of the call is sound; `false` makes it a conversation in text only. */
  audio,
  /** Given, if only as `{}`: the user's video is looked at, by a model that takes images. */
  video: video.optional(),
  endpointing: group(
    fields({
      /** Silence after which a finished sentence ends the turn. 0 takes the detector's end of speech as it comes. */
      minDelayMs: ms(500),
      /** The same for a sentence that sounds unfinished; at least minDelayMs. */
      maxDelayMs: ms(1_500),
    }),
  ),
  interruption: group(
    fields({
      /** May the user's voice stop the agent? */
      enabled: trueOrFalse().default(true),
      /** Voiced milliseconds that count as an interruption; shorter noises do not. */
      minDurationMs: ms(500),
      /** Recognised words that count as one; 0 = none needed. */
      minWords: wholeNumberFrom(0, 1_000, 'must be a whole number from 0 to 1000').default(0),
      /** Silence without words after which a paused reply goes on. */
      falseInterruptionMs: ms(2_000),
    }),
  ),
  deadlines: group(deadlines),
  /** Mutual silence after which the user counts as away. */
  awayMs: ms(15_000, 1),
  /** Longest utterance; then its end is forced and the next one begins. */
  longestUtteranceMs: ms(60_000, 1_000),
  /** Rounds of tool calls in one reply; the step after the last one must answer in words. */
  maxToolSteps: wholeNumberFrom(0, 50, 'must be a whole number from 0 to 50').default(3),
  /** Spoken when a reply could not be made. */
  fallbackMessage: textOfLength(1, 1_000).default('I am sorry, I could not do that. Please try again.'),
  /** BCP 47 tag handed to the recogniser. */
  language: textOfLength(0, 100).optional(),
  /** Voice handed to the synthesiser. */
  voice: textOfLength(0, 1_000).optional(),
});

export type SessionOptionsInput = GivenOptionsOf<typeof schema>;
export type SessionOptions = OptionsOf<typeof schema>;

/** Options of a session over those of its runtime, key by key, in groups too; undefined is not given. Checked afterwards. */
export function mergeSessionOptions(base: SessionOptionsInput, own: SessionOptionsInput = {}): SessionOptionsInput {
  return merged(withDirections(base, own), withDirections(own, base));
}

/** Audio that is given as a boolean here and by direction there can be joined. */
function withDirections(options: SessionOptionsInput, other: SessionOptionsInput): SessionOptionsInput {
  const { audio: given } = options;
  const isMixed = typeof given === 'boolean' && isGroup(other.audio);
  return isMixed ? { ...options, audio: { input: given, output: given } } : options;
}

function merged<T extends object>(base: T, own: T): T {
  const result: Record<string, unknown> = Object.fromEntries(Object.entries(base));
  for (const [key, value] of Object.entries(own)) {
    const before = result[key];
    if (value !== undefined) result[key] = isGroup(value) && isGroup(before) ? merged(before, value) : value;
  }
  return result as T; // keys and values of both
}

function isGroup(value: unknown): value is object {
  return isObject(value) && !Array.isArray(value);
}

/** @throws AgentError `ERR_OPTION` naming field and rule */
export function parseSessionOptions(value: unknown): SessionOptions {
  return parseOptions(schema, value ?? {}, 'options');
}

export function sessionSettingsOf(options: SessionOptions): SessionSettings {
  return {
    interruptionEnabled: options.interruption.enabled,
    interruptionMinWords: options.interruption.minWords,
    falseInterruptionMs: options.interruption.falseInterruptionMs,
    connectDeadlineMs: options.deadlines.connectMs,
    processingDeadlineMs: options.deadlines.transcriptionMs,
    // A turn that does not end by itself within this time of being cancelled is killed: nobody should wait longer for silence.
    interruptedDeadlineMs: 100,
    closingDeadlineMs: options.deadlines.closingMs,
    // The input link forces the end first; the chart's own wait is its backstop.
    longestUtteranceMs: options.longestUtteranceMs + 1_000,
    turnDeadlineMs: turnDeadlineMsOf(options),
    awayMs: options.awayMs,
  };
}

export function turnSettingsOf({ deadlines: d, maxToolSteps }: SessionOptions): TurnSettings {
  return {
    firstTokenMs: d.firstTokenMs,
    tokenGapMs: d.tokenGapMs,
    firstAudioMs: d.firstAudioMs,
    stallMs: d.stallMs,
    maxSteps: maxToolSteps + 1,
  };
}

/** The longest a turn waits for anything but its tools. */
export function turnDeadlineMsOf({ deadlines: d }: SessionOptions): number {
  return Math.max(d.firstTokenMs, d.tokenGapMs, d.firstAudioMs, d.stallMs);
}

/** Streams are opened anew after at most this much silence of an engine that has work. */
export function pipelineSettingsOf({ deadlines: d }: SessionOptions): PipelineSettings {
  return {
    startMs: 10_000,
    progressMs: Math.round(d.transcriptionMs * 0.4),
    patienceMs: Math.round(d.transcriptionMs * 0.2),
    backoffMs: 50,
    // In-process and cheap, and an engine that is back must hear of an utterance before its deadline passes.
    maxBackoffMs: 1_000,
  };
}
