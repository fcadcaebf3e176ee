// The composition root: one runtime for a process, its supervision tree, and the sessions that live in it.
import type { Actor, AnyActorRef, InspectionEvent } from 'xstate';
import { type Clock, realClock } from '../clock.ts';
import { AgentError, textOf } from '../errors.ts';
import { type Ids, randomIds } from '../ids.ts';
import type { ProblemHandler } from '../observer.ts';
import {
  fieldsOf,
  hasMethod,
  having,
  isFunction,
  isObject,
  listOf,
  type OptionsOf,
  parseOptions,
  wholeNumberFrom,
} from '../options.ts';
import {
  type ChildSpec,
  type Down,
  dynamicSupervisor,
  isOrderly,
  monitor,
  Registry,
  type Report,
  shutdown,
  startChildNow,
  startRoot,
  supervisor,
  terminateChild,
} from '../supervisor/index.ts';
import type { ToolLogEntry } from '../tools/index.ts';
import type { Transport } from '../transports/transport.ts';
import { Agent } from './agent.ts';
import { AgentSession } from './agent-session.ts';
import { BREAKERS, breakersTree } from './breakers.ts';
import { CALL_CANCELLED, endCall } from './end-call.ts';
import { ENGINES, engineSpec, enginesTree } from './engines.ts';
import { EventHub } from './event-hub.ts';
import { fallbackAudio } from './fallback-audio.ts';
import { type ProviderChoice, type ProviderDefaults, resolveProviders } from './resolve-providers.ts';
import { mergeSessionOptions, parseSessionOptions, type SessionOptionsInput } from './session-options.ts';
import { addScope, removeScope, SessionScope } from './session-scope.ts';
import { type SessionTreeInput, sessionTree } from './tree.ts';

/** What XState takes as `inspect`: a function, or an observer as stock inspectors have it. */
export type InspectionObserver =
  | ((event: InspectionEvent) => void)
  | { readonly next?: ((event: InspectionEvent) => void) | undefined };

export interface RuntimeOptions {
  /** Providers of agents that bring none of their own. Default: the embedded ones, fetched at first use. */
  readonly providers?: ProviderChoice;
  /** Session options where `startSession` gives none, key by key in groups too. */
  readonly session?: SessionOptionsInput;
  /** Sessions at the same time; one more is refused with ERR_MAX_SESSIONS. Default 100; 0 refuses all. */
  readonly maxSessions?: number;
  /** An XState inspection observer for every actor of the tree, such as the `inspect` of a stock inspector. May throw. */
  readonly inspect?: InspectionObserver;
  /** Told what listeners, inspectors and hooks threw. Default: written to stderr, once for each place. */
  readonly onProblem?: ProblemHandler;
  /** Log lines of tools. Default: nobody. */
  readonly onLog?: (entry: ToolLogEntry) => void;
  /** Restarts and ends of supervised children. Default: nobody. */
  readonly onReport?: (report: Report) => void;
  /** Supervised children beside the sessions (health server, worker, telemetry), started in this order, stopped in reverse. */
  readonly children?: readonly ChildSpec<unknown>[];
  /** Default: the clock of the process. */
  readonly clock?: Clock;
  /** Default: random ids. */
  readonly ids?: Ids;
}

export interface SessionStartOptions {
  readonly agent: Agent;
  readonly transport: Transport;
  readonly options?: SessionOptionsInput;
  /** Data for the tools of this session. */
  readonly userData?: Readonly<Record<string, unknown>>;
}

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

const callback = <F>() => having<F>(isFunction, 'must be a function').optional();

const schema = fieldsOf<RuntimeOptions>()({
  providers: having<ProviderChoice>(isObject, 'must be an object').default({}),
  session: having<SessionOptionsInput>(isObject, 'must be an object').default({}),
  maxSessions: wholeNumberFrom(0, Number.MAX_SAFE_INTEGER, 'must be a whole number >= 0').default(100),
  inspect: having<InspectionObserver>(
    (value) => isFunction(value) || hasMethod('next')(value),
    'must be a function or an observer with a method `next`',
  ).optional(),
  onProblem: callback<ProblemHandler>(),
  onLog: callback<NonNullable<RuntimeOptions['onLog']>>(),
  onReport: callback<NonNullable<RuntimeOptions['onReport']>>(),
  children: listOf(having<ChildSpec<unknown>>(isObject, 'must be a child spec')).default([]),
  clock: having<Clock>(isObject, 'must be a Clock').optional(),
  ids: having<Ids>(isObject, 'must be an Ids').optional(),
});

