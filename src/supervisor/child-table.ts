// The children of one supervisor in start order, found by id, by actor id or by actor.
import type { AnyActorRef } from 'xstate';
import type { FullChildSpec } from './child-spec.ts';
import type { ExitReason } from './exit-reason.ts';

/** `stopped`: known but without an actor. `restarting`: its last start failed and another one is due. */
export type ChildState = 'stopped' | 'starting' | 'running' | 'stopping' | 'restarting';

export interface ChildRecord {
  spec: FullChildSpec;
  /** The id, or in a dynamic supervisor, which allows equal ids, a key made unique. */
  readonly key: string;
  state: ChildState;
  ref: AnyActorRef | undefined;
  /** The last actor of a child that is restarting: dynamic children are addressed by it. */
  formerRef: AnyActorRef | undefined;
  /** Starts so far. */
  attempts: number;
  lastExit: ExitReason | undefined;
  checkpoint: unknown;
  /** Restarts in a row, for the backoff. */
  retries: number;
  startedAtMs: number;
  /** Tells the restart that is due from one that was cancelled. */
  retryToken: object | undefined;
}

export class ChildTable {
  readonly #byKey = new Map<string, ChildRecord>();
  readonly #byActorId = new Map<string, ChildRecord>();
  #made = 0;

  get size(): number {
    return this.#byKey.size;
  }

  /** Adds a child at the end. A key that is taken gets a suffix, which only dynamic supervisors let happen. */
  add(spec: FullChildSpec): ChildRecord {
    let key = spec.id;
    while (this.#byKey.has(key)) key = `${spec.id}~${++this.#made}`;
    const record: ChildRecord = {
      spec,
      key,
      state: 'stopped',
      ref: undefined,
      formerRef: undefined,
      attempts: 0,
      lastExit: undefined,
      checkpoint: undefined,
      retries: 0,
      startedAtMs: 0,
      retryToken: undefined,
    };
    this.#byKey.set(key, record);
    return record;
  }

  delete(record: ChildRecord): void {
    this.#byKey.delete(record.key);
  }

  has(record: ChildRecord): boolean {
    return this.#byKey.get(record.key) === record;
  }

  byId(id: string): ChildRecord | undefined {
    return this.#byKey.get(id);
  }

  byActor(ref: AnyActorRef): ChildRecord | undefined {
    const record = this.#byActorId.get(ref.id);
    return record?.ref === ref ? record : undefined;
  }

  byActorId(actorId: string): ChildRecord | undefined {
    return this.#byActorId.get(actorId);
  }

  /** The child whose restart is pending and whose last actor was `ref`. */
  byFormerActor(ref: AnyActorRef): ChildRecord | undefined {
    for (const record of this.#byKey.values())
      if (record.formerRef === ref && record.state === 'restarting') return record;
    return undefined;
  }

  /** An actor id that no living child has: every incarnation of a child has its own, so late events cannot be mistaken. */
  nextActorId(record: ChildRecord): string {
    let id = record.attempts === 0 ? record.key : `${record.key}~${record.attempts}`;
    while (this.#byActorId.has(id)) id = `${record.key}~${record.attempts}~${++this.#made}`;
    return id;
  }

  attach(record: ChildRecord, ref: AnyActorRef): void {
    record.ref = ref;
    this.#byActorId.set(ref.id, record);
  }

  detach(record: ChildRecord): void {
    if (record.ref === undefined) return;
    this.#byActorId.delete(record.ref.id);
    record.formerRef = record.ref;
    record.ref = undefined;
  }

  /** Takes new specs in their order. Children keep their actors by id; those without a new spec go to the end. */
  replaceSpecs(specs: readonly FullChildSpec[]): void {
    const old = new Map(this.#byKey);
    this.#byKey.clear();
    for (const spec of specs) {
      const record = old.get(spec.id);
      if (record === undefined) {
        this.add(spec);
        continue;
      }
      old.delete(spec.id);
      record.spec = spec;
      this.#byKey.set(record.key, record);
    }
    for (const [key, record] of old) this.#byKey.set(key, record);
  }

  /** All children in start order. */
  list(): ChildRecord[] {
    return [...this.#byKey.values()];
  }

  /** `record` and all that were started after it. */
  listFrom(record: ChildRecord): ChildRecord[] {
    const all = this.list();
    return all.slice(all.indexOf(record));
  }

  values(): IterableIterator<ChildRecord> {
    return this.#byKey.values();
  }
}
