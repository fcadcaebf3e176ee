// What must survive any crash of a session: written first, told afterwards. Plain data, one per session, no timers.
import type { CancelCause, Levels, TurnKey, TurnLevel, TurnMode, TurnOutcome, TurnPhase } from '../events.ts';

interface Item {
  readonly id: string;
  /** Turn that took or made the item. */
  readonly turn: number;
  /** Epoch milliseconds. */
  readonly createdAtMs: number;
}

/** One entry of the conversation, in the order in which things were said. */
export type ChatItem =
  | (Item & { readonly type: 'user'; text: string })
  /** `text` is what was heard so far; an item nobody heard is removed when its turn ends. */
  | (Item & { readonly type: 'assistant'; text: string; interrupted: boolean })
  | (Item & { readonly type: 'toolCall'; readonly callId: string; readonly name: string; readonly arguments: string })
  | (Item & {
      readonly type: 'toolOutput';
      readonly callId: string;
      readonly name: string;
      readonly output: string;
      readonly isError: boolean;
    })
  | (Item & { readonly type: 'agentHandoff'; readonly fromAgentId: string; readonly toAgentId: string });

export interface Utterance {
  readonly id: number;
  readonly startedAtMs: number;
  lastVoiceAtMs: number | null;
  endedAtMs: number | null;
  sustained: boolean;
  /** The last final that arrived for it, of a part of it. */
  lastFinal: { readonly text: string; readonly atMs: number } | null;
  partial: string;
}

interface OpenWords {
  readonly utterance: number;
  readonly text: string;
  /** Order of arrival, shared with queued requests. */
  readonly order: number;
}

/** Something the host or the user asked for; at most one is taken by a turn, texts are taken all. */
export interface ReplyRequest {
  readonly id: string;
  readonly kind: 'text' | 'reply' | 'say';
  readonly text: string;
  readonly instructions: string | undefined;
  readonly allowInterruptions: boolean;
  readonly order: number;
}

export interface ToolCallRecord {
  readonly callId: string;
  readonly name: string;
  readonly arguments: string;
  readonly turn: number;
}

/** The open turn; every field outlives the actor that runs it. */
export interface TurnRecord extends TurnKey {
  readonly requestIds: readonly string[];
  readonly instructions: string | undefined;
  /** Given text of `say` and of the fallback. */
  readonly text: string;
  readonly allowInterruptions: boolean;
  readonly startedAtMs: number;
  attempt: number;
  mode: TurnMode;
  phase: TurnPhase;
  held: boolean;
  heard: boolean;
  cancelled: CancelCause | null;
  outcome: TurnOutcome | null;
  byDeadline: boolean;
  failure: unknown;
  /** Model step that runs or is next. */
  step: number;
  toolBudgetMs: number;
  deadlineMs: number;
  lastProgressAtMs: number;
  /** When the session chart last heard of progress or of a new phase. */
  progressToldAtMs: number;
  /** The item that the present step writes, or null before its first text. */
  assistantItemId: string | null;
  generated: string;
  marks: TurnMarks;
}

export interface TurnMarks {
  readonly lastVoiceAtMs: number | null;
  readonly finalAtMs: number | null;
  readonly committedAtMs: number;
  firstTokenAtMs: number | null;
  firstAudioAtMs: number | null;
}

export interface LedgerOptions {
  readonly newItemId: () => string;
  readonly now: () => number;
  readonly wallNow: () => number;
}

export class Ledger {
  readonly #options: LedgerOptions;
  readonly #items: ChatItem[] = [];
  readonly #openCalls = new Map<string, ToolCallRecord>();
  /** User items committed and still unanswered. */
  readonly #unanswered = new Set<string>();
  #words: OpenWords[] = [];
  #requests: ReplyRequest[] = [];
  #utterances: Utterance[] = [];
  #order = 0;
  #utteranceCount = 0;
  #turnCount = 0;
  #turn: TurnRecord | null = null;
  #lastVoiceAtMs: number | null = null;
  #speechEndedAtMs: number | null = null;
  #lastFinalAtMs: number | null = null;
  committed = false;
  closing: { readonly reason: string; readonly sinceMs: number } | null = null;
  transport: 'pending' | 'up' | 'gone' = 'pending';

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  get items(): readonly ChatItem[] {
    return this.#items;
  }

  get turn(): TurnRecord | null {
    return this.#turn;
  }

  get turnCount(): number {
    return this.#turnCount;
  }

  /** Utterances without a final, in order. */
  get utterances(): readonly Utterance[] {
    return this.#utterances;
  }

  get openUtterance(): Utterance | undefined {
    return this.#utterances.find((utterance) => utterance.endedAtMs === null);
  }

