// The composition root: one runtime for a process, its supervision tree, and the sessions that live in it.
import type { Actor, AnyActorRef } from 'xstate';
import { type Clock, realClock } from '../clock.ts';
import { AgentError, textOf } from '../errors.ts';
import { type Ids, randomIds } from '../ids.ts';
import type { ProblemHandler } from '../observer.ts';
import { type OptionsOf, parseOptions } from '../options.ts';
import {
  type ChildSpec,
  Registry,
  shutdown,
  startChildNow,
  startRoot,
  supervisor,
  terminateChild,
} from '../supervisor/index.ts';
import { AgentSession } from './agent-session.ts';
import { BREAKERS, breakersTree } from './breakers.ts';
import { ENGINES, engineSpec, enginesTree } from './engines.ts';
import { EventHub } from './event-hub.ts';
import { fallbackAudio } from './fallback-audio.ts';
import { type ProviderDefaults, resolveProviders } from './resolve-providers.ts';
import { type RuntimeOptions, runtimeRules, type SessionStartOptions, startRules } from './runtime-options.ts';
import { mergeSessionOptions, parseSessionOptions } from './session-options.ts';
import { SessionRun, sessionsTree } from './session-run.ts';
import { addScope, SessionScope } from './session-scope.ts';

export interface Runtime {
  readonly clock: Clock;
  /** Root of the supervision tree, for inspection. */
  readonly actor: AnyActorRef;
  readonly registry: Registry;
  readonly sessions: readonly AgentSession[];
  /** Told what listeners, inspectors and hooks threw; see {@link RuntimeOptions.onProblem}. */
  readonly onProblem: ProblemHandler;
  /** Prepares a session, so that listeners can be added before it starts. */
  createSession(options: SessionStartOptions): AgentSession;
  /** Prepares and starts one. */
  startSession(options: SessionStartOptions): Promise<AgentSession>;
  /** Closes every session, then the tree. Idempotent. */
  close(reason?: string): Promise<void>;
}

/** @throws AgentError `ERR_OPTION` */
export function createRuntime(options: RuntimeOptions = {}): Runtime {
  return new VoiceRuntime(options);
}

class VoiceRuntime implements Runtime {
  readonly clock: Clock;
  readonly registry = new Registry();
  readonly #ids: Ids;
  readonly #options: OptionsOf<typeof runtimeRules>;
  readonly onProblem: ProblemHandler;
  readonly #root: Actor<ReturnType<typeof supervisor>>;
  readonly #sessions = new Map<string, AgentSession>();
  readonly #defaults: ProviderDefaults;
  #closing: Promise<void> | null = null;

