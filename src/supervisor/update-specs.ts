// Replacing flags and specs of a running supervisor, as OTP's code change does.
import { AgentError } from '../errors.ts';
import { checkChildSpecs, specError } from './check-spec.ts';
import type { Engine } from './engine.ts';
import { checkFlags, type Flags } from './flags.ts';
import type { SpecUpdate, UpdateSpecsResult } from './messages.ts';

/**
 * New flags and specs are checked first and taken all or none. Running children keep their actors and follow their new
 * spec from their next exit on; children missing in the new list stay after the listed ones; new ones are not started.
 */
export function updateSpecs(engine: Engine, update: SpecUpdate): UpdateSpecsResult {
  try {
    const flags = checkFlags(mergeFlags(engine.flags, update));
    if (flags.dynamic && update.children !== undefined) {
      throw specError('invalid_child_spec', 'children', 'a dynamic supervisor has no list of children');
    }
    const specs = update.children === undefined ? undefined : checkChildSpecs(update.children, flags.autoShutdown);
    engine.flags = flags;
    if (specs !== undefined) engine.children.replaceSpecs(specs);
    return { ok: true };
  } catch (error) {
    if (error instanceof AgentError) return { ok: false, reason: 'invalid_spec', error };
    throw error;
  }
}

function mergeFlags(flags: Flags, { strategy, intensity, periodMs, autoShutdown }: SpecUpdate): Flags {
  // The values are unchecked here; `checkFlags` is the next thing that happens to them.
  return {
    ...flags,
    strategy: (strategy ?? flags.strategy) as Flags['strategy'],
    intensity: (intensity ?? flags.intensity) as number,
    periodMs: (periodMs ?? flags.periodMs) as number,
    autoShutdown: (autoShutdown ?? flags.autoShutdown) as Flags['autoShutdown'],
  };
}
