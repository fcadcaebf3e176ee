// What came of each turn, from what was said and what was heard.
import type { HeardTone } from './ear.ts';
import { ANSWER_MS, INTERRUPTION_MS, PATIENCE_MS, SILENCE_MS } from './script.ts';

export interface SaidTurn {
  readonly code: number;
  readonly fromMs: number;
  readonly toMs: number;
  /** Spoken over the answer to the turn before. */
  readonly isBargeIn: boolean;
}

export interface JudgedTurn {
  readonly isBargeIn: boolean;
  /** End of speech -> first sample of the answer, less the silence that ends a turn; null: none was heard. */
  readonly answerMs: number | null;
  /** Of a barge-in: first sample of the user -> last sample of the old answer, less the voice that interrupts. */
  readonly silentMs: number | null;
  /** The old answer was heard again after it had fallen silent. */
  readonly isOldHeardAgain: boolean;
  /** The answer was heard more than once. */
  readonly isDoubled: boolean;
  /** The answer had a hole, or ended early although nobody interrupted. */
  readonly isBroken: boolean;
}

export interface Judgement {
  readonly turns: readonly JudgedTurn[];
  /** Tones that belong to no turn. */
  readonly strays: number;
}

export function judge(said: readonly SaidTurn[], heard: readonly HeardTone[]): Judgement {
  const taken = new Set<HeardTone>();
  const turns = said.map((turn, index): JudgedTurn => {
    // The numbers come round: what is heard later belongs to the next turn with the same one.
    const saidAgainMs = (number: number | undefined) =>
      said.slice(index + 1).find(({ code }) => code === number)?.toMs ?? Number.POSITIVE_INFINITY;
    const mine = heard.filter(
      ({ code, fromMs }) => code === turn.code && fromMs >= turn.fromMs && fromMs < saidAgainMs(turn.code),
    );
    for (const tone of mine) taken.add(tone);
    const [first, ...more] = mine;
    const next = said[index + 1];
    const interruptedMs = next?.isBargeIn === true ? next.fromMs : Number.POSITIVE_INFINITY;
    const playedMs = mine.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
    const isDoubled = playedMs > ANSWER_MS * 1.2;
    const isWhole = interruptedMs < Number.POSITIVE_INFINITY || playedMs > ANSWER_MS * 0.9;
    const before = turn.isBargeIn ? said[index - 1] : undefined;
    const old = heard.filter(
      ({ code, toMs }) => code === before?.code && toMs > turn.fromMs && toMs < saidAgainMs(before?.code),
    );
    const isLate = first !== undefined && first.fromMs > turn.toMs + SILENCE_MS + PATIENCE_MS;
    return {
      isBargeIn: turn.isBargeIn,
      answerMs: first === undefined || isLate ? null : first.fromMs - turn.toMs - SILENCE_MS,
      silentMs: old[0] === undefined ? null : old[0].toMs - turn.fromMs - INTERRUPTION_MS,
      isOldHeardAgain: old.length > 1,
      isDoubled,
      isBroken: first !== undefined && !isDoubled && (!isWhole || more.some(({ fromMs }) => fromMs < interruptedMs)),
    };
  });
  return { turns, strays: heard.filter((tone) => !taken.has(tone)).length };
}
