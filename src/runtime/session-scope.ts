// Everything of one session that outlives its actors: ledger, links, names, and the ways to tell the parts something.
import type { AnyActorRef } from 'xstate';
import type { AudioFrame } from '../audio/frame.ts';
import { InputLink } from '../audio/input-link.ts';
import { OutputLink, type TextWriter } from '../audio/output-link.ts';
import type { Clock } from '../clock.ts';
import { AgentError, textOf } from '../errors.ts';
import type {
  Levels,
  SessionEvent,
  SessionEventMap,
  SessionEventName,
  SessionState,
  TurnEvent,
  TurnKey,
  UserState,
} from '../events.ts';
import type { Ids } from '../ids.ts';
import type { ProblemHandler } from '../observer.ts';
import type { Llm } from '../providers/llm.ts';
import type { Stt } from '../providers/stt.ts';
import type { Tts } from '../providers/tts.ts';
import type { TurnDetector } from '../providers/turn-detector.ts';
import type { Vad } from '../providers/vad.ts';
import type { Registry } from '../supervisor/index.ts';
import type { PreparedCall, ToolLogEntry } from '../tools/index.ts';
import type { Transport, TransportConnection } from '../transports/transport.ts';
import type { Agent } from './agent.ts';
import type { AgentSession } from './agent-session.ts';
import { Asides } from './asides.ts';
import type { EventHub } from './event-hub.ts';
import { Ledger } from './ledger.ts';
import { inputEvents, outputEvents } from './link-events.ts';
import { playoutDevice } from './playout-device.ts';
import { ReplyRequests } from './reply-requests.ts';
import { type SessionOptions, turnDeadlineMsOf } from './session-options.ts';
import { Sight } from './sight.ts';
import { type ReplyOutput, TextOutput } from './text-output.ts';
import type { TurnRecord } from './turn-record.ts';

/** The providers of one session, all resolved. */
export interface SessionProviders {
  /** Null in a session that does not listen. */
  readonly vad: Vad | null;
  readonly stt: Stt | null;
  /** Null in a session that does not speak. */
  readonly tts: Tts | null;
  /** Of agents that bring none. */
  readonly llm: Llm;
  readonly turnDetector: TurnDetector | undefined;
}

/** Progress that follows the one before it sooner than this is written down and not told. */
const PROGRESS_TOLD_EVERY_MS = 250;

/** What a session is made with. */
export interface SessionParts {
  readonly id: string;
  /** What hosts and tools are given. */
  readonly session: AgentSession;
  /** Who answers from the next reply on: changes when the call is handed over. */
  agent: Agent;
  readonly transport: Transport;
  readonly providers: SessionProviders;
  readonly options: SessionOptions;
  readonly userData: Map<string, unknown>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly registry: Registry;
  readonly onProblem: ProblemHandler;
  readonly hub: EventHub;
  readonly onLog: (entry: ToolLogEntry) => void;
}

/** Instances have what they were given as fields of their own; the cast says what the assignment does. */
const WithParts = class {
  constructor(parts: SessionParts) {
    Object.assign(this, parts);
  }
} as new (
  parts: SessionParts,
) => SessionParts;

export class SessionScope extends WithParts {
  readonly ledger: Ledger;
  readonly input: InputLink;
  readonly output: ReplyOutput<TurnKey>;
  /** The same as `output` where the agent speaks, null where it writes. */
  readonly voice: OutputLink<TurnKey> | null;
  /** Null where no video was asked for. */
  readonly sight: Sight | null;
  /** Aborted when the session is over; connections live as long. */
  readonly controller = new AbortController();
  readonly requests: ReplyRequests = new ReplyRequests(this);
  /** What running tools say. */
  readonly asides: Asides = new Asides(this);
  readonly metrics = new Map<string, number>();
  /** Calls whose arguments were checked, and when each call began. */
  readonly prepared = new Map<string, PreparedCall>();
  readonly callStartedAtMs = new Map<string, number>();
  readonly usage = { inputTokens: 0, outputTokens: 0, modelCalls: 0 };
  readonly startedAtMs: number;
  /** Who answers in the open turn, and in the last one when there is none: a reply is ended by the agent that began it. */
  turnAgent: Agent;
  connection: TransportConnection | null = null;
  /** Resolves when the transport has let go of the session that is over. */
  released: Promise<void> = Promise.resolve();
  /** Why the transport could not be opened the last time. */
  transportFailure: AgentError | null = null;
  /** The apology, synthesised beforehand; undefined until it is ready. */
  fallbackFrames: readonly AudioFrame[] | undefined;
  writer: TextWriter | null = null;
  unhealthy = new Set<string>();
  shownState: SessionState | null = null;
  shownUser: UserState = 'listening';
  /** Resolves when the transport is up for the first time; rejects when the session ends before. */
  readonly opened: Promise<void>;
  #resolveOpened: () => void = () => {};
  #rejectOpened: (error: unknown) => void = () => {};
  #endpointingMs: number;

