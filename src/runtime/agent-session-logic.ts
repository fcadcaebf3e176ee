// A call as an actor of the host's own machine: a proxy that mirrors the session, forwards its events and takes commands.
import type { ActorLogic, ActorRef, ActorScope, AnyActorRef, Snapshot } from 'xstate';
import { toAgentError } from '../errors.ts';
import type { SessionEventMap, SessionEventName, SessionState, UserState } from '../events.ts';
import { guardListeners, isStop, relay, watchAncestors } from '../supervisor/foreign-system.ts';
import { stopActor } from '../supervisor/xstate-internals.ts';
import type { Agent } from './agent.ts';
import type { AgentSession, ReplyOptions } from './agent-session.ts';
import type { Runtime } from './create-runtime.ts';
import type { SessionStartOptions } from './runtime-options.ts';

export interface AgentSessionInput extends SessionStartOptions {
  /** The session lives under its root and counts in its maxSessions. */
  readonly runtime: Runtime;
}

/** What the parent may send. Until the call is up, commands wait in order. */
export type AgentSessionCommand =
  | ({ readonly type: 'session.say'; readonly text: string } & Omit<ReplyOptions, 'instructions'>)
  | ({ readonly type: 'session.generateReply' } & ReplyOptions)
  | { readonly type: 'session.sendText'; readonly text: string }
  | { readonly type: 'session.interrupt' }
  | { readonly type: 'session.commitTurn' }
  | { readonly type: 'session.clearTurn' }
  | { readonly type: 'session.updateAgent'; readonly agent: Agent }
  | { readonly type: 'session.close'; readonly reason?: string };

type EventType<Name extends SessionEventName> = Name extends `session_${infer Rest}`
  ? `session.${Rest}`
  : `session.${Name}`;

/**
 * Every event of the session as the parent hears it: `state_changed` becomes `session.state_changed`, and
 * `session_started`, `session_stopped` and `session_error` become `session.started`, `session.stopped`, `session.error`.
 */
export type AgentSessionEvent = {
  [Name in SessionEventName]: { readonly type: EventType<Name> } & SessionEventMap[Name];
}[SessionEventName];

/** How the call ended. `error` is there when it never became usable. */
export interface AgentSessionOutput {
  readonly reason: string;
  readonly error?: { readonly code: string; readonly message: string };
}

/** `live` from the first to the last word; `replying` while the agent thinks or speaks; `over` at the end. */
export type AgentSessionTag = 'connecting' | 'live' | 'replying' | 'closing' | 'over';

/** Plain JSON. */
export interface AgentSessionContext {
  /** Null until the session was made. */
  readonly sessionId: string | null;
  readonly state: SessionState;
  readonly userState: UserState;
  readonly tags: readonly AgentSessionTag[];
  /** Turns that were completed. */
  readonly turns: number;
  /** Why it ended; null before. */
  readonly reason: string | null;
}

/** `value` is the state again, where inspectors look for it. */
export type AgentSessionSnapshot = Snapshot<AgentSessionOutput> & {
  readonly context: AgentSessionContext;
  readonly value: SessionState;
};

export type AgentSessionLogic = ActorLogic<
  AgentSessionSnapshot,
  AgentSessionCommand,
  AgentSessionInput,
  AnyActorRef['system'],
  AgentSessionEvent
>;
export type AgentSessionRef = ActorRef<AgentSessionSnapshot, AgentSessionCommand, AgentSessionEvent>;

type Scope = ActorScope<AgentSessionSnapshot, AgentSessionCommand, AnyActorRef['system'], AgentSessionEvent>;

/** What the proxy tells itself, so that its snapshot changes first and the parent hears of it afterwards. */
type Note =
  | { readonly kind: 'made'; readonly sessionId: string }
  | { readonly kind: 'told'; readonly event: AgentSessionEvent }
  | { readonly kind: 'up' }
  | { readonly kind: 'over'; readonly output: AgentSessionOutput };

/** A key that no event from outside has. */
const NOTE = Symbol('note');

/** What a proxy holds beside its snapshot, which must stay plain JSON. */
interface Call {
  /** Null in an actor that was restored from a persisted snapshot. */
  readonly input: AgentSessionInput | null;
  session: AgentSession | undefined;
  /** Commands that came before the call was up; undefined from then on. */
  waiting: AgentSessionCommand[] | undefined;
  isClosing: boolean;
  /** The actor has ended: it takes no more notes. */
  isOver: boolean;
  readonly cancels: (() => void)[];
}

