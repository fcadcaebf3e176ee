// What the session chart asks for, done on ledger, links and tree. None of these throws: a failure comes back as an event.
import { AgentError } from '../errors.ts';
import type { CancelCause, SessionEvent, SessionState, TurnKey, TurnLatency, UserState } from '../events.ts';
import { type Down, kill, monitor, startChildNow } from '../supervisor/index.ts';
import { CALL_CANCELLED, endCall } from './end-call.ts';
import { findScope, type SessionScope, toolName, turnName } from './session-scope.ts';
import type { TurnRecord } from './turn-record.ts';
import { turnSpec } from './turn-spec.ts';

interface Args {
  readonly context: { readonly sessionId: string };
  readonly event: { readonly type: string };
}

type Effect<P> = (scope: SessionScope, params: P, event: SessionEvent['type']) => void;

/** An effect by session id; a session that is gone has nothing left to do, and a throw becomes a session_error. */
function effect<P = unknown>(run: Effect<P>): (args: unknown, params: P) => void {
  return (args, params) => {
    const { context, event } = args as Args; // what xstate hands to every action
    const scope = findScope(context.sessionId);
    if (scope === undefined) return;
    try {
      run(scope, params, event.type as SessionEvent['type']);
    } catch (error) {
      scope.problem('session', error);
    }
  };
}

function keyOf({ n, attempt, mode }: TurnKey): TurnKey {
  return { n, attempt, mode };
}

function down(scope: SessionScope, key: TurnKey): void {
  const turn = scope.turnOf(key);
  const outcome = turn?.outcome ?? null;
  // Silence first, then the count of what was heard: a dead turn must not speak on.
  if (turn !== null && outcome !== 'completed' && outcome !== 'empty') flush(scope);
  const reason = outcome === null ? 'crashed' : outcome === 'abandoned' ? 'interrupted' : outcome;
  scope.tell({ type: 'child.down', child: 'turn', ...key, reason });
}

function flush(scope: SessionScope): { playedMs: number; heardText: string } {
  const result = scope.output.flush();
  const { turn } = scope.ledger;
  if (turn !== null && result.playedMs > 0) turn.heard = true;
  return result;
}

function beginTurn(scope: SessionScope, turn: TurnRecord): void {
  const key = keyOf(turn);
  scope.writer = scope.output.attachTurn(key);
  scope.emit('turn_started', { turn: turn.n, mode: turn.mode, attempt: turn.attempt });
  const watch = (result: ReturnType<typeof startChildNow>) => {
    if (result === 'queued') return;
    if (result.ok && result.ref !== undefined) monitor(result.ref, (_: Down) => down(scope, key));
    else down(scope, key);
  };
  // After the chart's own step: an actor created inside an action makes the development build of xstate complain.
  scope.soon(() => {
    if (scope.turnOf(key) !== turn || turn.cancelled !== null) return;
    const turns = scope.whereis('turns');
    if (turns === undefined) down(scope, key);
    else watch(startChildNow(turns, turnSpec(scope, key), watch));
  });
}

const CAUSES: Partial<Record<SessionEvent['type'], CancelCause>> = {
  'text.received': 'text',
  'turn.interrupt': 'host',
  'session.close': 'closing',
  'transport.closed': 'closing',
};

function interrupt(scope: SessionScope, cause: CancelCause): void {
  const { turn } = scope.ledger;
  if (turn === null) {
    scope.output.flush();
    return;
  }
  const isFirst = turn.cancelled === null;
  const wasOpen = turn.outcome === null;
  turn.cancelled ??= cause;
  const { playedMs, heardText } = flush(scope);
  if (isFirst) turn.cutUnheard = playedMs === 0 && heardText === '';
  if (isFirst && wasOpen) scope.emit('interruption', { turn: turn.n, cause: turn.cancelled, playedMs, heardText });
  const ref = scope.whereis(turnName(turn));
  if (ref === undefined) down(scope, keyOf(turn));
  else ref.send({ type: 'turn.cancel' });
}

function settle(scope: SessionScope): void {
  const turn = scope.ledger.settleTurn();
  if (turn === null) return;
  for (const { callId } of scope.ledger.openCalls(turn.n)) {
    const ref = scope.whereis(toolName(callId));
    if (ref === undefined) endCall(scope, callId, CALL_CANCELLED);
    else ref.send({ type: 'tool.cancel' });
  }
  const outcome = turn.outcome ?? (turn.cancelled === null ? 'failed' : 'interrupted');
  scope.asides.end(outcome);
  // What was asked for was not done, however the apology for it ended.
  scope.requests.settle(turn.requestIds, { outcome: turn.mode === 'fallback' ? 'failed' : outcome, turn: turn.n });
  scope.emit('turn_completed', {
    turn: turn.n,
    mode: turn.mode,
    outcome,
    durationMs: scope.clock.now() - turn.startedAtMs,
    messageCount: scope.ledger.items.length,
    latency: latencyOf(turn),
  });
}

