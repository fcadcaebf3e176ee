// How much of a text was heard, from the played position and the map clause -> samples.

/** All audio up to `samples` says the first `chars` characters of the text. */
export interface ClauseMark {
  readonly chars: number;
  readonly samples: number;
}

/**
 * The part of `text` that was heard when `playedSamples` had been played. Between two marks the text is taken to be
 * spoken at an even pace and cut back to whole words.
 * @param totalSamples samples received so far; stands for the end of the text when no mark covers it yet
 */
export function heardText(
  text: string,
  marks: readonly ClauseMark[],
  playedSamples: number,
  totalSamples: number,
): string {
  let before: ClauseMark = { chars: 0, samples: 0 };
  for (const mark of marks) {
    if (playedSamples < mark.samples) return text.slice(0, cutToWord(text, before, mark, playedSamples));
    before = mark;
  }
  const end: ClauseMark = { chars: text.length, samples: totalSamples };
  if (playedSamples <= before.samples || end.chars <= before.chars) return text.slice(0, before.chars);
  return text.slice(0, cutToWord(text, before, end, playedSamples));
}

function cutToWord(text: string, from: ClauseMark, to: ClauseMark, playedSamples: number): number {
  const share = Math.min(1, (playedSamples - from.samples) / Math.max(1, to.samples - from.samples));
  const chars = from.chars + Math.floor((to.chars - from.chars) * share);
  if (chars >= to.chars) return to.chars;
  const lastSpace = text.lastIndexOf(' ', chars);
  return Math.max(from.chars, lastSpace);
}