const calls = new WeakMap<AnyActorRef, Call>();

/** The session behind an actor of {@link agentSession}; undefined before it starts, and for any other actor. */
export function sessionOf(ref: AnyActorRef | undefined): AgentSession | undefined {
  return ref === undefined ? undefined : calls.get(ref)?.session;
}

const TAGS: Readonly<Record<SessionState, readonly AgentSessionTag[]>> = {
  connecting: ['connecting'],
  idle: ['live'],
  listening: ['live'],
  processing: ['live'],
  thinking: ['live', 'replying'],
  toolExecution: ['live', 'replying'],
  responding: ['live', 'replying'],
  speaking: ['live', 'replying'],
  paused: ['live', 'replying'],
  interrupted: ['live'],
  closing: ['closing'],
  closed: ['over'],
  failed: ['over'],
};

/**
 * Invoke or spawn it in a machine of your own. The session itself runs under the runtime, supervised as any other; this
 * actor mirrors it, sends its events to the parent (and emits them, for `actor.on`), and takes commands as events.
 * It ends `done` with a reason, also when the call could not be started, and never in `error`. When it is stopped, or
 * an actor above it ends in whatever way, the session is closed in the background, within its own closing deadline.
 *
 * A persisted snapshot is plain JSON and tells how the call stood. A call cannot be continued from it: an actor restored
 * from one ends `done` as soon as it is started.
 */
export const agentSession: AgentSessionLogic = {
  // Shaped as a chart, so that inspectors draw it.
  config: {
    id: 'agentSession',
    initial: 'connecting',
    states: Object.fromEntries(Object.entries(TAGS).map(([state, tags]) => [state, { tags }])),
  },

  getInitialSnapshot({ self }, input) {
    calls.set(self, callOf(input));
    const { runtime }: Partial<AgentSessionInput> = input ?? {};
    if (typeof runtime?.onProblem === 'function') guardListeners(self, runtime.onProblem);
    return show({
      sessionId: null,
      state: 'connecting',
      userState: 'listening',
      tags: TAGS.connecting,
      turns: 0,
      reason: null,
    });
  },

  start(_snapshot, scope) {
    const call = calls.get(scope.self);
    if (call !== undefined) open(call, scope.self);
  },

  transition(snapshot, event, scope) {
    const call = calls.get(scope.self);
    if (call === undefined) return snapshot;
    if (isStop(event)) {
      leave(call);
      close(call, 'stopped by its parent');
      return { ...snapshot, status: 'stopped', output: undefined, error: undefined };
    }
    const note = (event as { readonly [NOTE]?: Note })[NOTE]; // only `tellSelf` sets it
    if (note !== undefined) return take(call, note, snapshot, scope);
    obey(call, event, scope);
    return snapshot;
  },

  getPersistedSnapshot: (snapshot) => snapshot,

  restoreSnapshot(persisted, { self }) {
    calls.set(self, callOf(null));
    return persisted as AgentSessionSnapshot; // written by getPersistedSnapshot above
  },
};

function callOf(input: AgentSessionInput | null): Call {
  return { input, session: undefined, waiting: [], isClosing: false, isOver: false, cancels: [] };
}

function open(call: Call, self: AgentSessionRef): void {
  const tellSelf = (note: Note) => {
    // A message to ourselves is not part of the public commands.
    if (!call.isOver) self.send({ type: `session.${note.kind}`, [NOTE]: note } as never);
  };
  const over = (output: AgentSessionOutput) => tellSelf({ kind: 'over', output });
  if (call.input === null) {
    over({ reason: 'the call ended with the process that held it' });
    return;
  }
  let session: AgentSession;
  try {
    const { runtime, ...options } = call.input;
    session = runtime.createSession(options);
  } catch (error) {
    over(outputOf(error));
    return;
  }
  call.session = session;
  tellSelf({ kind: 'made', sessionId: session.sessionId });
  call.cancels.push(
    session.onAny((name, payload) => tellSelf({ kind: 'told', event: eventOf(name, payload) })),
    watchAncestors(self, () => stopActor(self)),
  );
  session.start().then(
    () => {
      tellSelf({ kind: 'up' });
      void session.whenStopped.then(({ reason }) => over({ reason }));
    },
    (error: unknown) => {
      if (!call.isClosing) over(outputOf(error));
    },
  );
  // A call that was closed while it connected has not failed.
  void session.whenStopped.then(({ reason }) => {
    if (call.isClosing) over({ reason });
  });
}