const startSchema = fieldsOf<SessionStartOptions>()({
  agent: having<Agent>((value) => value instanceof Agent, 'must be an Agent'),
  transport: having<Transport>(hasMethod('open'), 'must be an object with a method `open`'),
  options: having<SessionOptionsInput>(isObject, 'must be an object').optional(),
  userData: having<Readonly<Record<string, unknown>>>(
    (value) => isObject(value) && !Array.isArray(value),
    'must be an object',
  ).default({}),
});

/** A session may be restarted this often by the supervisor of all sessions; each keeps its own count. */
const SESSION_RESTARTS = 2;

const sessionsTree = dynamicSupervisor({ id: 'sessions', intensity: 1_000_000, periodMs: 5_000 });

/** @throws AgentError `ERR_OPTION` */
export function createRuntime(options: RuntimeOptions = {}): Runtime {
  return new VoiceRuntime(options);
}

class VoiceRuntime implements Runtime {
  readonly clock: Clock;
  readonly registry = new Registry();
  readonly #ids: Ids;
  readonly #options: OptionsOf<typeof schema>;
  readonly onProblem: ProblemHandler;
  readonly #root: Actor<ReturnType<typeof supervisor>>;
  readonly #sessions = new Map<string, AgentSession>();
  readonly #defaults: ProviderDefaults;
  #closing: Promise<void> | null = null;

  constructor(given: RuntimeOptions) {
    const options = parseOptions(schema, given, 'createRuntime');
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
    const start = parseOptions(startSchema, given, 'session');
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
    { transport, userData }: OptionsOf<typeof startSchema>,
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
    const result = sessions === undefined ? undefined : startChildNow(sessions, this.#specOf(session, scope, hub));
    if (result === undefined || (result !== 'queued' && !result.ok)) this.#finish(session, scope, hub);
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

  #specOf(session: AgentSession, scope: SessionScope, hub: EventHub): ChildSpec<unknown> {
    const input: SessionTreeInput = { sessionId: scope.id };
    return {
      id: `session:${scope.id}`,
      type: 'supervisor',
      restart: 'transient',
      shutdown: 'infinity',
      start: ({ attempt }) => {
        // Each session has its own allowance, so that one that keeps crashing never takes its neighbours along.
        if (attempt > SESSION_RESTARTS) return 'ignore';
        const onSpawn = (ref: AnyActorRef) => {
          monitor(ref, (down) => this.#ended(session, scope, hub, down));
        };
        return { logic: sessionTree, input, name: scope.nameOf('session'), onSpawn };
      },
    };
  }

  #ended(session: AgentSession, scope: SessionScope, hub: EventHub, { reason }: Down): void {
    if (isOrderly(reason)) {
      this.#finish(session, scope, hub);
      return;
    }
    // After a crash the supervisor may have a new incarnation running by the end of this tick.
    queueMicrotask(() => {
      if (scope.whereis('session') === undefined) this.#finish(session, scope, hub);
    });
  }

  #finish(session: AgentSession, scope: SessionScope, hub: EventHub): void {
    if (!this.#sessions.delete(session.sessionId)) return;
    const { ledger } = scope;
    const hasFailed = scope.shownState === 'failed';
    if (ledger.closing === null) {
      const error = hasFailed
        ? new AgentError('ERR_TRANSPORT', 'the transport did not connect in time', {
            field: 'deadlines.connectMs',
            fix: 'Check address and network, or raise it',
          })
        : new AgentError('ERR_SESSION', 'the session gave up after its parts could not be restarted');
      scope.problem('session', error);
      ledger.closing = { reason: error.code, sinceMs: this.clock.now(), error };
    }
    const { reason, error } = ledger.closing;
    scope.commitRest();
    for (const { callId } of ledger.openCalls()) endCall(scope, callId, CALL_CANCELLED);
    const never = new AgentError('ERR_TRANSPORT', `the session ended before it was usable: ${reason}`);
    scope.rejectOpened(scope.transportFailure ?? error ?? never);
    scope.dispose();
    removeScope(scope.id);
    session.agent.detach(session);
    session.stopped(error === undefined ? { reason } : { reason, error });
    const durationMs = this.clock.now() - scope.startedAtMs;
    hub.emit('session_stopped', { sessionId: scope.id, reason, durationMs });
    hub.clear();
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
