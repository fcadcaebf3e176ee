// The turn chart with its effects filled in, once per process.
import { fromPromise } from 'xstate';
import { recite, respond } from '../actors/respond.actor.ts';
import { AgentError, toAgentError } from '../errors.ts';
import type { TurnKey, TurnOutcome } from '../events.ts';
import { type StepInput, type StepOutput, turnMachine } from '../machines/turn.machine.ts';
import { kill, monitor, startChildNow } from '../supervisor/index.ts';
import { CALL_CRASHED, CALL_OVERDUE, endCall } from './end-call.ts';
import type { ToolCallRecord } from './ledger.ts';
import { findScope, type SessionScope, scopeOf, toolName } from './session-scope.ts';
import { toolBudgetMsOf, toolCallSpec } from './tool-call-spec.ts';
import type { TurnRecord } from './turn-record.ts';

interface Args {
  readonly context: TurnKey & { readonly sessionId: string };
}

function onTurn<P = unknown>(
  run: (scope: SessionScope, turn: TurnRecord, params: P, key: TurnKey) => void,
): (args: unknown, params: P) => void {
  return (args, params) => {
    const { n, attempt, mode, sessionId } = (args as Args).context; // what xstate hands to every action
    const scope = findScope(sessionId);
    const key = { n, attempt, mode };
    const turn = scope?.turnOf(key);
    if (scope === undefined || turn == null) return;
    try {
      run(scope, turn, params, key);
    } catch (error) {
      scope.problem('turn', error);
    }
  };
}

const step = fromPromise<StepOutput, StepInput>(async ({ input, signal }) => {
  const { sessionId, n, attempt, mode } = input;
  const scope = scopeOf(sessionId);
  const key = { n, attempt, mode };
  const turn = scope.turnOf(key);
  const { writer } = scope;
  if (turn === null || writer === null) throw new AgentError('ERR_CLOSED', `turn ${n} is over`);
  const isCurrent = () => !signal.aborted && scope.turnOf(key) === turn;
  const shared = {
    writer,
    beginItem: () => scope.ledger.beginAssistantItem(),
    onText: () => {
      if (isCurrent()) turn.marks.firstTokenAtMs ??= scope.clock.now();
    },
    onEnd: (text: string) => {
      if (!isCurrent()) return;
      // From here on the voice has its time.
      scope.noteProgress(key);
      scope.emit('response_generated', { turn: n, text });
    },
  };
  if (mode === 'say' || mode === 'fallback') {
    recite({ ...shared, text: turn.text, frames: mode === 'fallback' ? scope.fallbackFrames : undefined });
    return { calls: 0, toolBudgetMs: 0 };
  }
  turn.step = input.step;
  scope.usage.modelCalls++;
  const { turnAgent: agent, sight } = scope;
  const instructions = [agent.instructions, turn.instructions ?? ''].filter((text) => text !== '').join('\n\n');
  const messages = scope.ledger.messages(instructions);
  const calls = await respond(
    {
      ...shared,
      llm: scope.llm,
      messages: sight?.show(messages, scope.ledger.items, mode === 'reply') ?? messages,
      tools: agent.chatTools(),
      now: () => scope.clock.now(),
      isCurrent,
      onCall: (call) => {
        if (!isCurrent()) return false;
        turn.marks.firstTokenAtMs ??= scope.clock.now();
        // The next attempt, if one is needed, must not ask again for calls that are recorded.
        turn.step = input.step + 1;
        scope.ledger.recordCall(call);
        return true;
      },
      onUsage: (inputTokens, outputTokens) => {
        scope.usage.inputTokens += inputTokens;
        scope.usage.outputTokens += outputTokens;
      },
      onProgress: (isFirstText) => {
        scope.noteProgress(key);
        // What the voice got has told the turn already, and the watch on it has written that down.
        if (isFirstText && turn.phase === 'responding') return;
        scope.tellTurn(key, { type: isFirstText ? 'reply.started' : 'reply.progressed' });
      },
    },
    input.isLastStep,
    signal,
  );
  turn.toolBudgetMs = toolBudgetMsOf(scope, n);
  return { calls, toolBudgetMs: turn.toolBudgetMs };
});

export const turnLogic = turnMachine.provide({
  actors: { respond: step },
  actions: {
    // After the chart's own step, as every start of an actor from an action.
    startToolCalls: onTurn((scope, { n }, _params, key) => {
      const calls = scope.ledger.openCalls(n);
      scope.soon(() => startToolCalls(scope, key, calls));
    }),
    abandonToolCalls: onTurn((scope, turn) => {
      for (const { callId } of scope.ledger.openCalls(turn.n)) {
        endCall(scope, callId, CALL_OVERDUE);
        const ref = scope.whereis(toolName(callId));
        if (ref !== undefined) kill(ref);
      }
    }),
    finishVoice: onTurn((scope) => scope.voice?.finishVoice()),
    recordFailure: onTurn<{ error: unknown }>((_scope, turn, { error }) => {
      turn.failure = toAgentError(error, 'ERR_PROVIDER', 'the reply failed');
    }),
    recordDeadline: onTurn<{ stage: string }>((_scope, turn, { stage }) => {
      turn.byDeadline = true;
      turn.failure = new AgentError('ERR_DEADLINE', `no ${stage} in time`, {
        field: stage,
        fix: 'Look at the provider, or raise its deadline in the session options',
      });
    }),
    recordOutcome: onTurn<{ outcome: TurnOutcome }>((_scope, turn, { outcome }) => {
      turn.outcome = outcome;
    }),
  },
});

function startToolCalls(scope: SessionScope, key: TurnKey, calls: readonly ToolCallRecord[]): void {
  if (scope.turnOf(key)?.cancelled !== null) return;
  scope.asides.speakNext();
  const supervisor = scope.whereis('toolCalls');
  for (const call of calls) {
    const told = () => {
      endCall(scope, call.callId, CALL_CRASHED);
      scope.noteProgress(key);
      const openCalls = scope.ledger.openCalls(key.n).length;
      scope.tellTurn(key, { type: 'child.down', child: 'tool', callId: call.callId, openCalls });
    };
    const watch = (result: ReturnType<typeof startChildNow>) => {
      if (result === 'queued') return;
      if (result.ok && result.ref !== undefined) monitor(result.ref, told);
      else told();
    };
    const running = scope.whereis(toolName(call.callId));
    // A call that is joined may have ended since the turn counted it.
    if (scope.ledger.openCall(call.callId) !== call) told();
    else if (running !== undefined) monitor(running, told);
    else if (supervisor === undefined) told();
    else watch(startChildNow(supervisor, toolCallSpec(scope, call), watch));
  }
}
