// The tool call chart with its effects filled in, once per process, and the child spec of one call.
import { fromPromise, type Snapshot } from 'xstate';
import { makeRunTool } from '../actors/run-tool.actor.ts';
import {
  type ToolCallInput,
  type ToolCallRef,
  toolCallBudgetMs,
  toolCallMachine,
  toolCallOutput,
} from '../machines/tool-call.machine.ts';
import type { ChildSpec } from '../supervisor/index.ts';
import { executeOnce, fallbackText, prepareCall, RunContext } from '../tools/index.ts';
import { breakerOf, tellBreaker } from './breakers.ts';
import { endCall } from './end-call.ts';
import type { ToolCallRecord } from './ledger.ts';
import { findScope, type SessionScope, scopeOf, toolName } from './session-scope.ts';

/** Limits of a call whose tool is not known: it ends in validation. */
const UNKNOWN_TOOL = { timeoutMs: 1_000, maxRetries: 0, retryDelayMs: 0, retryOnTimeout: false };

interface Admission {
  readonly admitted: boolean;
}

/** A breaker serves every session, and models repeat their call ids. */
function probeId(sessionId: string, callId: string): string {
  return `${sessionId}/${callId}`;
}

function admit(scope: SessionScope, callId: string): Admission {
  const tool = scope.prepared.get(callId)?.tool;
  const breaker = tool && breakerOf(scope.registry, tool);
  if (breaker === undefined) return { admitted: true };
  const admitted = (breaker.getSnapshot() as Snapshot<unknown> & { hasTag(tag: string): boolean }).hasTag('admits'); // a chart
  if (admitted) breaker.send({ type: 'tool.admitted', callId: probeId(scope.id, callId) });
  return { admitted };
}

const validateCall = fromPromise<Admission, ToolCallRef>(async ({ input: { sessionId, callId }, signal }) => {
  const scope = scopeOf(sessionId);
  const call = scope.ledger.openCall(callId);
  if (call === undefined) return { admitted: true };
  const prepared = await prepareCall(scope.turnAgent.tools, call);
  // A call that was given up meanwhile must not take the breaker's probe: nobody would give it back.
  if (signal.aborted || scope.ledger.openCall(callId) !== call) return { admitted: false };
  scope.prepared.set(callId, prepared);
  return admit(scope, callId);
});

const admitCall = fromPromise<Admission, ToolCallRef>(async ({ input: { sessionId, callId } }) =>
  admit(scopeOf(sessionId), callId),
);

const runTool = makeRunTool({
  lookup: ({ sessionId, callId }) => findScope(sessionId)?.prepared.get(callId),
  contextOf: ({ sessionId, callId, toolName: name }, signal) => {
    const scope = scopeOf(sessionId);
    return new RunContext({
      callId,
      toolName: name,
      signal,
      onProblem: scope.onProblem,
      session: {
        sessionId,
        userData: scope.userData,
        log: (entry) => scope.log(entry),
        addMetric: (metric, delta) => scope.metrics.set(metric, (scope.metrics.get(metric) ?? 0) + delta),
        say: (text) => scope.asides.say(callId, text),
        host: scope.session,
      },
    });
  },
  execute: executeOnce,
});

const fallBack = fromPromise<string, ToolCallRef & { reason: 'failed' | 'timedOut' | 'unavailable' }>(
  async ({ input: { sessionId, callId, reason } }) => {
    const tool = findScope(sessionId)?.prepared.get(callId)?.tool;
    return fallbackText(tool, reason);
  },
);

const toolCallLogic = toolCallMachine.provide({
  actors: { validateCall, admitCall, runTool, fallBack },
  actions: {
    tellBreaker: ({ context: { sessionId, callId } }, { result }) => {
      const scope = findScope(sessionId);
      const tool = scope?.prepared.get(callId)?.tool;
      if (scope === undefined || tool === undefined) return;
      tellBreaker(scope.registry, tool, { type: `tool.${result}`, callId: probeId(sessionId, callId) });
    },
    recordOutput: ({ context }) => {
      const scope = findScope(context.sessionId);
      if (scope === undefined) return;
      const { callId, outcome, output, failure } = toolCallOutput(context);
      endCall(scope, callId, { output, error: outcome === 'succeeded' ? null : (failure?.message ?? outcome) });
    },
  },
});

function limitsOf(
  scope: SessionScope,
  name: string,
): Pick<ToolCallInput, 'timeoutMs' | 'maxRetries' | 'retryDelayMs' | 'retryOnTimeout'> {
  const { timeoutMs, maxRetries, retryDelayMs, retryOnTimeout } = scope.turnAgent.tools.get(name) ?? UNKNOWN_TOOL;
  return { timeoutMs, maxRetries, retryDelayMs, retryOnTimeout };
}

/** Tries x timeout + delays of the longest open call of turn `n`; they run side by side. */
export function toolBudgetMsOf(scope: SessionScope, n: number): number {
  return Math.max(0, ...scope.ledger.openCalls(n).map(({ name }) => toolCallBudgetMs(limitsOf(scope, name))));
}

/** Never restarted: a call that crashed gets an output that says so, and the model decides. */
export function toolCallSpec(scope: SessionScope, call: ToolCallRecord): ChildSpec {
  const name = toolName(call.callId);
  return {
    id: name,
    restart: 'temporary',
    shutdown: 'brutal_kill',
    start: () => {
      scope.callStartedAtMs.set(call.callId, scope.clock.now());
      scope.emit('tool_called', { callId: call.callId, toolName: call.name, arguments: call.arguments });
      const input: ToolCallInput = {
        sessionId: scope.id,
        callId: call.callId,
        toolName: call.name,
        ...limitsOf(scope, call.name),
      };
      return { logic: toolCallLogic, input, name: scope.nameOf(name) };
    },
  };
}
