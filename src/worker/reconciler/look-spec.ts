// A part of a worker that asks the server something again and again, less often while the API does not answer.
import { type ActorRefFrom, fromPromise } from 'xstate';
import type { Ids } from '../../ids.ts';
import { reconcilerMachine } from '../../machines/reconciler.machine.ts';
import type { ChildSpec } from '../../supervisor/index.ts';

const EVERY_MS = 2_500;
const LOOK_MS = 15_000;
const MAX_DELAY_MS = 60_000;

export interface LookSpecOptions {
  readonly id: string;
  readonly ids: Pick<Ids, 'random'>;
  look(signal: AbortSignal): Promise<void>;
  readonly onSpawn?: (ref: ActorRefFrom<typeof reconcilerMachine>) => void;
}

export function lookSpecOf({ id, ids, look, onSpawn = () => {} }: LookSpecOptions): ChildSpec<unknown> {
  const logic = reconcilerMachine.provide({ actors: { look: fromPromise(({ signal }) => look(signal)) } });
  const jitterSeed = Math.floor(ids.random() * 2 ** 31);
  return {
    id,
    restart: 'permanent',
    shutdown: 'brutal_kill',
    // A look has no right to cost the calls of the worker anything, not even when it crashes each time.
    backoff: { initialMs: EVERY_MS },
    start: () => ({
      logic,
      input: { everyMs: EVERY_MS, lookMs: LOOK_MS, maxDelayMs: MAX_DELAY_MS, jitterSeed },
      onSpawn: (ref) => onSpawn(ref as ActorRefFrom<typeof logic>), // made from the logic above
    }),
  };
}
