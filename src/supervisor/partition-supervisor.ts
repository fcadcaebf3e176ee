// N copies of one child behind a key: work for the same key always meets the same copy.
import type { AnyActorRef } from 'xstate';
import { specError } from './check-spec.ts';
import type { ChildSpec, StartContext, StartedChild } from './child-spec.ts';
import { engineOf } from './engine.ts';
import { type SupervisorLogic, type SupervisorOptions, supervisor } from './supervisor.ts';

/** One spec for all partitions; the id is the number of the partition, as text. */
export interface PartitionSpec<Input> extends Omit<ChildSpec<Input>, 'id' | 'start'> {
  start(context: StartContext<Input> & { readonly partition: number }): StartedChild | 'ignore';
}

export interface PartitionSupervisorOptions<Input>
  extends Omit<SupervisorOptions<Input>, 'children' | 'strategy' | 'autoShutdown'> {
  /** Number of copies, integer >= 1. No default: a single-threaded process has no natural one. */
  readonly partitions: number;
  readonly child: PartitionSpec<Input>;
}

/** @throws AgentError `ERR_CHILD_SPEC` */
export function partitionSupervisor<Input = unknown>(
  options: PartitionSupervisorOptions<Input>,
): SupervisorLogic<Input> {
  const { partitions, child, ...rest } = options;
  if (!Number.isInteger(partitions) || partitions < 1) {
    throw specError('invalid_partitions', 'partitions', 'must be an integer >= 1', partitions);
  }
  if (typeof child?.start !== 'function') throw specError('missing_start', 'child.start', 'must be a function');
  const children = Array.from({ length: partitions }, (_, partition) => ({
    ...child,
    id: String(partition),
    start: (context: StartContext<Input>) => child.start({ ...context, partition }),
  }));
  return supervisor<Input>({ ...rest, children });
}

/**
 * The copy that serves `key`: a whole number takes its absolute value modulo the number of partitions, anything else a
 * hash of its text. Undefined while that copy is not running. Fixed for the life of the supervisor.
 */
export function partitionFor(ref: AnyActorRef, key: number | string): AnyActorRef | undefined {
  const children = engineOf(ref)?.children;
  if (children === undefined || children.size === 0) return undefined;
  const number = typeof key === 'number' && Number.isSafeInteger(key) ? Math.abs(key) : hash(String(key));
  return children.byId(String(number % children.size))?.ref;
}

/** FNV-1a, 32 bits, over UTF-16 units: short, well spread, the same in every process. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
