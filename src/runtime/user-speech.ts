// What the user says: utterances until their finals are there, and words until a turn takes them. Part of the ledger.
import type { Levels } from '../events.ts';

interface Utterance {
  readonly id: number;
  endedAtMs: number | null;
  sustained: boolean;
  /** The last final that arrived for it, of a part of it. */
  lastFinal: { readonly text: string; readonly atMs: number } | null;
  partial: string;
}

interface OpenWords {
  readonly utterance: number;
  readonly text: string;
  /** As the utterance was when they were recognised. */
  readonly sustained: boolean;
  readonly order: number;
}

/** Something the user said, as one thing. */
export interface Said {
  readonly text: string;
  /** Order of arrival, shared with queued requests. */
  readonly order: number;
}

export interface UserSpeechOptions {
  readonly now: () => number;
  readonly nextOrder: () => number;
}

const NOTHING_SAID = {
  userSpeaking: false,
  sustained: false,
  sustainedWords: false,
  endedSustained: false,
  finalsOutstanding: 0,
  openWords: 0,
  partialWords: 0,
  committed: false,
};

export class UserSpeech {
  readonly #options: UserSpeechOptions;
  #words: OpenWords[] = [];
  #utterances: Utterance[] = [];
  #utteranceCount = 0;
  #lastVoiceAtMs: number | null = null;
  #endedAtMs: number | null = null;
  #lastFinalAtMs: number | null = null;
  /** The last utterance that the host's commit is about. */
  #committedUpTo = 0;
  /** Newest utterance that was over when the agent began its turn: its words cannot be meant to stop that. */
  #overBeforeTurn = 0;

  constructor(options: UserSpeechOptions) {
    this.#options = options;
  }

  /** End of the last voice, or null when nothing was said yet. */
  get lastVoiceAtMs(): number | null {
    return this.#lastVoiceAtMs;
  }

  /** When the last words came, or null before the first ones. */
  get lastFinalAtMs(): number | null {
    return this.#lastFinalAtMs;
  }

  /** An utterance, open or ended, still lacks its final. */
  get isIncomplete(): boolean {
    return this.#utterances.length > 0;
  }

  /** Ended utterances without a final. */
  get finalsOutstanding(): number {
    return this.#ended.length;
  }

  /** The host asked to end the user's turn, and something of what was said until then is still open. */
  get committed(): boolean {
    const isMeant = (utterance: number) => utterance <= this.#committedUpTo;
    return this.#utterances.some(({ id }) => isMeant(id)) || this.#words.some(({ utterance }) => isMeant(utterance));
  }

  /** The host ends the user's turn: what was said so far, and nothing that is said later. */
  commit(): void {
    this.#committedUpTo = this.#utteranceCount;
  }