  /** What the user said in this turn so far, partial words included. */
  get openText(): string {
    return joinWords([...this.#words.map((words) => words.text), ...this.#utterances.map((u) => u.partial)]);
  }

  get hasWords(): boolean {
    return this.#words.length > 0;
  }

  // ---- what the user says

  beginUtterance(startedAtMs: number): Utterance {
    const utterance: Utterance = {
      id: ++this.#utteranceCount,
      startedAtMs,
      lastVoiceAtMs: null,
      endedAtMs: null,
      sustained: false,
      lastFinal: null,
      partial: '',
    };
    this.#utterances.push(utterance);
    return utterance;
  }

  /** Ends the open utterance. Finals so far may be of a part of it; the one that closes it is still to come. */
  endUtterance(lastVoiceAtMs: number): Utterance | undefined {
    const utterance = this.openUtterance;
    if (utterance === undefined) return undefined;
    utterance.lastVoiceAtMs = lastVoiceAtMs;
    utterance.endedAtMs = this.#options.now();
    this.#speechEndedAtMs = utterance.endedAtMs;
    this.#lastVoiceAtMs = Math.max(this.#lastVoiceAtMs ?? lastVoiceAtMs, lastVoiceAtMs);
    return utterance;
  }

  discardUtterance(): Utterance | undefined {
    const utterance = this.openUtterance;
    if (utterance !== undefined) this.#dropUtterance(utterance.id);
    return utterance;
  }

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
    const spoken = text.trim();
    // Two segments take time to say: the same text in the same instant is one answer given twice.
    const isEcho = utterance.lastFinal?.text === spoken && utterance.lastFinal.atMs === this.#options.now();
    if (isEcho && utterance.endedAtMs === null) return { expected: false, settled: false };
    utterance.lastFinal = { text: spoken, atMs: this.#options.now() };
    utterance.partial = '';
    if (spoken !== '') this.#lastFinalAtMs = this.#options.now();
    this.#keepWords(utteranceId, spoken);
    const settled = utterance.endedAtMs !== null;
    if (settled) this.#dropUtterance(utteranceId);
    return { expected: true, settled };
  }

  /** Turns partial transcripts into words when their finals did not come in time. Returns the ids that were given up. */
  commitPartials(): readonly number[] {
    const late = this.#utterances.filter(({ endedAtMs }) => endedAtMs !== null);
    for (const { id, partial } of late) {
      this.#keepWords(id, partial);
      this.#dropUtterance(id);
    }
    return late.map(({ id }) => id);
  }

  /** Gives up ended utterances without any word. Returns their ids. */
  giveUpUtterances(): readonly number[] {
    const late = this.#utterances.filter(({ endedAtMs }) => endedAtMs !== null).map(({ id }) => id);
    for (const id of late) this.#dropUtterance(id);
    return late;
  }

  /** The host threw away what the user said in this turn. Returns the ids of utterances that are no longer wanted. */
  clearSpeech(): readonly number[] {
    const ids = this.#utterances.map(({ id }) => id);
    this.#words = [];
    this.#utterances = [];
    this.committed = false;
    return ids;
  }

  queueRequest(request: Omit<ReplyRequest, 'order'>): void {
    this.#requests.push({ ...request, order: ++this.#order });
  }

  /** Takes back a request that no turn has taken yet. What the user typed stays said; it only gets no answer. */
  withdrawRequest(requestId: string): boolean {
    const request = this.#requests.find(({ id }) => id === requestId);
    if (request === undefined) return false;
    this.#requests = this.#requests.filter((each) => each !== request);
    if (request.kind === 'text') this.#pushUserItem(this.#turnCount, request.text);
    return true;
  }

  // ---- turns

  /**
   * Opens the next turn: takes all open words and queued texts in order of arrival, and at most one request. `say`
   * takes no words. Items that an earlier turn left unanswered belong to this one too.
   */
  openTurn(deadlineMs: number): TurnRecord {
    const n = ++this.#turnCount;
    const [first] = this.#requests;
    const words = this.#readyWords;
    if (first?.kind === 'say' && words.length === 0) {
      this.#requests.shift();
      return this.#setTurn({ n, mode: 'say', request: first, requestIds: [first.id], text: first.text, deadlineMs });
    }
    const texts = this.#requests.filter(({ kind }) => kind === 'text');
    const said = [...groupWords(words), ...texts].sort((a, b) => a.order - b.order);
    for (const { text } of said) this.#addUserItem(n, text);
    const asked = this.#requests.find(({ kind }) => kind === 'reply');
    this.#words = this.#words.filter((each) => !words.includes(each));
    this.committed = false;
    this.#requests = this.#requests.filter(({ kind, id }) => kind !== 'text' && id !== asked?.id);
    const requestIds = [...texts, ...(asked === undefined ? [] : [asked])].map(({ id }) => id);
    const mode = this.#unanswered.size > 0 ? 'reply' : 'request';
    return this.#setTurn({ n, mode, request: asked, requestIds, text: '', deadlineMs });
  }

  /** The apology: replaces the open turn, or opens one. */
  openFallback(text: string, deadlineMs: number): TurnRecord {
    const before = this.#turn;
    const n = before?.n ?? ++this.#turnCount;
    return this.#setTurn({
      n,
      mode: 'fallback',
      request: undefined,
      requestIds: before?.requestIds ?? [],
      text,
      deadlineMs,
    });
  }

