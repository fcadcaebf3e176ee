// The supervision tree as data: who is started in which order, who is restarted, how long a stop may take.

import type { PipelineKind } from '../events.ts';
import type { SessionInput } from '../machines/session.machine.ts';
import { type ChildSpec, dynamicSupervisor, monitor, supervisor } from '../supervisor/index.ts';
import { pipelineSettingsOf, sessionSettingsOf } from './session-options.ts';
import { type SessionScope, scopeOf } from './session-scope.ts';
import { conversationLogic, transportEnded, transportLogic } from './wire.ts';
import { pipelineLogic } from './wire-pipeline.ts';

/** Input of every supervisor of a session. */
export interface SessionTreeInput {
  readonly sessionId: string;
}

const pipeline = (kind: PipelineKind): ChildSpec<SessionTreeInput> => ({
  id: kind,
  restart: 'permanent',
  shutdown: 'brutal_kill', // its cleanup runs on stop; there is nothing to wait for
  start: ({ input: { sessionId } }) => {
    const scope = scopeOf(sessionId);
    const input = { sessionId, kind, settings: pipelineSettingsOf(scope.options) };
    return { logic: pipelineLogic, input, name: scope.nameOf(kind) };
  },
});

const input = supervisor<SessionTreeInput>({
  id: 'input',
  strategy: 'one_for_one',
  intensity: 3,
  periodMs: 5_000,
  children: [pipeline('vad'), pipeline('stt')],
});

const output = supervisor<SessionTreeInput>({
  id: 'output',
  strategy: 'one_for_one',
  intensity: 3,
  periodMs: 5_000,
  children: [pipeline('tts'), pipeline('playout')],
});

/** Children are temporary: a turn that crashed is tried again by the session, from the ledger. */
const turns = dynamicSupervisor<SessionTreeInput>({ id: 'turns', intensity: 3, periodMs: 5_000 });
const toolCalls = dynamicSupervisor<SessionTreeInput>({ id: 'toolCalls', intensity: 3, periodMs: 5_000 });

const transport: ChildSpec<SessionTreeInput> = {
  id: 'transport',
  restart: 'transient', // a hang-up is a normal end
  shutdown: 1_000,
  start: ({ input: { sessionId } }) => {
    const scope = scopeOf(sessionId);
    return {
      logic: transportLogic,
      input: {
        name: scope.transport.label,
        ownerId: sessionId,
        connectTimeoutMs: 5_000,
        baseDelayMs: 200,
        maxDelayMs: 5_000,
        maxAttempts: 5,
        stableMs: 10_000,
        jitterSeed: Math.floor(scope.ids.random() * 2 ** 31),
      },
      name: scope.nameOf('transport'),
      onSpawn: (ref) => {
        ref.send({ type: 'transport.connect' });
        monitor(ref, ({ reason }) => {
          if (reason === 'normal') scope.soon(() => transportEnded(scope));
        });
      },
    };
  },
};

/** Last in the list, so that its crash stops nobody and it is stopped first. Its own end is the end of the session. */
const conversation: ChildSpec<SessionTreeInput> = {
  id: 'conversation',
  restart: 'transient',
  significant: true,
  shutdown: 'brutal_kill', // an orderly close goes through the chart; whoever stops the tree wants it gone
  start: ({ input: { sessionId } }) => {
    const scope = scopeOf(sessionId);
    const start: SessionInput = {
      sessionId,
      settings: sessionSettingsOf(scope.options),
      levels: scope.levels(),
    };
    return { logic: conversationLogic, input: start, name: scope.nameOf('conversation') };
  },
};

const supervised = (
  id: string,
  logic: ReturnType<typeof supervisor<SessionTreeInput>>,
  isWanted: (scope: SessionScope) => boolean = () => true,
): ChildSpec<SessionTreeInput> => ({
  id,
  type: 'supervisor',
  restart: 'permanent',
  shutdown: 'infinity',
  start: ({ input: own }) => {
    const scope = scopeOf(own.sessionId);
    return isWanted(scope) ? { logic, input: own, name: scope.nameOf(id) } : 'ignore';
  },
});

/** One session. Nobody caches a sibling, so one_for_one is right: ledger, names and links only. */
export const sessionTree = supervisor<SessionTreeInput>({
  id: 'session',
  strategy: 'one_for_one',
  intensity: 3,
  periodMs: 5_000,
  autoShutdown: 'any_significant',
  children: [
    transport,
    supervised('input', input, ({ options }) => options.audio.input),
    supervised('output', output, ({ options }) => options.audio.output),
    supervised('turns', turns),
    supervised('toolCalls', toolCalls),
    conversation,
  ],
});
