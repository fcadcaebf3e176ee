// The flags of a supervisor, checked once.
import { specError } from './check-spec.ts';
import type { AutoShutdown, Strategy } from './child-spec.ts';

export interface Flags {
  readonly id: string;
  readonly dynamic: boolean;
  readonly strategy: Strategy;
  readonly intensity: number;
  readonly periodMs: number;
  readonly autoShutdown: AutoShutdown;
  readonly maxChildren: number;
}

const STRATEGIES: readonly unknown[] = ['one_for_one', 'one_for_all', 'rest_for_one'];
const AUTO_SHUTDOWNS: readonly unknown[] = ['never', 'any_significant', 'all_significant'];

/** @throws AgentError `ERR_CHILD_SPEC`, with OTP's name of the error as first word of its message */
export function checkFlags(flags: Flags): Flags {
  const { id, strategy, intensity, periodMs, autoShutdown, maxChildren } = flags;
  if (typeof id !== 'string' || id === '') {
    throw specError('invalid_supervisor_id', 'id', 'must be a string that is not empty', id);
  }
  if (!STRATEGIES.includes(strategy)) {
    throw specError('invalid_strategy', 'strategy', 'must be one_for_one, one_for_all or rest_for_one', strategy);
  }
  if (!Number.isInteger(intensity) || intensity < 0) {
    throw specError('invalid_intensity', 'intensity', 'must be an integer >= 0', intensity);
  }
  if (typeof periodMs !== 'number' || !Number.isFinite(periodMs) || periodMs <= 0) {
    throw specError('invalid_period', 'periodMs', 'must be milliseconds > 0', periodMs);
  }
  if (!AUTO_SHUTDOWNS.includes(autoShutdown)) {
    throw specError(
      'invalid_auto_shutdown',
      'autoShutdown',
      'must be never, any_significant or all_significant',
      autoShutdown,
    );
  }
  if (maxChildren !== Number.POSITIVE_INFINITY && (!Number.isInteger(maxChildren) || maxChildren < 0)) {
    throw specError('invalid_max_children', 'maxChildren', 'must be an integer >= 0 or Infinity', maxChildren);
  }
  return flags;
}