  /** What the user said in this turn so far, partial words included. */
  get openText(): string {
    return joinWords([...this.#words.map(({ text }) => text), ...this.#utterances.map(({ partial }) => partial)]);
  }

  /** Words that a turn may take. */
  get hasReadyWords(): boolean {
    return this.#readyWords.length > 0;
  }

  /** Returns the id of the new utterance. */
  begin(): number {
    const id = ++this.#utteranceCount;
    this.#utterances.push({ id, endedAtMs: null, sustained: false, lastFinal: null, partial: '' });
    return id;
  }

  /** The agent begins a turn. */
  turnBegins(): void {
    this.#overBeforeTurn = this.#open === undefined ? this.#utteranceCount : this.#utteranceCount - 1;
  }

  markSustained(): void {
    const open = this.#open;
    if (open !== undefined) open.sustained = true;
  }

  /** Ends the open utterance. Finals so far may be of a part of it; the one that closes it is still to come. */
  end(lastVoiceAtMs: number): void {
    const open = this.#open;
    if (open === undefined) return;
    open.endedAtMs = this.#options.now();
    this.#endedAtMs = open.endedAtMs;
    this.#lastVoiceAtMs = Math.max(this.#lastVoiceAtMs ?? lastVoiceAtMs, lastVoiceAtMs);
  }

  /** The open utterance was noise. */
  discard(): void {
    const open = this.#open;
    if (open !== undefined) this.#drop(open.id);
  }

  /** Returns whether it changed anything. */
  updatePartial(utteranceId: number, text: string): boolean {
    const utterance = this.#utterances.find(({ id }) => id === utteranceId);
    if (utterance === undefined || utterance.partial === text) return false;
    utterance.partial = text;
    return true;
  }

  /**
   * Keeps a final transcript. Returns whether it was expected: a second final, or one of a dead stream, is not.
   * `settled` says that the audio of the utterance is no longer needed.
   */
  addFinal(utteranceId: number, text: string): { readonly expected: boolean; readonly settled: boolean } {
    const utterance = this.#utterances.find(({ id }) => id === utteranceId);
    if (utterance === undefined) return { expected: false, settled: false };
    const now = this.#options.now();
    const spoken = text.trim();
    // Two segments take time to say: the same text in the same instant is one answer given twice.
    const isEcho = utterance.lastFinal?.text === spoken && utterance.lastFinal.atMs === now;
    if (isEcho && utterance.endedAtMs === null) return { expected: false, settled: false };
    utterance.lastFinal = { text: spoken, atMs: now };
    utterance.partial = '';
    if (spoken !== '') this.#lastFinalAtMs = now;
    this.#keepWords(utterance, spoken);
    const settled = utterance.endedAtMs !== null;
    if (settled) this.#drop(utteranceId);
    return { expected: true, settled };
  }

  /** Turns partial transcripts into words when their finals did not come in time. Returns the ids that were given up. */
  commitPartials(): readonly number[] {
    for (const utterance of this.#ended) this.#keepWords(utterance, utterance.partial);
    return this.giveUp();
  }

  /** Gives up ended utterances without any word. Returns their ids. */
  giveUp(): readonly number[] {
    const late = this.#ended.map(({ id }) => id);
    for (const id of late) this.#drop(id);
    return late;
  }

  /** The host threw away what the user said in this turn. Returns the ids of utterances that are no longer wanted. */
  clear(): readonly number[] {
    const ids = this.#utterances.map(({ id }) => id);
    this.#words = [];
    this.#utterances = [];
    return ids;
  }

  /** A turn takes the words that are ready. */
  takeReadyWords(): readonly Said[] {
    const ready = this.#readyWords;
    this.#words = this.#words.filter((words) => !ready.includes(words));
    return asOne(ready);
  }

  /** The call is over: words, and the partials of whatever has no final. */
  takeAll(): readonly Said[] {
    for (const utterance of this.#utterances) this.#keepWords(utterance, utterance.partial);
    const said = asOne(this.#words);
    this.#words = [];
    this.#utterances = [];
    return said;
  }

  levels(): Pick<
    Levels,
    | 'userSpeaking'
    | 'sustained'
    | 'sustainedWords'
    | 'endedSustained'
    | 'lastVoiceAtMs'
    | 'speechEndedAtMs'
    | 'finalsOutstanding'
    | 'openWords'
    | 'partialWords'
    | 'committed'
  > {
    // Read before each event of the session, mostly while the user is quiet.
    if (this.#utterances.length === 0 && this.#words.length === 0)
      return {
        ...NOTHING_SAID,
        lastVoiceAtMs: this.#lastVoiceAtMs,
        speechEndedAtMs: this.#endedAtMs,
      };
    const open = this.#open;
    const ended = this.#ended;
    const ready = this.#readyWordsBefore(ended);
    return {
      userSpeaking: open !== undefined,
      sustained: (open ?? ended.filter(({ id }) => id > this.#overBeforeTurn).at(-1))?.sustained ?? false,
      sustainedWords: ready.some(({ sustained, utterance }) => sustained && utterance > this.#overBeforeTurn),
      endedSustained: ended.some(({ sustained }) => sustained),
      lastVoiceAtMs: this.#lastVoiceAtMs,
      speechEndedAtMs: this.#endedAtMs,
      finalsOutstanding: ended.length,
      openWords: ready.reduce((sum, { text }) => sum + countWords(text), 0),
      partialWords: this.#utterances.reduce((sum, { partial }) => sum + countWords(partial), 0),
      committed: this.committed,
    };
  }

  get #open(): Utterance | undefined {
    return this.#utterances.find(({ endedAtMs }) => endedAtMs === null);
  }

  get #ended(): readonly Utterance[] {
    return this.#utterances.filter(({ endedAtMs }) => endedAtMs !== null);
  }

  /** Words that no earlier utterance without its final can still come before. */
  get #readyWords(): readonly OpenWords[] {
    return this.#readyWordsBefore(this.#ended);
  }

  #readyWordsBefore([first]: readonly Utterance[]): readonly OpenWords[] {
    const late = first?.id ?? Number.POSITIVE_INFINITY;
    return this.#words.filter(({ utterance }) => utterance <= late);
  }

  /** Words in the order in which they were said, whatever the order of their transcripts. */
  #keepWords({ id, sustained }: Utterance, text: string): void {
    if (text === '') return;
    const at = this.#words.findIndex((words) => words.utterance > id);
    const order = this.#options.nextOrder();
    this.#words.splice(at < 0 ? this.#words.length : at, 0, { utterance: id, text, sustained, order });
  }

  #drop(utteranceId: number): void {
    this.#utterances = this.#utterances.filter(({ id }) => id !== utteranceId);
  }
}

/** Finals that follow each other are one thing said, whatever the recogniser made of the pauses. */
function asOne(words: readonly OpenWords[]): readonly Said[] {
  const [first] = words;
  return first === undefined ? [] : [{ text: joinWords(words.map(({ text }) => text)), order: first.order }];
}

function joinWords(texts: readonly string[]): string {
  return texts.filter((text) => text !== '').join(' ');
}

function countWords(text: string): number {
  return text === '' ? 0 : text.trim().split(/\s+/u).length;
}
