// The life of one session under the supervisor of all sessions: how its tree is started, and what is done, once, when it is over.
import type { AnyActorRef } from 'xstate';
import { AgentError } from '../errors.ts';
import { type ChildSpec, type Down, dynamicSupervisor, isOrderly, monitor } from '../supervisor/index.ts';
import { CALL_CANCELLED, endCall } from './end-call.ts';
import { removeScope, type SessionScope } from './session-scope.ts';
import { type SessionTreeInput, sessionTree } from './tree.ts';

/** A session may be restarted this often by the supervisor of all sessions; each keeps its own count. */
const SESSION_RESTARTS = 2;

export const sessionsTree = dynamicSupervisor({ id: 'sessions', intensity: 1_000_000, periodMs: 5_000 });

export class SessionRun {
  readonly #scope: SessionScope;
  readonly #onOver: () => void;
  #isOver = false;

  /** @param onOver told first when the session is over: it counts no longer */
  constructor(scope: SessionScope, onOver: () => void) {
    this.#scope = scope;
    this.#onOver = onOver;
  }

  spec(): ChildSpec<unknown> {
    const scope = this.#scope;
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
          monitor(ref, (down) => this.#treeEnded(down));
        };
        return { logic: sessionTree, input, name: scope.nameOf('session'), onSpawn };
      },
    };
  }

  /** Nothing of the session runs any more: what is left is written down, told and released. Idempotent. */
  finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onOver();
    const scope = this.#scope;
    const { ledger, session, hub } = scope;
    if (ledger.closing === null) {
      const error = brokenBy(scope);
      scope.problem('session', error);
      ledger.closing = { reason: error.code, sinceMs: scope.clock.now(), error };
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
    const durationMs = scope.clock.now() - scope.startedAtMs;
    hub.emit('session_stopped', { sessionId: scope.id, reason, durationMs });
    hub.clear();
  }

  #treeEnded({ reason }: Down): void {
    if (isOrderly(reason)) {
      this.finish();
      return;
    }
    // After a crash the supervisor may have a new incarnation running by the end of this tick.
    queueMicrotask(() => {
      if (this.#scope.whereis('session') === undefined) this.finish();
    });
  }
}

/** Nobody ended it. */
function brokenBy({ shownState }: SessionScope): AgentError {
  return shownState === 'failed'
    ? new AgentError('ERR_TRANSPORT', 'the transport did not connect in time', {
        field: 'deadlines.connectMs',
        fix: 'Check address and network, or raise it',
      })
    : new AgentError('ERR_SESSION', 'the session gave up after its parts could not be restarted');
}
