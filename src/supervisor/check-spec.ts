// Checking specs, once, with one named error per field.
import { AgentError } from '../errors.ts';
import { DEFAULT_MAX_MS } from './backoff.ts';
import type { AutoShutdown, Backoff, ChildSpec, FullChildSpec, Shutdown } from './child-spec.ts';

/** The names OTP gives to spec and flag errors; the first word of the error's message. */
type SpecErrorName =
  | 'invalid_child_spec'
  | 'missing_id'
  | 'missing_start'
  | 'invalid_start'
  | 'invalid_restart_type'
  | 'bad_combination'
  | 'invalid_significant'
  | 'invalid_child_type'
  | 'invalid_shutdown'
  | 'invalid_ready'
  | 'invalid_start_timeout'
  | 'invalid_backoff'
  | 'invalid_checkpoint'
  | 'duplicate_child_name'
  | 'invalid_strategy'
  | 'invalid_intensity'
  | 'invalid_period'
  | 'invalid_auto_shutdown'
  | 'invalid_max_children'
  | 'invalid_supervisor_id'
  | 'invalid_partitions';

export function specError(name: SpecErrorName, field: string, rule: string, got?: unknown): AgentError {
  const shown = got === undefined ? '' : `, got ${show(got)}`;
  return new AgentError('ERR_CHILD_SPEC', `${name}${shown}`, { field, rule });
}

/**
 * Checks one spec, in OTP's order of fields, and fills in the defaults. Unknown keys are ignored.
 * @throws AgentError `ERR_CHILD_SPEC`, with the OTP name of the error as first word of its message
 */
export function checkChildSpec<Input>(
  spec: ChildSpec<Input>,
  autoShutdown: AutoShutdown = 'never',
): FullChildSpec<Input> {
  if (typeof spec !== 'object' || spec === null) {
    throw specError('invalid_child_spec', 'spec', 'must be an object', spec);
  }
  const { id, start, restart = 'permanent', significant = false, type = 'worker' } = spec;
  const shutdown = spec.shutdown ?? (type === 'supervisor' ? 'infinity' : 5_000);
  if (id === undefined) throw specError('missing_id', 'id', 'must be given');
  if (typeof id !== 'string' || id === '')
    throw specError('missing_id', 'id', 'must be a string that is not empty', id);
  if (start === undefined) throw specError('missing_start', `${id}.start`, 'must be given');
  if (typeof start !== 'function') throw specError('invalid_start', `${id}.start`, 'must be a function', start);
  if (restart !== 'permanent' && restart !== 'transient' && restart !== 'temporary') {
    throw specError('invalid_restart_type', `${id}.restart`, 'must be permanent, transient or temporary', restart);
  }
  if (typeof significant !== 'boolean') {
    throw specError('invalid_significant', `${id}.significant`, 'must be a boolean', significant);
  }
  if (significant && (autoShutdown === 'never' || restart === 'permanent')) {
    const rule = 'a significant child needs autoShutdown and must not be permanent';
    throw specError('bad_combination', `${id}.significant`, rule, { restart, autoShutdown });
  }
  if (type !== 'worker' && type !== 'supervisor') {
    throw specError('invalid_child_type', `${id}.type`, 'must be worker or supervisor', type);
  }
  if (!isShutdown(shutdown)) {
    throw specError(
      'invalid_shutdown',
      `${id}.shutdown`,
      'must be brutal_kill, infinity or milliseconds >= 0',
      shutdown,
    );
  }
  const full = { id, start, restart, significant, type, shutdown };
  return hasExtras(spec) ? { ...full, ...checkExtras(spec) } : full;
}

/** Checks a whole list, duplicates included. */
export function checkChildSpecs<Input>(
  specs: readonly ChildSpec<Input>[],
  autoShutdown: AutoShutdown,
): FullChildSpec<Input>[] {
  if (!Array.isArray(specs)) throw specError('invalid_child_spec', 'children', 'must be a list of specs', specs);
  const seen = new Set<string>();
  return specs.map((spec) => {
    const full = checkChildSpec<Input>(spec, autoShutdown);
    if (seen.has(full.id)) throw specError('duplicate_child_name', 'children', 'every id once', full.id);
    seen.add(full.id);
    return full;
  });
}

function hasExtras(spec: ChildSpec): boolean {
  return (
    spec.ready !== undefined ||
    spec.startTimeoutMs !== undefined ||
    spec.backoff !== undefined ||
    spec.checkpoint !== undefined
  );
}

function checkExtras({ id, ready, startTimeoutMs, backoff, checkpoint }: ChildSpec): Partial<ChildSpec> {
  if (ready !== undefined && typeof ready !== 'function') {
    throw specError('invalid_ready', `${id}.ready`, 'must be a function of the snapshot', ready);
  }
  if (startTimeoutMs !== undefined && !isPositive(startTimeoutMs)) {
    throw specError('invalid_start_timeout', `${id}.startTimeoutMs`, 'must be milliseconds > 0', startTimeoutMs);
  }
  if (backoff !== undefined && !isBackoff(backoff)) {
    const rule = 'initialMs, maxMs, resetMs > 0, factor >= 1, jitter 0 to 1';
    throw specError('invalid_backoff', `${id}.backoff`, rule, backoff);
  }
  if (checkpoint !== undefined && typeof checkpoint !== 'boolean') {
    throw specError('invalid_checkpoint', `${id}.checkpoint`, 'must be a boolean', checkpoint);
  }
  return {
    ...(ready && { ready }),
    ...(startTimeoutMs !== undefined && { startTimeoutMs }),
    ...(backoff && { backoff }),
    ...(checkpoint && { checkpoint }),
  };
}

function isShutdown(value: unknown): value is Shutdown {
  if (value === 'brutal_kill' || value === 'infinity') return true;
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function isBackoff(value: Backoff): boolean {
  if (typeof value !== 'object' || value === null || !isPositive(value.initialMs)) return false;
  const { maxMs = DEFAULT_MAX_MS, factor = 2, jitter = 0.2, resetMs = maxMs } = value;
  return isPositive(maxMs) && isPositive(resetMs) && isPositive(factor) && factor >= 1 && jitter >= 0 && jitter <= 1;
}

function isPositive(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}

function show(value: unknown): string {
  try {
    return typeof value === 'object' ? (JSON.stringify(value) ?? typeof value) : String(value);
  } catch {
    return typeof value;
  }
}
