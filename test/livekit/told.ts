// What another process tells a test, in order, and waits that end with the item they are for.

export interface WaitOptions {
  /** Index of the first item that counts. Default 0: what came before counts, too. */
  readonly from?: number;
  /** Default 10 000. */
  readonly limitMs?: number;
}

export class Told<T> {
  readonly all: T[] = [];
  readonly #looks = new Set<() => void>();

  add(item: T): void {
    this.all.push(item);
    for (const look of [...this.#looks]) look();
  }

  /**
   * The first item that fits. Rejects when none came in time.
   * @param failure what to say then; asked for at that moment
   */
  until<Found extends T>(
    fits: (item: T) => item is Found,
    failure: (limitMs: number) => string,
    options?: WaitOptions,
  ): Promise<Found>;
  until(fits: (item: T) => boolean, failure: (limitMs: number) => string, options?: WaitOptions): Promise<T>;
  until(
    fits: (item: T) => boolean,
    failure: (limitMs: number) => string,
    { from = 0, limitMs = 10_000 }: WaitOptions = {},
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        clearTimeout(timer);
        this.#looks.delete(look);
        settle();
      };
      const look = () => {
        const found = this.all.slice(from).find(fits);
        if (found !== undefined) end(() => resolve(found));
      };
      const timer = setTimeout(() => end(() => reject(new Error(failure(limitMs)))), limitMs);
      this.#looks.add(look);
      look();
    });
  }
}
