// Which workers look after their rooms.
import type { WorkerDefinition } from '../define-worker.ts';

/** Dispatching a room again makes new jobs for everybody in it, so that only workers for whole rooms can do it. */
export function hasReconciler({ reconcile, kinds }: WorkerDefinition): boolean {
  return reconcile && kinds.every((kind) => kind === 'room');
}
