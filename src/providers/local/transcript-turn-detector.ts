// Is the user done? Judged by the last word and the punctuation of the transcript; costs nothing and knows English only.
import type { TurnDetector } from '../turn-detector.ts';

/**
 * Words that English sentences rarely end with: something must follow. Prepositions that often do end a spoken question
 * ("where are you from", "what is it about") are left out, and so are pronouns and auxiliaries ("yes I do").
 */
const GOES_ON = new Set(
  (
    'a an the my your his its our their this these those some any every each which whose and or but nor because although ' +
    'though unless whereas while if whether as than that at by for in into of on onto to with without between during ' +
    'under until upon via per is are was were am be been being has have had would could should will shall can may ' +
    'might must very really quite too so um uh er erm hmm well like maybe also plus i we they he she'
  ).split(' '),
);

/** Whole answers although their last word would go on in a longer sentence. */
const WHOLE =
  /^(?:(?:oh|ah|um|uh|yes|no|yeah|sure|very|right|all|not)[ ,]+)*(?:well|so|too|maybe|me too|i am|it is|they are|we are|yes i (?:am|have|would|could|will|can)|of course i (?:am|have|would|can)|i (?:can|could|will|would|should|have))$/;
/** Two words that belong together and do end a sentence: "that is what it is", "turn it on", "come in". */
const ENDS_IN_PARTICLE =
  /(?:\b(?:turn|switch|put|take|log|sign|hang|hold|come|go|move|carry|read|keep|call|drop|fill|plug|check|tune|walk|break|get|kick) (?:it |that |them |me |the \w+ )?(?:on|in|by)|\b(?:what|who|where|how|why|when|that)\b[^,]*\b(?:it|he|she|they|that|this|those|we|you) (?:is|are|was|were)|\b(?:good by|as well|i think so|if so|thank you so|even so|so so))$/;

const DONE = 0.9;
const PROBABLY_DONE = 0.7;
const MORE = 0.15;

/**
 * Both rules of the transcript: a closing mark, and a last word that can close a sentence. The last word weighs more,
 * because recognizers put a full stop behind any silence.
 */
export function transcriptTurnDetector(): TurnDetector {
  return { label: 'transcript', predict: ({ text }) => predict(text) };
}

function predict(transcript: string): number {
  // The end decides; a long transcript is not worth more work than a short one.
  const text = transcript.slice(-160).trimEnd();
  if (text === '') return DONE; // nothing was said that could go on
  if (/(?:,|;|:|-|–|—|…|\.\.\.)["')\]]*$/.test(text)) return MORE;
  const words = text
    .toLowerCase()
    .replace(/[’]/g, "'")
    .replace(/[^\p{L}\p{N}'\s,]/gu, ' ')
    .trim()
    .replace(/\s+/g, ' ');
  const last = /[\p{L}\p{N}']+$/u.exec(words)?.[0] ?? '';
  const closed = /[.!?。！？]["')\]]*$/.test(text);
  if (GOES_ON.has(last) && !WHOLE.test(words) && !ENDS_IN_PARTICLE.test(words)) return MORE;
  return closed ? DONE : PROBABLY_DONE;
}
