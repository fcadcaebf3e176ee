// Counts restarts in a sliding window: more than `intensity` within `periodMs` and the supervisor gives up.

export class RestartWindow {
  #restartsAtMs: number[] = [];

  /** Notes a restart at `nowMs` (monotonic); false when it is one too many. An entry exactly `periodMs` old counts. */
  add(nowMs: number, intensity: number, periodMs: number): boolean {
    this.#restartsAtMs = this.#restartsAtMs.filter((atMs) => atMs >= nowMs - periodMs);
    this.#restartsAtMs.push(nowMs);
    return this.#restartsAtMs.length <= intensity;
  }
}