  constructor(parts: SessionParts) {
    super(parts);
    const { clock, ids, options } = parts;
    this.startedAtMs = clock.now();
    this.turnAgent = parts.agent;
    this.opened = new Promise((resolve, reject) => {
      this.#resolveOpened = resolve;
      this.#rejectOpened = reject;
    });
    // Whoever awaits the start hears of it; nobody else has to.
    this.opened.catch(() => {});
    this.#endpointingMs = options.endpointing.minDelayMs;
    this.ledger = new Ledger({
      newItemId: () => ids.next('item'),
      newCallId: () => ids.next('call'),
      now: () => clock.now(),
      wallNow: () => clock.wallNow(),
    });
    const { longestUtteranceMs, interruption, audio, video } = options;
    const sustainedAfterMs = interruption.minDurationMs;
    this.input = new InputLink({ clock, longestUtteranceMs, sustainedAfterMs, events: inputEvents(this) });
    const events = outputEvents(this);
    this.voice = audio.output ? new OutputLink<TurnKey>(events) : null;
    this.output = this.voice ?? new TextOutput<TurnKey>(events, clock);
    this.sight =
      video === undefined
        ? null
        : new Sight({
            options: video,
            clock,
            ids,
            isUserSpeaking: () => this.shownUser === 'speaking',
            canSee: () => this.llm.capabilities?.images === true,
            onReceived: ({ source, data, widthPx, heightPx }) =>
              this.emit('video_received', { source, sizeBytes: data.length, widthPx, heightPx }),
            onProblem: (error) => this.problem('video', error),
          });
  }

  /** The model that answers: of the open turn, else of the next one. */
  get llm(): Llm {
    const { llm = this.providers.llm } = this.ledger.turn === null ? this.agent : this.turnAgent;
    return llm;
  }

  /** The transport is up. */
  markOpened(): void {
    if (this.ledger.transport === 'pending') this.ledger.transport = 'up';
    this.sight?.look();
    this.#resolveOpened();
    this.tell({ type: 'transport.opened' });
  }

  rejectOpened(error: unknown): void {
    this.#rejectOpened(error);
  }

  /** Runs in this tick, after what runs now; a throw is told as a session_error. */
  soon(run: () => void): void {
    queueMicrotask(() => {
      try {
        if (!this.controller.signal.aborted) run();
      } catch (error) {
        this.problem('session', error);
      }
    });
  }

  /** Name of a part in the registry. */
  nameOf(part: string): string {
    return `${this.id}/${part}`;
  }

  whereis(part: string): AnyActorRef | undefined {
    return this.registry.whereis(this.nameOf(part));
  }

  /** A hint for the session chart; it reads the truth when it handles it. Between two incarnations it is dropped. */
  tell(event: SessionEvent): void {
    this.whereis('conversation')?.send(event);
  }

  tellTurn(key: TurnKey, event: TurnEvent): void {
    this.whereis(turnName(key))?.send(event);
  }

  levels(): Levels {
    const { ledger } = this;
    const { turn } = ledger;
    if (turn !== null && !turn.heard && this.output.isAudible) turn.heard = true;
    return ledger.levels({
      endpointingMs: this.#endpointingMs,
      sttFailed: this.unhealthy.has('stt'),
      canPause: this.connection?.sink?.canPause ?? false,
    });
  }

  emit<Name extends SessionEventName>(name: Name, payload: Omit<SessionEventMap[Name], 'sessionId'>): void {
    const event = { sessionId: this.id, ...payload } as SessionEventMap[Name]; // the missing field is added here
    this.hub.emit(name, event);
  }

