// A mailbox whose operations may wait for one particular event while all others are put off, in order.
import type { SupervisorEvent } from './messages.ts';

/** Says which event a waiting operation goes on with. */
export type Wait = (event: SupervisorEvent) => boolean;
/** Yields a wait and gets the event; returns when the operation is complete. */
export type Operation<T> = Generator<Wait, T, SupervisorEvent>;

/** Erlang's selective receive without blocking the event loop. One operation at a time. */
export class SelectiveMailbox {
  readonly #operationFor: (event: SupervisorEvent) => Operation<void> | undefined;
  readonly #isOver: () => boolean;
  #operation: Operation<void> | undefined;
  #wait: Wait | undefined;
  #postponed: SupervisorEvent[] = [];
  #next = 0;

  /** `isOver` ends the handling: what is still put off then is never begun. */
  constructor(operationFor: (event: SupervisorEvent) => Operation<void> | undefined, isOver: () => boolean) {
    this.#operationFor = operationFor;
    this.#isOver = isOver;
  }

  /** Handles one event, and all that were put off before it and can be handled now. */
  receive(event: SupervisorEvent): void {
    if (this.#wait === undefined) this.#begin(event);
    else if (this.#wait(event)) this.#resume(event);
    else this.#postponed.push(event);
    while (this.#wait === undefined && !this.#isOver()) {
      const next = this.#postponed[this.#next++];
      if (next === undefined) {
        this.#postponed = [];
        this.#next = 0;
        return;
      }
      this.#begin(next);
    }
  }

  /** Begins an operation that no event asked for. */
  run(operation: Operation<void>): void {
    this.#operation = operation;
    this.#resume(undefined);
  }

  /** Forgets the operation that waits. It is not unwound: what it held has an owner that cleans up. */
  abandon(): void {
    this.#operation = undefined;
    this.#wait = undefined;
  }

  #begin(event: SupervisorEvent): void {
    if (this.#isOver()) return;
    const operation = this.#operationFor(event);
    if (operation !== undefined) this.run(operation);
  }

  #resume(event: SupervisorEvent | undefined): void {
    this.#wait = undefined;
    // The first `next` of a generator ignores its argument; every later one is the event that was waited for.
    const step = this.#operation?.next(event as SupervisorEvent);
    if (step?.done === false) this.#wait = step.value;
    else this.#operation = undefined;
  }
}
