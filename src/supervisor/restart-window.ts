// Counts restarts in a sliding window: more than `intensity` within `periodMs` and the supervisor gives up.

export class RestartWindow {
  #restartsAtMs: number[] = [];
  /** Entries before this one have left the window. */
  #first = 0;

  /** Notes a restart at `nowMs` (monotonic); false when it is one too many. An entry exactly `periodMs` old counts. */
  add(nowMs: number, intensity: number, periodMs: number): boolean {
    const atMs = this.#restartsAtMs;
    atMs.push(nowMs);
    while ((atMs[this.#first] ?? nowMs) < nowMs - periodMs) this.#first++;
    if (this.#first > atMs.length / 2) {
      this.#restartsAtMs = atMs.slice(this.#first);
      this.#first = 0;
    }
    return this.#restartsAtMs.length - this.#first <= intensity;
  }
}
