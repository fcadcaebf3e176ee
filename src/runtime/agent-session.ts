// The handle of one call: what a host may ask of it and hear from it. The call itself runs in the supervision tree.
import type { AnyActorRef } from 'xstate';
import { withinMs } from '../clock.ts';
import { AgentError, toAgentError } from '../errors.ts';
import type { SessionEventName, SessionState, UserState } from '../events.ts';
import type { SpeechHandle } from '../speech-handle.ts';
import { Agent } from './agent.ts';
import type { AnySessionListener, EventHub, SessionListener } from './event-hub.ts';
import type { ChatItem, ReplyRequest } from './ledger.ts';
import { checkHandover } from './resolve-providers.ts';
import type { SessionScope } from './session-scope.ts';
import { checkText } from './text-input.ts';

export interface ReplyOptions {
  /** Added to the agent's instructions for this reply only. */
  readonly instructions?: string;
  /** May the user stop it by speaking or typing? Default true. */
  readonly allowInterruptions?: boolean;
}

/** What the runtime does for a session. */
export interface SessionHost {
  /** Starts the tree. Resolves when the transport is up; rejects when it cannot be reached. */
  start(session: AgentSession): Promise<SessionScope>;
  /** Kills what is left of a session that did not close in time. */
  kill(sessionId: string): void;
}

export interface SessionUsage {
  readonly modelCalls: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** How a session ended. */
export interface SessionEnd {
  readonly reason: string;
  /** What broke it; absent when somebody ended it. */
  readonly error?: AgentError;
}

/**
 * One call, prepared by `runtime.createSession` and begun by `start`. What it tells is an event (`on`); what it is asked
 * to say comes back as a {@link SpeechHandle}. A session that is over cannot be started again: make a new one.
 */
export class AgentSession {
  readonly sessionId: string;
  readonly #hub: EventHub;
  readonly #host: SessionHost;
  #agent: Agent;
  #scope: SessionScope | null = null;
  #starting: Promise<void> | null = null;
  #stopped: SessionEnd | null = null;
  #whenStopped: Promise<SessionEnd>;
  #tellStopped: (end: SessionEnd) => void = () => {};

