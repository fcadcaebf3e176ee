// The child spec of one incarnation of a turn, and the watch on its phase.
import type { AnyActorRef } from 'xstate';
import type { TurnKey, TurnPhase } from '../events.ts';
import { phaseOf, type TurnInput } from '../machines/turn.machine.ts';
import type { ChildSpec } from '../supervisor/index.ts';
import { turnSettingsOf } from './session-options.ts';
import { type SessionScope, turnName } from './session-scope.ts';
import { toolBudgetMsOf } from './tool-call-spec.ts';
import { turnLogic } from './wire-turn.ts';

interface TaggedSnapshot {
  readonly status: string;
  hasTag(tag: TurnPhase | 'held'): boolean;
}

/** A turn is never restarted by its supervisor: the session decides on a second attempt, from the ledger. */
export function turnSpec(scope: SessionScope, key: TurnKey): ChildSpec {
  const name = turnName(key);
  return {
    id: name,
    restart: 'temporary',
    shutdown: 'brutal_kill',
    start: () => ({
      logic: turnLogic,
      input: inputOf(scope, key),
      name: scope.nameOf(name),
      onSpawn: watch(scope, key),
    }),
  };
}

function inputOf(scope: SessionScope, key: TurnKey): TurnInput {
  const { turn } = scope.ledger;
  const step = turn?.step ?? 1;
  const openCalls = key.mode === 'fallback' ? 0 : scope.ledger.openCalls(key.n).length;
  // Calls that are joined get their time anew, and belong to the step before the one that is next.
  if (turn !== null && openCalls > 0) turn.toolBudgetMs = toolBudgetMsOf(scope, key.n);
  return {
    ...key,
    sessionId: scope.id,
    settings: turnSettingsOf(scope.options),
    step: openCalls > 0 ? step - 1 : step,
    openCalls,
    toolBudgetMs: turn?.toolBudgetMs ?? 0,
  };
}

/** Writes each new phase to the ledger, then tells the session. */
function watch(scope: SessionScope, key: TurnKey): (ref: AnyActorRef) => void {
  return (ref) => {
    ref.subscribe({
      next: (snapshot: TaggedSnapshot) => {
        const turn = scope.turnOf(key);
        // A turn that is over has no phase; its end is told by the monitor.
        if (turn === null || snapshot.status !== 'active') return;
        const phase = phaseOf(snapshot);
        const held = snapshot.hasTag('held');
        if (phase === turn.phase && held === turn.held) return;
        turn.phase = phase;
        turn.held = held;
        turn.deadlineMs = phase === 'toolExecution' ? turn.toolBudgetMs + 1_000 : scope.turnDeadlineMs;
        turn.lastProgressAtMs = scope.clock.now();
        turn.progressToldAtMs = turn.lastProgressAtMs;
        scope.tell({ type: 'turn.phased', ...key });
      },
      // Without an observer here a crash would be reported as unhandled.
      error: () => {},
    });
  };
}
