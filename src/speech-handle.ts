// What `say`, `sendText` and `generateReply` return: the fate of one asked-for reply.
import type { TurnOutcome } from './events.ts';

/** How an asked-for reply ended. `failed`: at most an apology was heard in its place. `abandoned`: the session, or the tool that said it, was over before. */
export interface SpeechResult {
  readonly outcome: TurnOutcome;
  readonly turn: number | null;
}

/** Awaitable: `const { outcome } = await session.say('Hello')`. It resolves in every case and never rejects. */
export class SpeechHandle implements PromiseLike<SpeechResult> {
  readonly id: string;
  readonly #done: Promise<SpeechResult>;
  readonly #cancel: (id: string) => void;
  #settle: (result: SpeechResult) => void = () => {};
  #result: SpeechResult | null = null;

  /** @internal @param cancel withdraws the request, or interrupts the turn that speaks it */
  constructor(id: string, cancel: (id: string) => void) {
    this.id = id;
    this.#cancel = cancel;
    this.#done = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  get isDone(): boolean {
    return this.#result !== null;
  }

  /** Stops this reply, spoken or still queued. */
  interrupt(): void {
    if (!this.isDone) this.#cancel(this.id);
  }

  /** @internal Called by the session; the first result wins. */
  settle(result: SpeechResult): void {
    if (this.isDone) return;
    this.#result = result;
    this.#settle(result);
  }

  // biome-ignore lint/suspicious/noThenProperty: being awaitable is what a speech handle is for
  then<A = SpeechResult, B = never>(
    onDone?: ((result: SpeechResult) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#done.then(onDone, onError);
  }
}
