// Listeners of one session: typed, guarded, told in order of registration.
import type { SessionEventMap, SessionEventName } from '../events.ts';
import { guarded, type ProblemHandler } from '../observer.ts';

export type SessionListener<Name extends SessionEventName> = (event: SessionEventMap[Name]) => unknown;

/** Hears every event with its name; used by proxies, logs and recorders. */
export type AnySessionListener = (name: SessionEventName, event: SessionEventMap[SessionEventName]) => unknown;

export class EventHub {
  readonly #onProblem: ProblemHandler;
  readonly #listeners = new Map<SessionEventName, Set<(event: never) => void>>();
  readonly #any = new Set<(name: SessionEventName, event: SessionEventMap[SessionEventName]) => void>();

  constructor(onProblem: ProblemHandler) {
    this.#onProblem = onProblem;
  }

  /** Returns a function that removes the listener. A listener that throws or rejects is reported and stays. */
  on<Name extends SessionEventName>(name: Name, listener: SessionListener<Name>): () => void {
    const safe = guarded(`listener ${name}`, listener, this.#onProblem);
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    listeners.add(safe);
    return () => listeners.delete(safe);
  }

  onAny(listener: AnySessionListener): () => void {
    const safe = guarded('listener of every event', listener, this.#onProblem);
    this.#any.add(safe);
    return () => this.#any.delete(safe);
  }

  emit<Name extends SessionEventName>(name: Name, event: SessionEventMap[Name]): void {
    for (const listener of this.#listeners.get(name) ?? []) listener(event as never); // registered under this name
    for (const listener of this.#any) listener(name, event);
  }

  clear(): void {
    this.#listeners.clear();
    this.#any.clear();
  }
}
