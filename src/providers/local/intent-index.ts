// Which training phrase is a sentence most like? Tf-idf over words and character trigrams, compared by cosine.

export interface Match {
  /** Index of the phrase in the list given to {@link phraseIndex}. */
  readonly phrase: number;
  /** Likeness from 0 (nothing in common) to 1 (the same words). */
  readonly score: number;
}

export interface PhraseIndex {
  /** Phrases that share something with `text`, best first, at most `limit`. */
  match(text: string, limit?: number): readonly Match[];
}

/** Trigrams survive a misheard word, whole words tell intents apart; this is what a trigram counts beside a word. */
const TRIGRAM_WEIGHT = 0.45;

/** Unknown words are noise of the recognizer as often as another topic. */
const UNKNOWN_WEIGHT = 0.8;

/** Words every question shares. They still tell "who are you" from "how are you", where nothing else is there to weigh. */
const SMALL_WORDS = new Set(
  'a an the is are am was be do does did it its in on at of for to and or with me my i you your we us what how that this there some any tell know about'.split(
    ' ',
  ),
);
const SMALL_WORD_WEIGHT = 0.35;

const CONTRACTIONS: readonly (readonly [RegExp, string])[] = [
  [/\bcan't\b/g, 'can not'],
  [/\bwon't\b/g, 'will not'],
  [/n't\b/g, ' not'],
  [/'(?:re)\b/g, ' are'],
  [/'(?:ll)\b/g, ' will'],
  [/'(?:ve)\b/g, ' have'],
  [/'d\b/g, ' would'],
  [/'m\b/g, ' am'],
  [/\b(what|where|who|how|when|it|that|there|time)'s\b/g, '$1 is'],
];

/** Polite openings say nothing about what is wanted, and make unlike questions alike. */
const LEADING = /^\s*(?:(?:okay|ok|yes|yeah|so|well|alright|hey|now|and|but|oh)\b[\s,]*)+(?=\w)/;
const OPENINGS =
  /\b(?:please|kindly|(?:can|could|would|will) you(?! (?:help|do|hear|say|repeat))|(?:i )?(?:would like|want|wanted) to (?:know|ask|hear)|do you know|i was wondering)\b/g;

/** Lower-case words of a sentence, without punctuation, contractions, hesitations and polite openings. */
export function wordsOf(text: string): string[] {
  const lower = text.toLowerCase().replace(/[‘’]/g, "'");
  const plain = CONTRACTIONS.reduce((so_far, [from, to]) => so_far.replace(from, to), lower);
  return (
    plain
      .replace(LEADING, '')
      .replace(OPENINGS, ' ')
      .match(/[\p{L}\p{N}]+/gu) ?? []
  ).filter((word) => !/^(?:um+|uh+|er+m?|hm+|ah+)$/.test(word));
}

/** Builds the index. Costs about 10 us a phrase. */
export function phraseIndex(phrases: readonly string[]): PhraseIndex {
  const counted = phrases.map((phrase) => featuresOf(wordsOf(phrase)));
  const rarity = new Map<string, number>();
  for (const features of counted) for (const name of features.keys()) rarity.set(name, (rarity.get(name) ?? 0) + 1);
  for (const [name, count] of rarity) rarity.set(name, Math.log(1 + phrases.length / count));

  const postings = new Map<string, { phrase: number; weight: number }[]>();
  counted.forEach((features, phrase) => {
    const vector = weighted(features, (name) => rarity.get(name) ?? 0);
    for (const [name, weight] of vector) {
      const list = postings.get(name);
      if (list === undefined) postings.set(name, [{ phrase, weight }]);
      else list.push({ phrase, weight });
    }
  });
  // A word nobody trained counts as the rarest one: much unknown text must lower the likeness.
  const unknown = Math.log(1 + phrases.length);

  return {
    match(text, limit = 5) {
      const vector = weighted(featuresOf(wordsOf(text)), (name) => rarity.get(name) ?? unknown * UNKNOWN_WEIGHT);
      const scores = new Map<number, number>();
      for (const [name, weight] of vector)
        for (const posting of postings.get(name) ?? [])
          scores.set(posting.phrase, (scores.get(posting.phrase) ?? 0) + weight * posting.weight);
      const ranked = [...scores].map(([phrase, score]) => ({ phrase, score }));
      return ranked.sort((a, b) => b.score - a.score).slice(0, limit);
    },
  };
}

/** How often each word (`w:`) and trigram (`t:`) occurs. */
function featuresOf(words: readonly string[]): Map<string, number> {
  const features = new Map<string, number>();
  const count = (name: string, by: number) => features.set(name, (features.get(name) ?? 0) + by);
  for (const word of words) {
    const size = SMALL_WORDS.has(word) ? SMALL_WORD_WEIGHT : 1;
    count(`w:${word}`, size);
    const padded = ` ${word} `;
    for (let i = 0; i + 3 <= padded.length; i++) count(`t:${padded.slice(i, i + 3)}`, size * size);
  }
  return features;
}

/** Multiplies by rarity and scales to length 1, so that the dot product of two vectors is their cosine. */
function weighted(features: Map<string, number>, rarityOf: (name: string) => number): Map<string, number> {
  const vector = new Map<string, number>();
  let square = 0;
  for (const [name, count] of features) {
    const weight = Math.sqrt(count) * rarityOf(name) * (name.startsWith('t:') ? TRIGRAM_WEIGHT : 1);
    vector.set(name, weight);
    square += weight * weight;
  }
  const length = Math.sqrt(square) || 1;
  for (const [name, weight] of vector) vector.set(name, weight / length);
  return vector;
}