  constructor(given: RuntimeOptions) {
    const options = parseOptions(runtimeRules, given, 'createRuntime');
    this.#options = options;
    parseSessionOptions(options.session);
    this.clock = options.clock ?? realClock;
    this.#ids = options.ids ?? randomIds;
    this.onProblem = options.onProblem ?? warnOnce();
    this.#defaults = {
      choice: options.providers,
      embedded: null,
      embeddedLlm: null,
      supervise: (engines) => {
        const parent = this.registry.whereis(ENGINES);
        if (parent !== undefined) for (const each of engines) startChildNow(parent, engineSpec(each));
      },
    };
    const permanent = (id: string, logic: ReturnType<typeof supervisor>): ChildSpec<unknown> => ({
      id,
      type: 'supervisor',
      restart: 'permanent',
      shutdown: 'infinity',
      start: () => ({ logic, name: id }),
    });
    const tree = supervisor({
      id: 'runtime',
      registry: this.registry,
      strategy: 'one_for_one',
      intensity: 3,
      periodMs: 5_000,
      children: [
        permanent(BREAKERS, breakersTree),
        permanent(ENGINES, enginesTree),
        permanent('sessions', sessionsTree),
        ...options.children,
      ],
    });
    const { inspect, onReport } = options;
    this.#root = startRoot(tree, {
      id: 'runtime',
      clock: this.clock,
      registry: this.registry,
      onProblem: this.onProblem,
      random: () => this.#ids.random(),
      ...(inspect !== undefined && {
        inspect: typeof inspect === 'function' ? inspect : (event) => inspect.next?.(event),
      }),
      ...(onReport !== undefined && { onReport }),
    });
    this.#defaults.supervise(options.providers.engines ?? []);
  }

  get actor(): AnyActorRef {
    return this.#root;
  }

  get sessions(): readonly AgentSession[] {
    return [...this.#sessions.values()];
  }

  createSession(given: SessionStartOptions): AgentSession {
    const start = parseOptions(startRules, given, 'session');
    const options = parseSessionOptions(mergeSessionOptions(this.#options.session, start.options));
    const hub = new EventHub(this.onProblem);
    const sessionId = this.#ids.next('sess');
    return new AgentSession({
      sessionId,
      agent: start.agent,
      hub,
      host: {
        start: (session) => this.#start(session, start, options, hub),
        kill: (id) => this.#kill(id),
      },
    });
  }

  async startSession(options: SessionStartOptions): Promise<AgentSession> {
    const session = this.createSession(options);
    await session.start();
    return session;
  }

  close(reason = 'runtime closed'): Promise<void> {
    this.#closing ??= (async () => {
      await Promise.all(this.sessions.map((session) => session.close(reason)));
      await shutdown(this.#root);
    })();
    return this.#closing;
  }

  async #start(
    session: AgentSession,
    { transport, userData }: OptionsOf<typeof startRules>,
    options: ReturnType<typeof parseSessionOptions>,
    hub: EventHub,
  ): Promise<SessionScope> {
    this.#admit();
    const { agent } = session;
    this.#sessions.set(session.sessionId, session);
    let scope: SessionScope;
    try {
      const providers = await resolveProviders(agent, this.#defaults, this.clock, options.audio);
      this.#mustBeOpen();
      if (session.state === 'closed') throw new AgentError('ERR_CLOSED', 'the session was closed while it started');
      agent.attach(session);
      scope = new SessionScope({
        id: session.sessionId,
        session,
        agent,
        transport,
        providers,
        options,
        userData: new Map(Object.entries(userData)),
        clock: this.clock,
        ids: this.#ids,
        registry: this.registry,
        onProblem: this.onProblem,
        onLog: this.#options.onLog ?? (() => {}),
        hub,
      });
    } catch (error) {
      this.#sessions.delete(session.sessionId);
      throw error;
    }
    addScope(scope);
    session.started(scope);
    void fallbackAudio(scope);
    const sessions = this.registry.whereis('sessions');
    const run = new SessionRun(scope, () => this.#sessions.delete(session.sessionId));
    const result = sessions === undefined ? undefined : startChildNow(sessions, run.spec());
    if (result === undefined || (result !== 'queued' && !result.ok)) run.finish();
    await scope.opened;
    hub.emit('session_started', { sessionId: scope.id, agentId: agent.agentId });
    return scope;
  }

  #mustBeOpen(): void {
    if (this.#closing !== null)
      throw new AgentError('ERR_CLOSED', 'the runtime is closed', { fix: 'Create a new runtime' });
  }

  #admit(): void {
    this.#mustBeOpen();
    const { maxSessions } = this.#options;
    if (this.#sessions.size >= maxSessions)
      throw new AgentError('ERR_MAX_SESSIONS', `${this.#sessions.size} sessions are open`, {
        field: 'maxSessions',
        rule: `at most ${maxSessions}`,
        fix: 'Wait for a session to end, or raise maxSessions',
      });
  }

  #kill(sessionId: string): void {
    const sessions = this.registry.whereis('sessions');
    const tree = this.registry.whereis(`${sessionId}/session`);
    if (sessions !== undefined && tree !== undefined) void terminateChild(sessions, tree);
  }
}

/** The default problem handler: one line on stderr for each place, so that a listener in a loop cannot flood a log. */
function warnOnce(): ProblemHandler {
  const told = new Set<string>();
  return ({ where, error }) => {
    if (told.has(where)) return;
    told.add(where);
    process.emitWarning(`${where} threw: ${textOf(error)}`, { code: 'LIVEKITEX_AGENT' });
  };
}