  /** @internal */
  constructor(options: {
    readonly sessionId: string;
    readonly agent: Agent;
    readonly hub: EventHub;
    readonly host: SessionHost;
  }) {
    this.sessionId = options.sessionId;
    this.#agent = options.agent;
    this.#hub = options.hub;
    this.#host = options.host;
    this.#whenStopped = new Promise((resolve) => {
      this.#tellStopped = resolve;
    });
  }

  get agent(): Agent {
    return this.#agent;
  }

  /** The leaf of the session chart; `connecting` before the start. */
  get state(): SessionState {
    if (this.#stopped !== null) return this.#scope?.shownState === 'failed' ? 'failed' : 'closed';
    return this.#scope?.shownState ?? 'connecting';
  }

  /** What the user does; `listening` before the start. */
  get userState(): UserState {
    return this.#scope?.shownUser ?? 'listening';
  }

  /** What was said, in order; the agent's text is what was heard. */
  get history(): readonly Readonly<ChatItem>[] {
    return this.#scope === null ? [] : this.#scope.ledger.items.map((item) => ({ ...item }));
  }

  get usage(): SessionUsage {
    return { ...(this.#scope?.usage ?? { modelCalls: 0, inputTokens: 0, outputTokens: 0 }) };
  }

  /** Counters that tools keep with `context.updateMetrics`. */
  get metrics(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#scope?.metrics ?? []);
  }

  /**
   * Data shared with the tools; stays readable after the end.
   * @throws AgentError `ERR_CLOSED` before the start
   */
  get userData(): Map<string, unknown> {
    if (this.#scope === null) throw this.#over();
    return this.#scope.userData;
  }

  /** The actor that runs the session chart, for inspection; a new one after a crash, undefined when the call is over. */
  get actor(): AnyActorRef | undefined {
    return this.#scope?.whereis('conversation');
  }

  /** Listens to an event. Returns a function that stops listening. */
  on<Name extends SessionEventName>(name: Name, listener: SessionListener<Name>): () => void {
    return this.#hub.on(name, listener);
  }

  /** Listens to every event. */
  onAny(listener: AnySessionListener): () => void {
    return this.#hub.onAny(listener);
  }

  /**
   * Connects and begins to listen. Idempotent.
   * @throws AgentError `ERR_MAX_SESSIONS`, `ERR_TRANSPORT`, `ERR_AGENT_STATE`, `ERR_CLOSED`
   */
  start(): Promise<void> {
    if (this.#stopped !== null) return Promise.reject(this.#over());
    this.#starting ??= this.#host.start(this).then(
      () => {},
      (error: unknown) => {
        // Refused before there was a call: it is over all the same, and whoever waits for its end is told.
        const broken = toAgentError(error, 'ERR_SESSION', 'the session did not start');
        this.stopped({ reason: broken.code, error: broken });
        throw error;
      },
    );
    return this.#starting;
  }

  /**
   * Speaks `text` as it is, after what is being spoken. It gives way like any reply: voice that lasts cuts it, and so
   * does `sendText`, even right after this call; what was not heard of it is not in the history. A text that must be
   * heard takes `allowInterruptions: false`: it is spoken to its end, and what the user said or typed is answered then.
   * @throws AgentError `ERR_TEXT`, `ERR_CLOSED` before the start and after the end
   */
  say(text: string, { allowInterruptions = true }: Omit<ReplyOptions, 'instructions'> = {}): SpeechHandle {
    return this.#request('say', checkText(text), undefined, allowInterruptions);
  }

  /**
   * Lets the model speak without being asked by the user.
   * @throws AgentError `ERR_CLOSED` before the start and after the end
   */
  generateReply({ instructions, allowInterruptions = true }: ReplyOptions = {}): SpeechHandle {
    return this.#request('reply', '', instructions, allowInterruptions);
  }

  /**
   * What the user typed: interrupts the agent and is answered.
   * @throws AgentError `ERR_TEXT`, `ERR_CLOSED` before the start and after the end
   */
  sendText(text: string): SpeechHandle {
    return this.#request('text', checkText(text), undefined, true);
  }

  /**
   * Stops the agent at once; what was heard stays in the history. Does nothing while no reply is being made or spoken,
   * before the start and after the end.
   */
  interrupt(): void {
    this.#scope?.tell({ type: 'turn.interrupt' });
  }

  /**
   * Ends the user's turn now instead of waiting for silence.
   * @throws AgentError `ERR_CLOSED` before the start and after the end
   */
  commitTurn(): void {
    const scope = this.#running();
    // What a slow detector has still to look at was said before.
    scope.input.forceEnd();
    scope.ledger.speech.commit();
    scope.tell({ type: 'turn.commit' });
  }

  /**
   * Forgets what the user said and no turn has taken yet, in the middle of an utterance too; voice that goes on after it
   * is a new utterance. A reply in progress goes on.
   * @throws AgentError `ERR_CLOSED` before the start and after the end
   */
  clearTurn(): void {
    const scope = this.#running();
    scope.input.discard(scope.ledger.speech.clear());
    scope.tell({ type: 'turn.clear' });
  }

  /**
   * Hands the call to another agent. Its instructions, tools and model hold from the next reply on; a reply in progress is
   * ended by the agent that began it. Voice, ears and turn detector are the session's and stay.
   * @throws AgentError `ERR_OPTION` when it is no agent or brings other ones of these; `ERR_AGENT_STATE` unless it is
   * configured, active or inactive; `ERR_CLOSED` before the start and after the end
   */
  updateAgent(agent: Agent): void {
    const scope = this.#running();
    const before = this.#agent;
    if (agent === before) return;
    if (!(agent instanceof Agent))
      throw new AgentError('ERR_OPTION', 'the call cannot be handed over', {
        field: 'agent',
        rule: 'must be an Agent',
      });
    checkHandover(agent, scope.providers);
    agent.attach(this);
    scope.ledger.recordHandoff(before.agentId, agent.agentId);
    scope.agent = agent;
    this.#agent = agent;
    before.detach(this);
  }

  /**
   * Ends the call: what was said is kept, the reply in progress is cut. Resolves when everything is released; a transport
   * that takes longer than 2 s to let go is left to itself. Idempotent.
   */
  async close(reason = 'closed by the host'): Promise<SessionEnd> {
    const scope = this.#scope;
    if (this.#stopped !== null) {
      await released(scope);
      return this.#stopped;
    }
    if (scope === null) {
      // Nothing runs yet that could be closed; a start that is under way, however long it takes, finds the session over.
      this.stopped({ reason });
      return { reason };
    }
    scope.ledger.closing ??= { reason, sinceMs: scope.clock.now() };
    scope.input.finish();
    if (scope.whereis('conversation') === undefined) this.#host.kill(this.sessionId);
    else scope.tell({ type: 'session.close' });
    // The chart bounds this by its own deadline; one second more and the tree is taken down.
    const limit = scope.clock.setTimeout(
      () => this.#host.kill(this.sessionId),
      scope.options.deadlines.closingMs + 1_000,
    );
    const end = await this.#whenStopped;
    scope.clock.clearTimeout(limit);
    await released(scope);
    return end;
  }

  /** Resolves when the session is over, for whatever reason. */
  get whenStopped(): Promise<SessionEnd> {
    return this.#whenStopped;
  }

  /** @internal Called by the runtime, before the tree starts. */
  started(scope: SessionScope): void {
    this.#scope = scope;
  }

  /** @internal Called by the runtime, once, when the tree is gone. */
  stopped(end: SessionEnd): void {
    if (this.#stopped !== null) return;
    this.#stopped = end;
    this.#tellStopped(end);
  }

  #request(
    kind: ReplyRequest['kind'],
    text: string,
    instructions: string | undefined,
    allowInterruptions: boolean,
  ): SpeechHandle {
    return this.#running().requests.add({ kind, text, instructions, allowInterruptions });
  }

  #running(): SessionScope {
    if (this.#stopped !== null || this.#scope === null) throw this.#over();
    return this.#scope;
  }

  #over(): AgentError {
    const isOver = this.#stopped !== null;
    return new AgentError('ERR_CLOSED', `session ${this.sessionId} ${isOver ? 'is over' : 'was not started'}`, {
      fix: isOver ? 'Start a new session' : 'Call `await session.start()` first',
    });
  }
}

/** Leaving a room takes well under a second; nobody waits for a transport that hangs. */
const RELEASE_MS = 2_000;

async function released(scope: SessionScope | null): Promise<void> {
  if (scope !== null) await withinMs(scope.released, RELEASE_MS, scope.clock);
}