function take(call: Call, note: Note, snapshot: AgentSessionSnapshot, scope: Scope): AgentSessionSnapshot {
  const { context } = snapshot;
  switch (note.kind) {
    case 'made':
      return show({ ...context, sessionId: note.sessionId });
    case 'told':
      tellParent(note.event, scope);
      return show(mirrored(context, note.event));
    case 'up': {
      const { waiting = [] } = call;
      call.waiting = undefined;
      for (const command of waiting) obey(call, command, scope);
      return snapshot;
    }
    case 'over': {
      leave(call);
      const state = context.state === 'failed' || note.output.error !== undefined ? 'failed' : 'closed';
      const last = { ...context, state, tags: TAGS[state], reason: note.output.reason } as const;
      return { status: 'done', output: note.output, error: undefined, context: last, value: state };
    }
  }
}

function mirrored(context: AgentSessionContext, event: AgentSessionEvent): AgentSessionContext {
  switch (event.type) {
    case 'session.state_changed':
      return { ...context, state: event.toState, tags: TAGS[event.toState] };
    case 'session.user_state_changed':
      return { ...context, userState: event.toState };
    case 'session.turn_completed':
      return { ...context, turns: context.turns + 1 };
    default:
      return context;
  }
}

/** Does what the parent asks. What is refused comes back as `session.error`; it never throws. */
function obey(call: Call, command: AgentSessionCommand, scope: Scope): void {
  const { session, waiting } = call;
  if (command.type === 'session.close') close(call, command.reason);
  else if (waiting !== undefined) waiting.push(command);
  else if (session !== undefined) {
    try {
      perform(session, command);
    } catch (error) {
      const { code, message } = toAgentError(error, 'ERR_SESSION', `${command.type} failed`);
      tellParent({ type: 'session.error', sessionId: session.sessionId, code, part: 'command', message }, scope);
    }
  }
}

function perform(
  session: AgentSession,
  command: Exclude<AgentSessionCommand, { readonly type: 'session.close' }>,
): void {
  switch (command.type) {
    case 'session.say':
      session.say(command.text, command);
      return;
    case 'session.generateReply':
      session.generateReply(command);
      return;
    case 'session.sendText':
      session.sendText(command.text);
      return;
    case 'session.interrupt':
      session.interrupt();
      return;
    case 'session.commitTurn':
      session.commitTurn();
      return;
    case 'session.clearTurn':
      session.clearTurn();
      return;
    case 'session.updateAgent':
      session.updateAgent(command.agent);
      return;
    default:
      command satisfies never; // an event that is no command is ignored, as a machine does
  }
}

/** The session bounds this by its own deadline. */
function close(call: Call, reason: unknown): void {
  call.isClosing = true;
  call.waiting = undefined;
  void call.session?.close(typeof reason === 'string' ? reason : undefined);
}

function leave(call: Call): void {
  call.isOver = true;
  for (const cancel of call.cancels.splice(0)) cancel();
}

/** After the step in hand, so that whoever hears of a change reads a snapshot that has it. */
function tellParent(event: AgentSessionEvent, { self, emit, defer }: Scope): void {
  defer(() => {
    emit(event);
    if (self._parent !== undefined) relay(self, self._parent, event);
  });
}

function eventOf(name: SessionEventName, payload: SessionEventMap[SessionEventName]): AgentSessionEvent {
  return { type: `session.${name.replace(/^session_/u, '')}`, ...payload } as AgentSessionEvent; // name and payload belong together
}

function show(context: AgentSessionContext): AgentSessionSnapshot {
  return { status: 'active', output: undefined, error: undefined, context, value: context.state };
}

function outputOf(thrown: unknown): AgentSessionOutput {
  const { code, message } = toAgentError(thrown, 'ERR_OPTION', 'the session could not be started');
  return { reason: code, error: { code, message } };
}
