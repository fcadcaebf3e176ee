// Embedded engines under supervision: an actor for each pool, which starts its hosts and stops them with the runtime.
import { fromCallback } from 'xstate';
import { type ChildSpec, dynamicSupervisor } from '../supervisor/index.ts';

/** Name of the supervisor of all engines in the runtime's registry. */
export const ENGINES = 'engines';

/** Ten restarts in a minute: an engine needs seconds to load, so more means that it cannot run here. */
export const enginesTree = dynamicSupervisor({ id: ENGINES, intensity: 10, periodMs: 60_000 });

/** What is known of a group of engine hosts; it replaces a dead host by itself, from a warm spare where it has one. */
export interface SupervisedEngines {
  readonly label: string;
  /** Resolves when the first host is ready. */
  start(): Promise<void>;
  stop(): void;
}

const engineLogic = fromCallback<{ type: string }, SupervisedEngines>(({ input }) => {
  // A failed start is told to whoever asks the engine next, with its reason; here it would only be told twice.
  input.start().catch(() => {});
  return () => input.stop();
});

export function engineSpec(engines: SupervisedEngines): ChildSpec<unknown> {
  return {
    id: `engine:${engines.label}`,
    restart: 'permanent',
    shutdown: 'brutal_kill', // stopping kills the hosts, which hold nothing that could be lost
    start: () => ({ logic: engineLogic, input: engines, name: `engine:${engines.label}` }),
  };
}
