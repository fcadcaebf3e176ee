// The actors of a session by the part they play, for those who want to kill them.
import type { AnyActorRef } from 'xstate';
import type { TestCall } from '../../../src/testing/index.ts';

/** Actors of a session that a fault may crash. */
export const PARTS = [
  'vad',
  'stt',
  'tts',
  'playout',
  'turn',
  'respond',
  'tool',
  'transport',
  'conversation',
  'input',
  'output',
  'turns',
  'toolCalls',
  'session',
] as const;
export type Part = (typeof PARTS)[number];

/** The living actor that plays a part, if there is one just now. */
export function partOf({ runtime, session }: TestCall, part: Part): AnyActorRef | undefined {
  const { registry } = runtime;
  const named = (name: string) => registry.whereis(`${session.sessionId}/${name}`);
  const below = (supervisor: string) => {
    const snapshot = named(supervisor)?.getSnapshot() as { children?: Record<string, AnyActorRef> } | undefined;
    return Object.values(snapshot?.children ?? {}).at(-1);
  };
  switch (part) {
    case 'turn':
      return below('turns');
    case 'tool':
      return below('toolCalls');
    case 'respond': {
      const turn = below('turns')?.getSnapshot() as { children?: Record<string, AnyActorRef> } | undefined;
      return Object.values(turn?.children ?? {})[0];
    }
    default:
      return named(part);
  }
}
