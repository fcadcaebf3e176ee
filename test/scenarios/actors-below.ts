// Counts what a call leaves behind.
import type { AnyActorRef } from 'xstate';

/** Actors below `ref` that are alive, supervisors' children included. */
export function actorsBelow(ref: AnyActorRef): number {
  // Actors and charts have the field; a child that has ended may have left its name in it.
  const { children = {} } = ref.getSnapshot() as { children?: Record<string, AnyActorRef | undefined> };
  return Object.values(children).reduce((sum, child) => sum + (child === undefined ? 0 : 1 + actorsBelow(child)), 0);
}
