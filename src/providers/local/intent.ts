// What the offline model can be taught: intents with training phrases, slots, and what to say.
import { z } from 'zod';
import type { JsonValue } from '../../json.ts';

/** What a slot holds and how it is found in a sentence. */
export type SlotKind =
  /** A place: "... in Paris", or the name of a known city anywhere. */
  | 'location'
  /** A number, in digits or words: "twenty five" is 25. */
  | 'number'
  /** A day: "tomorrow", "on Friday"; becomes `YYYY-MM-DD` in local time. */
  | 'date';

export type SlotValue = string | number;

/** What is known when a reply is written. */
export interface AnswerInput {
  /** The JSON value the tool gave, or its text when that is not JSON. */
  readonly output: JsonValue;
  /** The arguments of the call. */
  readonly args: Readonly<Record<string, JsonValue>>;
}

export interface Intent {
  /** Unique within a model; shows up in traces. */
  readonly name: string;
  /**
   * Sentences that mean it; three to ten, in words a user would say. `{location}` (or another slot) marks where a value
   * stands.
   */
  readonly examples: readonly string[];
  /** Values to look for, by the name of the tool's parameter. Default none. */
  readonly slots?: Readonly<Record<string, SlotKind>>;
  /** Tool to call. Without one, `reply` is the answer. */
  readonly tool?: string;
  /** Asked instead of the call when a slot that the tool requires is missing. */
  readonly ask?: string;
  /** Said when there is no tool, or when the tool is not offered. */
  readonly reply: string;
  /**
   * Said with the tool's output: a template whose `{field}` is a field of the output or an argument, or a function. When
   * a field is missing, or no answer is given, the output itself is read out.
   */
  readonly answer?: string | ((input: AnswerInput) => string);
  /** Said when the tool failed; a template over the arguments. */
  readonly apology?: string;
  /**
   * Small talk: dropped when the same sentence also asks for something; of several, the one first in the list is
   * answered. Default false.
   */
  readonly isFiller?: boolean;
  /** Says the last reply of the agent again instead of `reply`. Default false. */
  readonly repeatsLastReply?: boolean;
}

const name = z.string().min(1, 'must not be empty').max(64, 'must have at most 64 characters');
const text = z.string().min(1, 'must not be empty').max(4000, 'must have at most 4000 characters');

export const intentSchema = z.object({
  name,
  examples: z.array(text).min(1, 'must hold at least one example').max(200, 'must hold at most 200 examples'),
  slots: z.record(name, z.enum(['location', 'number', 'date'])).optional(),
  tool: name.optional(),
  ask: text.optional(),
  reply: text,
  answer: z
    .union([
      text,
      z.custom<(input: AnswerInput) => string>((value) => typeof value === 'function', 'must be a function'),
    ])
    .optional(),
  apology: text.optional(),
  isFiller: z.boolean().optional(),
  repeatsLastReply: z.boolean().optional(),
});