  /** Tells listeners of a fault that the session survives. */
  problem(part: string, error: unknown): void {
    const code = error instanceof AgentError ? error.code : 'ERR_SESSION';
    this.emit('session_error', { code, part, message: textOf(error) });
  }

  /** The open turn, when `key` names its present incarnation. */
  turnOf(key: TurnKey): TurnRecord | null {
    const { turn } = this.ledger;
    if (turn === null || turn.n !== key.n || turn.attempt !== key.attempt || turn.mode !== key.mode) return null;
    return turn;
  }

  log(entry: ToolLogEntry): void {
    this.onLog(entry);
  }

  /** Tokens, frames and tools move: the backstop of the session is counted from here. */
  noteProgress(key: TurnKey): void {
    const turn = this.turnOf(key);
    if (turn === null) return;
    const now = this.clock.now();
    // A change of phase and a piece of progress are told already; the backstop leaves a second for what is not.
    const isTold = now - turn.progressToldAtMs < PROGRESS_TOLD_EVERY_MS;
    turn.lastProgressAtMs = now;
    if (isTold) return;
    turn.progressToldAtMs = now;
    this.tell({ type: 'turn.progressed', n: key.n, attempt: key.attempt, mode: key.mode });
  }

  /** Asks the turn detector how long to wait, given the words so far. */
  judgeTurnEnd(): void {
    const { minDelayMs, maxDelayMs } = this.options.endpointing;
    this.#endpointingMs = minDelayMs;
    const { turnDetector } = this.providers;
    const text = this.ledger.speech.openText;
    if (turnDetector === undefined || text === '') return;
    const last = this.ledger.items.findLast((item) => item.type === 'assistant');
    try {
      const probability = turnDetector.predict({ text, lastReply: last?.type === 'assistant' ? last.text : '' });
      if (probability < 0.5) this.#endpointingMs = Math.max(minDelayMs, maxDelayMs);
    } catch (error) {
      this.onProblem({ where: `turn detector ${turnDetector.label}`, error });
    }
  }

  get turnDeadlineMs(): number {
    return turnDeadlineMsOf(this.options);
  }

  /** Puts a living connection's loudspeaker behind the output link, and lets go of the connection that broke. */
  useConnection(connection: TransportConnection): void {
    const before = this.connection;
    this.connection = connection;
    if (connection.sink !== null) {
      const onError = (error: unknown) => this.problem('transport', error);
      this.voice?.setDevice(playoutDevice(connection.sink, this.clock, onError));
    }
    if (before !== connection) void this.#closeConnection(before);
  }

  async #closeConnection(connection: TransportConnection | null): Promise<void> {
    try {
      await connection?.close();
    } catch (error) {
      this.onProblem({ where: 'transport close', error });
    }
  }

  /** The call is over: what the user said so far is kept, and that something of it is missing is told. */
  commitRest(): void {
    const { isIncomplete } = this.ledger.speech;
    this.ledger.commitRest();
    if (isIncomplete)
      this.problem('stt', new AgentError('ERR_PROVIDER', 'the call ended before the last transcript came'));
  }

  /** Everything that could hold memory or call back; once. */
  dispose(): void {
    this.controller.abort();
    this.output.flush();
    this.voice?.setDevice(null);
    this.input.close();
    const { connection } = this;
    this.connection = null;
    this.released = this.#closeConnection(connection);
    this.requests.abandon();
    this.asides.end('abandoned');
  }
}

export function turnName({ n, attempt, mode }: TurnKey): string {
  return `turn:${n}.${attempt}.${mode}`;
}

export function toolName(callId: string): string {
  return `tool:${callId}`;
}

/** Sessions of this process by id: charts are shared, so their effects find the session by the id in their context. */
const scopes = new Map<string, SessionScope>();

export function addScope(scope: SessionScope): void {
  scopes.set(scope.id, scope);
}

export function removeScope(id: string): void {
  scopes.delete(id);
}

/** @throws AgentError `ERR_CLOSED` when the session is over; inside an actor that is a crash of a leftover */
export function scopeOf(sessionId: string): SessionScope {
  const scope = scopes.get(sessionId);
  if (scope === undefined) throw new AgentError('ERR_CLOSED', `session ${sessionId} is over`);
  return scope;
}

export function findScope(sessionId: string): SessionScope | undefined {
  return scopes.get(sessionId);
}
