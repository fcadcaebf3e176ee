// What a supervisor shows of itself: a light object whose views are computed when somebody looks.
import type { AnyActorRef } from 'xstate';
import type { ChildState } from './child-table.ts';
import type { End, Engine } from './engine.ts';

/** Above this many children the views stay out of JSON, or a pool would flood an inspector with every change. */
const MAX_SHOWN_CHILDREN = 64;

/** A supervisor's snapshot. `value` has a region per child, so that an inspector draws it as a parallel chart. */
export class SupervisorSnapshot {
  readonly status: 'active' | 'done' | 'error' | 'stopped';
  readonly output: { readonly exit: unknown } | undefined;
  readonly error: unknown;
  readonly #engine: Engine | undefined;

  /** @internal */
  constructor(engine: Engine | undefined, end?: End | 'stopped') {
    this.#engine = engine;
    this.status = end === undefined ? 'active' : end === 'stopped' ? 'stopped' : end.kind;
    this.output = typeof end === 'object' && end.kind === 'done' ? { exit: end.reason } : undefined;
    this.error = typeof end === 'object' && end.kind === 'error' ? end.exit : undefined;
  }

  /** The state of every child by id. */
  get value(): Record<string, ChildState> {
    return this.#collect((state) => state);
  }

  /** The living actors by id. */
  get children(): Record<string, AnyActorRef> {
    return this.#collect((_, ref) => ref);
  }

  /** Numbers only, as a chart's context is JSON. */
  get context(): { readonly phase: string; readonly children: number } {
    return { phase: this.#engine?.phase ?? 'ended', children: this.#engine?.children.size ?? 0 };
  }

  toJSON(): object {
    const { status, output, context } = this;
    const error = this.error instanceof Error ? this.error.message : undefined;
    const short = { status, output, error, context };
    if (context.children > MAX_SHOWN_CHILDREN) return short;
    return { ...short, value: this.value, children: Object.keys(this.children) };
  }

  #collect<T>(pick: (state: ChildState, ref: AnyActorRef | undefined) => T | undefined): Record<string, T> {
    const found: Record<string, T> = {};
    for (const { key, state, ref } of this.#engine?.children.values() ?? []) {
      const picked = pick(state, ref);
      if (picked !== undefined) found[key] = picked;
    }
    return found;
  }
}
