// The session and connection charts with their effects filled in, once per process.
import type { AnyActorLogic, EventObject } from 'xstate';
import { fromPromise } from 'xstate';
import { streamLogic } from '../actors/stream.ts';
import { AgentError, toAgentError } from '../errors.ts';
import { type ConnectionEvent, connectionMachine } from '../machines/connection.machine.ts';
import { type SessionContext, sessionMachine } from '../machines/session.machine.ts';
import type { TransportConnection } from '../transports/transport.ts';
import { sessionEffects } from './session-effects.ts';
import { findScope, type SessionScope, scopeOf } from './session-scope.ts';

const filled = sessionMachine.provide({ actions: sessionEffects });

/**
 * The session chart, told the truth before each event: `context.levels` is read from ledger and links at the moment an
 * event is handled, so that a hint that came early, late or twice decides nothing (docs/adr/0002).
 */
export const conversationLogic: typeof filled = Object.create(filled, {
  transition: {
    value(snapshot: { readonly context: SessionContext }, event: EventObject, actorScope: never) {
      const scope = findScope(snapshot.context.sessionId);
      const current = scope === undefined ? snapshot : withLevels(snapshot, scope);
      return filled.transition(current as never, event as never, actorScope); // the snapshot is the chart's own, with newer levels
    },
  },
}) as typeof filled; // the same chart with one method replaced

function withLevels<S extends { readonly context: SessionContext }>(snapshot: S, scope: SessionScope): S {
  return { ...snapshot, context: { ...snapshot.context, levels: scope.levels() } };
}

/** Opens the transport, or re-attaches to a connection that is still alive. */
const openConnection = fromPromise<void, { name: string; ownerId: string }>(async ({ input, signal }) => {
  const scope = scopeOf(input.ownerId);
  if (scope.connection?.isOpen === true) return;
  const source = scope.input.attachSource();
  // Given up with this attempt; once open, the connection lives as long as the session.
  const life = new AbortController();
  const end = () => life.abort();
  signal.addEventListener('abort', end, { once: true });
  scope.controller.signal.addEventListener('abort', end, { once: true });
  const opening = scope.transport.open({
    sessionId: scope.id,
    clock: scope.clock,
    ids: scope.ids,
    signal: life.signal,
    audio: scope.options.audio,
    ...(scope.sight !== null && { video: scope.sight.request }),
    onFrame: scope.options.audio.input ? source : () => {},
    onEvent: (event) => {
      switch (event.type) {
        case 'opened':
          return;
        case 'text':
          scope.requests.receive(event.text);
          return;
        case 'dtmf':
          scope.emit('dtmf_received', { digit: event.digit });
          return;
        case 'lost':
          scope.sight?.forget();
          scope.whereis('transport')?.send({
            type: 'transport.lost',
            code: 'ERR_TRANSPORT',
            message: event.reason,
            retryable: true,
          });
          return;
        case 'closed':
          hangUp(scope, event.reason);
          return;
      }
    },
  });
  const connection = await opening.then(withLoudspeaker(scope)).catch((error: unknown) => {
    // An attempt that was given up has nothing new to tell.
    if (!life.signal.aborted)
      scope.transportFailure = toAgentError(error, 'ERR_TRANSPORT', 'the transport could not be opened');
    throw error;
  });
  scope.transportFailure = null;
  signal.removeEventListener('abort', end);
  if (signal.aborted || scope.controller.signal.aborted) {
    await connection.close();
    throw new AgentError('ERR_CLOSED', 'the session ended while its transport was opening');
  }
  scope.useConnection(connection);
});

/** A voice that nobody can hear is a mistake of the host, told before the call begins. */
function withLoudspeaker({ voice, transport }: SessionScope) {
  return async (connection: TransportConnection): Promise<TransportConnection> => {
    if (voice === null || connection.sink !== null) return connection;
    await connection.close();
    throw new AgentError('ERR_TRANSPORT', `the transport ${transport.label} has no loudspeaker`, {
      fix: 'Start the session with the option `audio: { output: false }`',
      retryable: false,
    });
  };
}

function hangUp(scope: SessionScope, reason: string, error?: AgentError): void {
  if (scope.ledger.transport === 'gone') return;
  scope.ledger.transport = 'gone';
  scope.ledger.closing ??= { reason, sinceMs: scope.clock.now(), ...(error !== undefined && { error }) };
  scope.input.finish();
  scope.tell({ type: 'transport.closed' });
  scope.whereis('transport')?.send({ type: 'transport.close' });
}

const holdConnection = streamLogic<ConnectionEvent, { name: string; ownerId: string }>(
  { type: 'transport.lost', code: 'ERR_TRANSPORT', message: 'the connection broke', retryable: true },
  ({ ownerId }, error) => findScope(ownerId)?.problem('transport', error),
  ({ ownerId }) => {
    const scope = scopeOf(ownerId);
    scope.markOpened();
    return () => {};
  },
);

export const transportLogic: AnyActorLogic = connectionMachine.provide({ actors: { openConnection, holdConnection } });

/** The transport ended without being asked: the call is over. */
export function transportEnded(scope: SessionScope): void {
  const { transportFailure: failure } = scope;
  // Whoever starts a session gets it as the error of the start; nobody waits for it later in the call.
  if (failure !== null && scope.ledger.transport === 'up') scope.problem('transport', failure);
  const reason = `the transport could not be reached${failure === null ? '' : `: ${failure.message}`}`;
  hangUp(scope, reason, failure ?? new AgentError('ERR_TRANSPORT', reason));
}
