// Speech for tests: which word is being said is written into the samples, so that a scripted recogniser hears exactly the
// audio it was given, and a word whose audio got lost is lost in the transcript too.
import { type AudioFrame, INPUT_FORMAT } from '../audio/frame.ts';

/** Something the user says. */
export interface SpokenLine {
  /** Empty: noise, which a detector hears and a recogniser does not. */
  readonly text: string;
  readonly durationMs: number;
  /** End of the voice -> final transcript. Default 200. */
  readonly sttDelayMs: number;
}

const WORDS_PER_LINE = 64;
const LINES = 511;
const RATE = INPUT_FORMAT.sampleRateHz;

/** The lines said so far; shared by the user who says them and the recogniser that knows them. */
export class SpokenScript {
  readonly #lines = new Map<number, SpokenLine & { readonly words: readonly string[]; readonly samples: number }>();
  #count = 0;

  /** @returns the code of the line, as it stands in the samples */
  add(line: SpokenLine): number {
    const code = (this.#count++ % LINES) + 1;
    const words = line.text.split(/\s+/u).filter((word) => word !== '');
    this.#lines.set(code, { ...line, words, samples: Math.round((line.durationMs * RATE) / 1000) });
    return code;
  }

  line(code: number): (SpokenLine & { readonly words: readonly string[]; readonly samples: number }) | undefined {
    return this.#lines.get(code);
  }

  /** Samples `from`..`to` of a line: code * 64 + index of the word. */
  frame(code: number, from: number, to: number): AudioFrame {
    const line = this.#lines.get(code);
    const samples = new Int16Array(Math.max(0, to - from));
    const wordCount = Math.min(WORDS_PER_LINE, Math.max(1, line?.words.length ?? 1));
    const total = Math.max(1, line?.samples ?? 1);
    for (let i = 0; i < samples.length; i++)
      samples[i] = code * WORDS_PER_LINE + Math.min(wordCount - 1, Math.floor(((from + i) * wordCount) / total));
    return { samples, ...INPUT_FORMAT };
  }
}

/** What was heard of one line. */
export class HeardLine {
  readonly #perWord: number[] = [];
  total = 0;

  add(word: number, samples: number): void {
    this.#perWord[word] = (this.#perWord[word] ?? 0) + samples;
    this.total += samples;
  }

  /** Words of which at least half was heard. */
  textOf(line: { readonly words: readonly string[]; readonly samples: number }): string {
    const perWord = line.samples / Math.max(1, line.words.length);
    return line.words.filter((_, index) => (this.#perWord[index] ?? 0) >= perWord / 2).join(' ');
  }
}

/** Reads the codes of a frame, word by word: samples `from`..`to` say `word` of the line. 0 is silence. */
export function readCodes(
  { samples }: AudioFrame,
  hear: (code: number, word: number, from: number, to: number) => void,
): void {
  for (let from = 0; from < samples.length; ) {
    const sample = samples[from] ?? 0;
    let to = from + 1;
    while (to < samples.length && samples[to] === sample) to++;
    if (sample >= WORDS_PER_LINE) hear(Math.floor(sample / WORDS_PER_LINE), sample % WORDS_PER_LINE, from, to);
    from = to;
  }
}
