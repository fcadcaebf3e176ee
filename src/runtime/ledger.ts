// What must survive any crash of a session: written first, told afterwards. Plain data, one per session, no timers.
import type { AgentError } from '../errors.ts';
import type { Levels } from '../events.ts';
import type { ChatImage, ChatMessage, ImageSource } from '../providers/llm.ts';
import { ChatView } from './chat-view.ts';
import { isOver, leavesDebt, levelOf, newTurn, type TurnRecord, type TurnStart } from './turn-record.ts';
import { UserSpeech } from './user-speech.ts';

interface Item {
  readonly id: string;
  /** Turn that took or made the item. */
  readonly turn: number;
  /** Epoch milliseconds. */
  readonly createdAtMs: number;
}

/** An image of the user's video. Plain JSON: the bytes stay with the session, and only as long as the model needs them. */
export interface ImageRef {
  readonly id: string;
  readonly source: ImageSource;
  readonly mimeType: ChatImage['mimeType'];
  readonly widthPx: number;
  readonly heightPx: number;
  /** Epoch milliseconds. */
  readonly takenAtMs: number;
}

/** One entry of the conversation, in the order in which things were said. */
export type ChatItem =
  /** `images`: what the user showed when this was said; absent when there was no video. */
  | (Item & { readonly type: 'user'; text: string; images?: readonly ImageRef[] })
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

export interface LedgerOptions {
  readonly newItemId: () => string;
  /** For calls that the model gave no id of their own. */
  readonly newCallId: () => string;
  readonly now: () => number;
  readonly wallNow: () => number;
}

export class Ledger {
  readonly speech: UserSpeech;
  readonly #options: LedgerOptions;
  readonly #items: ChatItem[] = [];
  readonly #chat = new ChatView();
  readonly #openCalls = new Map<string, ToolCallRecord>();
  /** Of all calls ever recorded, made with the first one: a model may give an id again in a later turn. */
  #callIds: Set<string> | undefined;
  /** User items committed and still unanswered. */
  readonly #unanswered = new Set<string>();
  #requests: ReplyRequest[] = [];
  #order = 0;
  #turnCount = 0;
  #turn: TurnRecord | null = null;
  /** `error`: it ends because something broke. */
  closing: { readonly reason: string; readonly sinceMs: number; readonly error?: AgentError } | null = null;
  transport: 'pending' | 'up' | 'gone' = 'pending';

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.speech = new UserSpeech({ now: options.now, nextOrder: () => ++this.#order });
  }

  get items(): readonly ChatItem[] {
    return this.#items;
  }

  /** The history as the model reads it. */
  messages(instructions: string): readonly ChatMessage[] {
    return this.#chat.messages(instructions, this.#items);
  }

  get turn(): TurnRecord | null {
    return this.#turn;
  }

  get turnCount(): number {
    return this.#turnCount;
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

  /**
   * Opens the next turn: takes all open words and queued texts in order of arrival, and at most one request. `say`
   * takes no words. Items that an earlier turn left unanswered belong to this one too.
   */
  openTurn(deadlineMs: number): TurnRecord {
    const n = ++this.#turnCount;
    this.speech.turnBegins();
    const [first] = this.#requests;
    if (first?.kind === 'say' && !this.speech.hasReadyWords) {
      this.#requests.shift();
      const { id, text, allowInterruptions } = first;
      return this.#setTurn({ n, mode: 'say', requestIds: [id], text, allowInterruptions, deadlineMs });
    }
    const texts = this.#requests.filter(({ kind }) => kind === 'text');
    const said = [...this.speech.takeReadyWords(), ...texts].sort((a, b) => a.order - b.order);
    for (const { text } of said) this.#addUserItem(n, text);
    const asked = this.#requests.find(({ kind }) => kind === 'reply');
    this.#requests = this.#requests.filter(({ kind, id }) => kind !== 'text' && id !== asked?.id);
    const requestIds = [...texts, ...(asked === undefined ? [] : [asked])].map(({ id }) => id);
    const mode = this.#unanswered.size > 0 ? 'reply' : 'request';
    const { instructions, allowInterruptions } = asked ?? {};
    return this.#setTurn({ n, mode, requestIds, text: '', instructions, allowInterruptions, deadlineMs });
  }

  /** The apology: replaces the open turn, or opens one. */
  openFallback(text: string, deadlineMs: number): TurnRecord {
    const before = this.#turn;
    this.speech.turnBegins();
    const n = before?.n ?? ++this.#turnCount;
    return this.#setTurn({ n, mode: 'fallback', requestIds: before?.requestIds ?? [], text, deadlineMs });
  }

  /** Same turn, next attempt, from what is recorded: finished steps and tool outputs are kept. */
  retryTurn(): TurnRecord | null {
    const turn = this.#turn;
    if (turn === null) return null;
    turn.attempt += 1;
    turn.phase = 'thinking';
    turn.outcome = null;
    turn.cancelled = null;
    turn.cutUnheard = false;
    turn.held = false;
    turn.lastProgressAtMs = this.#options.now();
    turn.progressToldAtMs = turn.lastProgressAtMs;
    return turn;
  }

  /** The turn has ended and its end was handled. */
  settleTurn(): TurnRecord | null {
    const turn = this.#turn;
    if (turn === null) return null;
    if (!leavesDebt(turn)) this.#unanswered.clear();
    this.#turn = null;
    return turn;
  }

  /** What the user showed belongs to the last thing said in turn `n`; where nothing was said, nothing is taken. */
  recordImages(n: number, take: () => readonly ImageRef[]): void {
    const item = this.#items.findLast((each) => each.type === 'user' && each.turn === n);
    if (item?.type !== 'user') return;
    const images = take();
    if (images.length > 0) item.images = images;
  }

  /** Ordered by when it is spoken; what a tool says stands before its output, also when that came first. */
  beginAssistantItem(callId?: string): string {
    const id = this.#options.newItemId();
    const isOutput = (item: ChatItem) => item.type === 'toolOutput' && item.callId === callId;
    const output = callId === undefined ? -1 : this.#items.findLastIndex(isOutput);
    const at = output === -1 ? this.#items.length : output;
    this.#chat.changed(at);
    this.#items.splice(at, 0, {
      type: 'assistant',
      id,
      turn: this.#turn?.n ?? this.#turnCount,
      createdAtMs: this.#options.wallNow(),
      text: '',
      interrupted: false,
    });
    return id;
  }

