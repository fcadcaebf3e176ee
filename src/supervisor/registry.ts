// Names for actors: an entry vanishes with the actor that owns it.
import type { AnyActorRef } from 'xstate';
import { AgentError } from '../errors.ts';
import { guarded } from '../observer.ts';
import { monitor } from './monitor.ts';
import { isEnded, plannedReason } from './xstate-internals.ts';

export type RegistryKeys = 'unique' | 'duplicate';

export interface RegistryEntry {
  readonly ref: AnyActorRef;
  readonly value: unknown;
}

export type RegisterResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: 'already_registered'; readonly ref: AnyActorRef }
  | { readonly ok: false; readonly reason: 'noproc' };

export interface RegistryChange {
  readonly kind: 'registered' | 'unregistered';
  readonly name: string;
  readonly ref: AnyActorRef;
}

export interface RegistryOptions {
  readonly keys?: RegistryKeys;
  /** Told every change, after it was made. A throw is harmless and not reported. */
  readonly onChange?: (change: RegistryChange) => void;
}

/**
 * A plain object, not an actor: lookups are synchronous. `unique` (default): a name has one owner. `duplicate`: a name
 * has any number of owners, for groups and publishing.
 */
export class Registry {
  readonly keys: RegistryKeys;
  readonly #onChange: ((change: RegistryChange) => void) | undefined;
  readonly #entries = new Map<string, RegistryEntry[]>();
  /** Nearly every actor has one name; a set is made for the second one. */
  readonly #namesOf = new Map<AnyActorRef, string | Set<string>>();

  /** @throws AgentError `ERR_OPTION` when `keys` is neither `unique` nor `duplicate` */
  constructor(options: RegistryOptions = {}) {
    const { keys = 'unique', onChange } = options;
    if (keys !== 'unique' && keys !== 'duplicate') {
      throw new AgentError('ERR_OPTION', 'unknown kind of keys', { field: 'keys', rule: 'unique or duplicate' });
    }
    this.keys = keys;
    this.#onChange = onChange && guarded('registry listener', onChange, () => {});
  }

  /** Number of names in use. */
  get size(): number {
    return this.#entries.size;
  }

  /** Gives `ref` a name until it ends. The same owner may register again, which replaces its value. */
  register(name: string, ref: AnyActorRef, value?: unknown): RegisterResult {
    const isNew = !this.#namesOf.has(ref);
    const result = this.add(name, ref, value);
    if (result.ok && isNew) monitor(ref, () => this.clear(ref));
    return result;
  }

  /** As `register`, for a caller that calls `clear` itself when `ref` ends; a supervisor does. */
  add(name: string, ref: AnyActorRef, value?: unknown): RegisterResult {
    if (isEnded(ref)) return { ok: false, reason: 'noproc' };
    // One that was told to stop in the middle of an event ends when that is handled; its successor is started before.
    const isDoomed = (other: AnyActorRef) => isEnded(other) || plannedReason(other) !== undefined;
    const entries = this.#entries.get(name)?.filter((entry) => !isDoomed(entry.ref)) ?? [];
    const others = entries.filter((entry) => entry.ref !== ref);
    const owner = others[0];
    if (this.keys === 'unique' && owner !== undefined)
      return { ok: false, reason: 'already_registered', ref: owner.ref };
    // A literal is as long as its contents; a list that was spread keeps room for more.
    this.#entries.set(name, others.length === 0 ? [{ ref, value }] : [...others, { ref, value }]);
    const names = this.#namesOf.get(ref);
    if (names === undefined) this.#namesOf.set(ref, name);
    else if (typeof names !== 'string') names.add(name);
    else if (names !== name) this.#namesOf.set(ref, new Set([names, name]));
    this.#onChange?.({ kind: 'registered', name, ref });
    return { ok: true };
  }

  /** The living owner of a name; of a duplicate name the one that registered first. */
  whereis(name: string): AnyActorRef | undefined {
    for (const { ref } of this.#entries.get(name) ?? []) if (!isEnded(ref)) return ref;
    return undefined;
  }

  /** All living owners of a name with their values, in order of registration. */
  lookup(name: string): readonly RegistryEntry[] {
    return this.#entries.get(name)?.filter((entry) => !isEnded(entry.ref)) ?? [];
  }

  /** The names of an actor. */
  namesOf(ref: AnyActorRef): readonly string[] {
    const names = this.#namesOf.get(ref) ?? [];
    return typeof names === 'string' ? [names] : [...names];
  }

  /** Calls `fn` for every owner of a name, in the caller; a throw ends the loop and reaches the caller. */
  dispatch(name: string, fn: (entry: RegistryEntry) => void): void {
    for (const entry of this.lookup(name)) fn(entry);
  }

  unregister(name: string, ref: AnyActorRef): void {
    const left = this.#entries.get(name)?.filter((entry) => entry.ref !== ref);
    const names = this.#namesOf.get(ref);
    const isOwner = typeof names === 'string' ? names === name : names?.has(name) === true;
    if (left === undefined || !isOwner) return;
    if (left.length === 0) this.#entries.delete(name);
    else this.#entries.set(name, left);
    if (typeof names === 'object' && names.size > 1) names.delete(name);
    else this.#namesOf.delete(ref);
    this.#onChange?.({ kind: 'unregistered', name, ref });
  }

  /** Removes every name. */
  clearAll(): void {
    for (const ref of [...this.#namesOf.keys()]) this.clear(ref);
  }

  /** Removes every name of an actor. */
  clear(ref: AnyActorRef): void {
    for (const name of this.namesOf(ref)) this.unregister(name, ref);
  }
}
