// From a sentence to what is wanted: one or several intents, each with the values found for it.
import type { Intent, SlotValue } from './intent.ts';
import { phraseIndex } from './intent-index.ts';
import { findPlace, knownCity } from './intent-places.ts';
import { findSlot } from './intent-slots.ts';

/** One thing the user asked for. */
export interface Wish {
  readonly intent: Intent;
  /** Values found, by slot. */
  readonly args: Readonly<Record<string, SlotValue>>;
}

export interface Dialogue {
  /** What the user said and was not answered yet. */
  readonly text: string;
  /** What the user said before that, or an empty string. */
  readonly earlierText: string;
  /** What the agent said last, or an empty string. */
  readonly lastReply: string;
  /** For slots that speak of days. Epoch milliseconds. */
  readonly nowMs: number;
}

export interface Understanding {
  /** In the order they were said; empty when nothing was understood. */
  understand(dialogue: Dialogue): Promise<readonly Wish[]>;
}

/** Likeness below which a sentence is out of scope. Set on 60 sentences with and without recognition errors. */
const THRESHOLD = 0.42;
/** Small talk is short and always the same: a sentence that only quotes a greeting must not be taken for one. */
const FILLER_THRESHOLD = 0.64;
/** What a second wish must be worth; else the words before a hesitation ("I would like to know the ...") make one. */
const NEXT_WISH_COST = 0.15;
/** A sentence is judged by its end when it is longer: nobody asks for more than this in one breath. */
const MAX_CHARS = 500;
const MAX_PARTS = 10;
/** Parts that may belong to one wish ("Um, well, what is the weather, you know, in Paris"). */
const MAX_PARTS_PER_WISH = 4;
/** What the name of a place alone is worth behind a wish with a place: "in Paris and in London". */
const PLACE_ALONE = 0.3;

interface Guess {
  readonly intent: Intent;
  readonly score: number;
}

interface Piece {
  readonly text: string;
  readonly intent: Intent;
}

/** Learns `intents`. Takes some milliseconds; make it once. */
export function understandingOf(intents: readonly Intent[]): Understanding {
  const phrases = intents.flatMap((intent) => intent.examples.map((example) => ({ intent, example })));
  const index = phraseIndex(phrases.map(({ example }) => example.replace(/\{\w+\}/g, ' ')));

  function guess(text: string): Guess | undefined {
    const rest = findPlace(text)?.rest ?? text;
    const best = index.match(rest, 1)[0];
    const intent = best === undefined ? undefined : phrases[best.phrase]?.intent;
    return best === undefined || intent === undefined ? undefined : { intent, score: best.score };
  }

  /** The best way to cut the parts into wishes: the sum of how much each wish is above the threshold. */
  function pieces(parts: readonly string[]): Piece[] {
    const best: { value: number; pieces: readonly Piece[] }[] = [{ value: 0, pieces: [] }];
    for (let end = 1; end <= parts.length; end++) {
      const before = best[end - 1] ?? { value: 0, pieces: [] };
      let winner = before; // this part means nothing
      const lone = loneRepeat(parts[end - 1] ?? '', before.pieces.at(-1)?.intent);
      if (lone !== undefined) winner = { value: before.value + PLACE_ALONE, pieces: [...before.pieces, lone] };
      for (let start = Math.max(0, end - MAX_PARTS_PER_WISH); start < end; start++) {
        const text = parts.slice(start, end).join(' ');
        const found = guess(text);
        if (found === undefined || found.score < thresholdOf(found.intent)) continue;
        const head = best[start] ?? before;
        const value = head.value + found.score - THRESHOLD - (head.pieces.length > 0 ? NEXT_WISH_COST : 0);
        if (value > winner.value) winner = { value, pieces: [...head.pieces, { text, intent: found.intent }] };
      }
      best.push(winner);
    }
    return [...(best.at(-1)?.pieces ?? [])];
  }

  async function wishesIn(text: string, nowMs: number): Promise<Wish[]> {
    const found = pieces(partsOf(text));
    return Promise.all(found.map(async ({ intent, text }) => ({ intent, args: await slotsOf(intent, text, nowMs) })));
  }

  return {
    async understand({ text: said, earlierText, lastReply, nowMs }) {
      const text = said.slice(-MAX_CHARS);
      const wishes = tidy(await wishesIn(text, nowMs), intents);
      if (wishes.some(({ intent }) => intent.isFiller !== true)) return wishes;
      const asked = intents.find(({ ask }) => ask !== undefined && lastReply.trimEnd().endsWith(ask));
      if (asked !== undefined) {
        const args = { ...(await slotsOf(asked, text, nowMs)), ...bareValue(asked, text, wishes.length === 0) };
        if (Object.keys(args).length > 0) return [{ intent: asked, args }];
      }
      // "And in London?" asks the same again for another place.
      const place = text.length <= 60 ? findPlace(text)?.place : undefined;
      if (place !== undefined && earlierText !== '') {
        const earlier = tidy(await wishesIn(earlierText, nowMs), intents).find(
          ({ intent }) => placeSlotOf(intent) !== undefined,
        );
        const slot = earlier === undefined ? undefined : placeSlotOf(earlier.intent);
        if (earlier !== undefined && slot !== undefined)
          return [{ intent: earlier.intent, args: { ...earlier.args, [slot]: place } }];
      }
      return wishes;
    },
  };
}