  /** Sets what was heard of an item. An item of which nothing was heard is removed. */
  setHeard(itemId: string, text: string, interrupted: boolean): void {
    const index = this.#items.findLastIndex(({ id }) => id === itemId);
    const item = this.#items[index];
    if (item === undefined || item.type !== 'assistant') return;
    this.#chat.changed(index);
    const heard = text.trim();
    if (heard === '' && interrupted) {
      this.#items.splice(index, 1);
      return;
    }
    item.text = heard;
    item.interrupted = interrupted;
  }

  /** A call whose id is missing or was given before gets a new one, so that each has an output of its own. */
  recordCall(asked: { readonly callId: string; readonly name: string; readonly arguments: string }): void {
    const turn = this.#turn?.n ?? this.#turnCount;
    let { callId } = asked;
    this.#callIds ??= new Set();
    while (callId === '' || this.#callIds.has(callId)) callId = this.#options.newCallId();
    this.#callIds.add(callId);
    const call = { ...asked, callId };
    this.#openCalls.set(callId, { ...call, turn });
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

  /** Calls of turn `n`, or of all, that still have no output. */
  openCalls(n?: number): readonly ToolCallRecord[] {
    return [...this.#openCalls.values()].filter((call) => n === undefined || call.turn === n);
  }

  recordHandoff(fromAgentId: string, toAgentId: string): void {
    const id = this.#options.newItemId();
    const createdAtMs = this.#options.wallNow();
    this.#items.push({ type: 'agentHandoff', id, turn: this.#turnCount, createdAtMs, fromAgentId, toAgentId });
  }

  /** Open words, partials and queued texts become user items: nothing the user said is lost. */
  commitRest(): void {
    const texts = this.#requests.filter(({ kind }) => kind === 'text');
    const rest = [...this.speech.takeAll(), ...texts].sort((a, b) => a.order - b.order);
    for (const { text } of rest) this.#addUserItem(this.#turnCount, text);
    this.#requests = [];
  }

  /** A reading of everything the session chart decides on. */
  levels(extra: Pick<Levels, 'endpointingMs' | 'sttFailed' | 'canPause'>): Levels {
    return {
      atMs: this.#options.now(),
      transport: this.transport,
      closing: this.closing,
      ...this.speech.levels(),
      requests: this.#requests.length,
      owed: this.#unanswered.size > 0 && (this.#turn === null || !isOver(this.#turn) || leavesDebt(this.#turn)),
      ...extra,
      turn: this.#turn === null ? null : levelOf(this.#turn),
    };
  }

  #addUserItem(turn: number, text: string): void {
    this.#unanswered.add(this.#pushUserItem(turn, text));
  }

  #pushUserItem(turn: number, text: string): string {
    const id = this.#options.newItemId();
    this.#items.push({ type: 'user', id, turn, createdAtMs: this.#options.wallNow(), text });
    return id;
  }

  #setTurn(start: TurnStart): TurnRecord {
    const { lastVoiceAtMs, lastFinalAtMs } = this.speech;
    this.#turn = newTurn(start, { nowMs: this.#options.now(), lastVoiceAtMs, finalAtMs: lastFinalAtMs });
    return this.#turn;
  }
}
