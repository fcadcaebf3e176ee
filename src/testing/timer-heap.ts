// A binary heap of timers with removal by handle, ordered by due time and then by creation.

/** One armed timer. `index` is its place in the heap, -1 when it is not in one. */
export interface HeapTimer {
  readonly dueMs: number;
  readonly order: number;
  readonly fn: () => void;
  index: number;
}

export class TimerHeap {
  readonly #timers: HeapTimer[] = [];

  get size(): number {
    return this.#timers.length;
  }

  peek(): HeapTimer | undefined {
    return this.#timers[0];
  }

  push(timer: HeapTimer): void {
    this.#timers.push(timer);
    this.#rise(timer, this.#timers.length - 1);
  }

  /** Takes `timer` out wherever it is; false when it is not in the heap (fired, cancelled or never pushed). */
  remove(timer: HeapTimer): boolean {
    const at = timer.index;
    if (at < 0 || this.#timers[at] !== timer) return false;
    timer.index = -1;
    const last = this.#timers.pop();
    if (last === undefined || last === timer) return true;
    this.#rise(last, at);
    this.#sink(last, last.index);
    return true;
  }

  #rise(timer: HeapTimer, from: number): void {
    let at = from;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = this.#timers[parentAt];
      if (parent === undefined || !before(timer, parent)) break;
      this.#place(parent, at);
      at = parentAt;
    }
    this.#place(timer, at);
  }

  #sink(timer: HeapTimer, from: number): void {
    let at = from;
    for (;;) {
      const left = this.#timers[2 * at + 1];
      if (left === undefined) break;
      const right = this.#timers[2 * at + 2];
      const child = right !== undefined && before(right, left) ? right : left;
      if (!before(child, timer)) break;
      const childAt = child.index;
      this.#place(child, at);
      at = childAt;
    }
    this.#place(timer, at);
  }

  #place(timer: HeapTimer, at: number): void {
    this.#timers[at] = timer;
    timer.index = at;
  }
}

function before(a: HeapTimer, b: HeapTimer): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}