const thresholdOf = (intent: Intent) => (intent.isFiller === true ? FILLER_THRESHOLD : THRESHOLD);

/** "Stop what time is it": recognizers lose the pause between a call and the question behind it. */
const CALL_THEN_QUESTION =
  /^((?:(?:please|okay|oh|no|stop|wait|hold on|hello|hi|hey|thanks|thank you|sorry|it|talking)\s+){1,4})(?=(?:what|how|when|where|who|tell|can|could|is|will|do|does|i)\b)/i;

/** Cuts where one wish may end and the next begin. */
function partsOf(text: string): string[] {
  const parts = text
    .slice(-MAX_CHARS)
    .replace(CALL_THEN_QUESTION, '$1, ')
    .split(/\s*[.?!;,:\n]+(?=\s|$)|\s+(?:and(?:\s+(?:also|then|please))?|also|plus|then)\s+/i)
    .map((part) => part.trim().replace(/^(?:and|also|then)\s+/i, ''));
  return parts.filter((part) => part !== '').slice(-MAX_PARTS);
}

function loneRepeat(part: string, previous: Intent | undefined): Piece | undefined {
  if (previous === undefined || placeSlotOf(previous) === undefined) return undefined;
  const city = knownCity(part.replace(/^(?:in|for|at)\s+/i, ''));
  return city === undefined ? undefined : { text: `in ${city}`, intent: previous };
}

const placeSlotOf = (intent: Intent) => Object.entries(intent.slots ?? {}).find(([, kind]) => kind === 'location')?.[0];

async function slotsOf(intent: Intent, text: string, nowMs: number): Promise<Record<string, SlotValue>> {
  const args: Record<string, SlotValue> = {};
  for (const [slot, kind] of Object.entries(intent.slots ?? {})) {
    const value = await findSlot(kind, text, nowMs);
    if (value !== undefined) args[slot] = value;
  }
  return args;
}

/** The answer to a question may be the name alone: "Springfield.", when it is not understood as something else. */
function bareValue(intent: Intent, text: string, mayBeAnyName: boolean): Record<string, SlotValue> {
  const slot = placeSlotOf(intent);
  const name = text.replace(/[^\p{L}\p{N}' -]+/gu, ' ').trim();
  const found = findPlace(text)?.place ?? knownCity(name);
  if (slot === undefined) return {};
  if (found !== undefined) return { [slot]: found };
  return mayBeAnyName && name !== '' && name.split(/\s+/).length <= 2 ? { [slot]: name } : {};
}

/** Small talk goes when something is asked, and of small talk the first in the list of intents is answered; a wish without its place takes the only place there is; doubles go. */
function tidy(wishes: readonly Wish[], intents: readonly Intent[]): Wish[] {
  const asked = wishes.filter(({ intent }) => intent.isFiller !== true);
  if (asked.length === 0) {
    const first = intents.find((intent) => wishes.some((wish) => wish.intent === intent));
    return wishes.filter(({ intent }) => intent === first).slice(0, 1);
  }
  const places = new Set(asked.flatMap(({ intent, args }) => args[placeSlotOf(intent) ?? ''] ?? []));
  const onlyPlace = places.size === 1 ? [...places][0] : undefined;
  const filled = asked.map(({ intent, args }) => {
    const slot = placeSlotOf(intent);
    return slot === undefined || args[slot] !== undefined || onlyPlace === undefined
      ? { intent, args }
      : { intent, args: { ...args, [slot]: onlyPlace } };
  });
  return filled.filter(({ intent, args }, i) => {
    const slot = placeSlotOf(intent);
    const same = (other: Wish) => other.intent === intent && JSON.stringify(other.args) === JSON.stringify(args);
    if (filled.findIndex(same) < i) return false;
    return (
      slot === undefined ||
      args[slot] !== undefined ||
      !filled.some((other) => other.intent === intent && other.args[slot] !== undefined)
    );
  });
}