  /** Same turn, next attempt, from what is recorded: finished steps and tool outputs are kept. */
  retryTurn(): TurnRecord | null {
    const turn = this.#turn;
    if (turn === null) return null;
    turn.attempt += 1;
    turn.phase = 'thinking';
    turn.outcome = null;
    turn.cancelled = null;
    turn.held = false;
    turn.lastProgressAtMs = this.#options.now();
    turn.progressToldAtMs = turn.lastProgressAtMs;
    return turn;
  }

  /** The turn has ended and its end was handled. */
  settleTurn(): TurnRecord | null {
    const turn = this.#turn;
    if (turn === null) return null;
    const isOwed =
      turn.outcome === 'interrupted' && !turn.heard && (turn.cancelled === 'voice' || turn.cancelled === 'text');
    if (!isOwed) this.#unanswered.clear();
    this.#turn = null;
    return turn;
  }

  // ---- what the agent says

  beginAssistantItem(): string {
    const turn = this.#turn;
    const id = this.#options.newItemId();
    this.#items.push({
      type: 'assistant',
      id,
      turn: turn?.n ?? this.#turnCount,
      createdAtMs: this.#options.wallNow(),
      text: '',
      interrupted: false,
    });
    if (turn !== null) {
      turn.assistantItemId = id;
      turn.generated = '';
    }
    return id;
  }

  /** Sets what was heard of an item. An item of which nothing was heard is removed. */
  setHeard(itemId: string, text: string, interrupted: boolean): void {
    const index = this.#items.findLastIndex(({ id }) => id === itemId);
    const item = this.#items[index];
    if (item === undefined || item.type !== 'assistant') return;
    const heard = text.trim();
    if (heard === '' && interrupted) {
      this.#items.splice(index, 1);
      return;
    }
    item.text = heard;
    item.interrupted = interrupted;
  }

  // ---- tools

  recordCall(call: { readonly callId: string; readonly name: string; readonly arguments: string }): void {
    const turn = this.#turn?.n ?? this.#turnCount;
    this.#openCalls.set(call.callId, { ...call, turn });
    this.#items.push({
      type: 'toolCall',
      id: this.#options.newItemId(),
      turn,
      createdAtMs: this.#options.wallNow(),
      ...call,
    });
  }

  /** First output wins; a second answer for the same call is ignored. */
  recordOutput(callId: string, output: string, isError: boolean): boolean {
    const call = this.#openCalls.get(callId);
    if (call === undefined) return false;
    this.#openCalls.delete(callId);
    this.#items.push({
      type: 'toolOutput',
      id: this.#options.newItemId(),
      turn: call.turn,
      createdAtMs: this.#options.wallNow(),
      callId,
      name: call.name,
      output,
      isError,
    });
    return true;
  }

  /** A call that still has no output. */
  openCall(callId: string): ToolCallRecord | undefined {
    return this.#openCalls.get(callId);
  }

  /** Calls of turn `n` that still have no output. */
  openCalls(n: number): readonly ToolCallRecord[] {
    return [...this.#openCalls.values()].filter((call) => call.turn === n);
  }

  recordHandoff(fromAgentId: string, toAgentId: string): void {
    const id = this.#options.newItemId();
    const createdAtMs = this.#options.wallNow();
    this.#items.push({ type: 'agentHandoff', id, turn: this.#turnCount, createdAtMs, fromAgentId, toAgentId });
  }

  // ---- the end

  /** Open words, partials and queued texts become user items: nothing the user said is lost. */
  commitRest(): void {
    this.commitPartials();
    const open = this.openUtterance;
    if (open !== undefined) this.#keepWords(open.id, open.partial);
    const texts = this.#requests.filter(({ kind }) => kind === 'text');
    const rest = [...groupWords(this.#words), ...texts].sort((a, b) => a.order - b.order);
    for (const { text } of rest) this.#addUserItem(this.#turnCount, text);
    this.#words = [];
    this.#requests = [];
    this.#utterances = [];
  }

  /** A reading of everything the session chart decides on. */
  levels(extra: Pick<Levels, 'endpointingMs' | 'sttFailed' | 'canPause'>): Levels {
    const open = this.openUtterance;
    const ended = this.#utterances.filter(({ endedAtMs }) => endedAtMs !== null);
    return {
      atMs: this.#options.now(),
      transport: this.transport,
      closing: this.closing,
      userSpeaking: open !== undefined,
      sustained: open?.sustained ?? ended.at(-1)?.sustained ?? false,
      endedSustained: ended.some(({ sustained }) => sustained),
      lastVoiceAtMs: this.#lastVoiceAtMs,
      speechEndedAtMs: this.#speechEndedAtMs,
      finalsOutstanding: ended.length,
      openWords: this.#readyWords.reduce((sum, { text }) => sum + countWords(text), 0),
      partialWords: this.#utterances.reduce((sum, { partial }) => sum + countWords(partial), 0),
      committed: this.committed,
      requests: this.#requests.length,
      owed: this.#unanswered.size > 0 && (this.#turn === null || !isOver(this.#turn) || leavesDebt(this.#turn)),
      ...extra,
      turn: this.#turn === null ? null : levelOf(this.#turn),
    };
  }

  /** Words in the order in which they were said, whatever the order of their transcripts. */
  #keepWords(utterance: number, text: string): void {
    if (text === '') return;
    const at = this.#words.findIndex((words) => words.utterance > utterance);
    this.#words.splice(at < 0 ? this.#words.length : at, 0, { utterance, text, order: ++this.#order });
  }

  /** Words that no earlier utterance without its final can still come before. */
  get #readyWords(): readonly OpenWords[] {
    const late = this.#utterances.find(({ endedAtMs }) => endedAtMs !== null)?.id ?? Number.POSITIVE_INFINITY;
    return this.#words.filter(({ utterance }) => utterance <= late);
  }

  #dropUtterance(utteranceId: number): void {
    this.#utterances = this.#utterances.filter(({ id }) => id !== utteranceId);
  }

  #addUserItem(turn: number, text: string): void {
    this.#unanswered.add(this.#pushUserItem(turn, text));
  }

  #pushUserItem(turn: number, text: string): string {
    const id = this.#options.newItemId();
    this.#items.push({ type: 'user', id, turn, createdAtMs: this.#options.wallNow(), text });
    return id;
  }

  #setTurn(start: {
    readonly n: number;
    readonly mode: TurnMode;
    readonly request: ReplyRequest | undefined;
    readonly requestIds: readonly string[];
    readonly text: string;
    readonly deadlineMs: number;
  }): TurnRecord {
    const now = this.#options.now();
    this.#turn = {
      n: start.n,
      attempt: 1,
      mode: start.mode,
      requestIds: start.requestIds,
      instructions: start.request?.instructions,
      text: start.text,
      allowInterruptions: start.request?.allowInterruptions ?? true,
      startedAtMs: now,
      phase: start.mode === 'say' || start.mode === 'fallback' ? 'responding' : 'thinking',
      held: false,
      heard: false,
      cancelled: null,
      outcome: null,
      byDeadline: false,
      failure: undefined,
      step: 1,
      toolBudgetMs: 0,
      deadlineMs: start.deadlineMs,
      lastProgressAtMs: now,
      progressToldAtMs: now,
      assistantItemId: null,
      generated: '',
      marks: {
        lastVoiceAtMs: start.mode === 'reply' ? this.#lastVoiceAtMs : null,
        finalAtMs: start.mode === 'reply' ? this.#lastFinalAtMs : null,
        committedAtMs: now,
        firstTokenAtMs: null,
        firstAudioAtMs: null,
      },
    };
    return this.#turn;
  }
}