function latencyOf({ marks }: TurnRecord): TurnLatency {
  const { lastVoiceAtMs, finalAtMs, committedAtMs, firstTokenAtMs, firstAudioAtMs } = marks;
  const between = (from: number | null, to: number | null) => (from === null || to === null ? null : to - from);
  return {
    endpointingMs: between(lastVoiceAtMs, committedAtMs),
    // Voice without words may follow the last final: then nothing was waited for.
    transcriptionMs: lastVoiceAtMs === null || finalAtMs === null ? null : Math.max(0, finalAtMs - lastVoiceAtMs),
    firstTokenMs: between(committedAtMs, firstTokenAtMs),
    firstAudioMs: between(firstTokenAtMs, firstAudioAtMs),
    totalMs: between(lastVoiceAtMs ?? committedAtMs, firstAudioAtMs),
  };
}

/** A loss without a turn is told by whoever noticed it. */
function reportFailure(scope: SessionScope): void {
  const { turn } = scope.ledger;
  if (turn !== null) scope.problem('turn', turn.failure ?? new AgentError('ERR_SESSION', 'the turn crashed'));
}

/** Implementations of the session chart's actions. */
export const sessionEffects = {
  showState: effect<{ state: SessionState }>((scope, { state }) => {
    const fromState = scope.shownState;
    if (fromState === state) return;
    scope.shownState = state;
    if (fromState !== null) scope.emit('state_changed', { fromState, toState: state });
  }),
  showUser: effect<{ user: UserState }>((scope, { user }) => {
    const fromState = scope.shownUser;
    if (fromState === user) return;
    scope.shownUser = user;
    scope.emit('user_state_changed', { fromState, toState: user });
  }),
  announceResume: (args: unknown) => {
    const { self } = args as { self: { send(event: SessionEvent): void } }; // what xstate hands to every action
    self.send({ type: 'session.resumed' });
  },
  startTurn: effect((scope) => {
    scope.turnAgent = scope.agent;
    const turn = scope.ledger.openTurn(scope.turnDeadlineMs);
    const { sight } = scope;
    if (sight !== null) scope.ledger.recordImages(turn.n, () => sight.commit());
    beginTurn(scope, turn);
  }),
  startFallback: effect((scope) => {
    reportFailure(scope);
    scope.output.flush();
    scope.asides.end('failed');
    beginTurn(scope, scope.ledger.openFallback(scope.options.fallbackMessage, scope.turnDeadlineMs));
  }),
  retryTurn: effect((scope) => {
    scope.asides.end('failed');
    const turn = scope.ledger.retryTurn();
    if (turn !== null) beginTurn(scope, turn);
  }),
  adoptTurn: effect((scope) => {
    const { turn } = scope.ledger;
    if (turn === null) return;
    // The monitor was set when the turn was started and still tells; only a turn that died meanwhile must be told now.
    if (scope.whereis(turnName(turn)) === undefined) down(scope, keyOf(turn));
  }),
  settleTurn: effect(settle),
  interruptTurn: effect((scope, _params, event) => interrupt(scope, CAUSES[event] ?? 'voice')),
  killTurn: effect((scope) => {
    const { turn } = scope.ledger;
    if (turn === null) return;
    flush(scope);
    const ref = scope.whereis(turnName(turn));
    if (ref === undefined) down(scope, keyOf(turn));
    else kill(ref);
  }),
  reportLoss: effect(reportFailure),
  pausePlayout: effect((scope) => scope.output.pause()),
  resumePlayout: effect((scope) => scope.output.resume()),
  holdPlayout: effect((scope) => scope.output.hold(true)),
  releasePlayout: effect((scope) => {
    // The end of the call ends the utterance, too, and the answer that waited for its end must not begin now.
    if (scope.ledger.closing === null) scope.output.hold(false);
  }),
  forceEndOfSpeech: effect((scope) => scope.input.forceEnd()),
  giveUpUtterances: effect((scope) => {
    const lost = scope.ledger.speech.giveUp();
    scope.input.discard(lost);
    if (lost.length > 0)
      scope.problem('stt', new AgentError('ERR_PROVIDER', 'no transcript came for something the user said'));
  }),
  commitPartials: effect((scope) => {
    const late = scope.ledger.speech.commitPartials();
    scope.input.discard(late);
    if (late.length > 0)
      scope.problem('stt', new AgentError('ERR_PROVIDER', 'a transcript was late; its first words were taken'));
  }),
  commitRest: effect((scope) => scope.commitRest()),
  resendSustained: effect((scope) => {
    const { userSpeaking, sustained } = scope.levels();
    if (userSpeaking && sustained) scope.tell({ type: 'speech.sustained' });
  }),
};