function isOver({ outcome, cancelled }: TurnRecord): boolean {
  return outcome !== null || cancelled !== null;
}

/** Interrupted unheard by voice or text (a cough must not eat a question), or never meant as an answer. */
function leavesDebt({ mode, heard, cancelled }: TurnRecord): boolean {
  return mode === 'say' || (!heard && (cancelled === 'voice' || cancelled === 'text'));
}

function levelOf(turn: TurnRecord): TurnLevel {
  const { n, attempt, mode, phase, heard, cancelled, outcome, byDeadline, allowInterruptions, held } = turn;
  const { lastProgressAtMs, deadlineMs } = turn;
  return {
    n,
    attempt,
    mode,
    phase,
    heard,
    cancelled,
    outcome,
    byDeadline,
    allowInterruptions,
    held,
    lastProgressAtMs,
    deadlineMs,
  };
}

/** Finals that follow each other are one thing said, whatever the recogniser made of the pauses. */
function groupWords(words: readonly OpenWords[]): readonly { readonly text: string; readonly order: number }[] {
  const first = words[0];
  if (first === undefined) return [];
  return [{ text: joinWords(words.map(({ text }) => text)), order: first.order }];
}

function joinWords(texts: readonly string[]): string {
  return texts.filter((text) => text !== '').join(' ');
}

function countWords(text: string): number {
  return text === '' ? 0 : text.trim().split(/\s+/u).length;
}
