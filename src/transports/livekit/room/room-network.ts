// Whether the network of a stay in a room is there: a reconnect that hangs, or comes back without media, is a lost room.
import type { Clock } from '../../../clock.ts';

/** A lost network is given up by the library after 26 s; longer than this, and it hangs. */
const LONGEST_RECONNECT_MS = 30_000;
/** Back in the room, the user is heard again within a tenth of a second: two looks in a row without are no delay. */
const LOOK_MS = 5_000;

export interface RoomNetworkOptions {
  readonly clock: Pick<Clock, 'setTimeout' | 'clearTimeout'>;
  /** Is anything heard of the user? Null while there is nothing to hear. */
  isHearing(): boolean | null;
  /** Told once for each reconnect that did not bring the room back. */
  onLost(): void;
}

export class RoomNetwork {
  readonly #options: RoomNetworkOptions;
  #isReconnecting = false;
  #timer: unknown;
  #isClosed = false;

  constructor(options: RoomNetworkOptions) {
    this.#options = options;
  }

  get isReconnecting(): boolean {
    return this.#isReconnecting;
  }

  /** The library says so again with each try. */
  reconnecting(): void {
    if (!this.#isReconnecting) this.#wait(LONGEST_RECONNECT_MS, () => this.#options.onLost());
    this.#isReconnecting = true;
  }

  /** The library says so also of a room that has no media any more, for minutes: "publish time out" in the server's log. */
  reconnected(): void {
    this.#isReconnecting = false;
    this.#look(false);
  }

  close(): void {
    this.#isClosed = true;
    this.#options.clock.clearTimeout(this.#timer);
  }

  /** Until the user is heard, who may come back later than the agent, or be muted. */
  #look(wasDeaf: boolean): void {
    this.#wait(LOOK_MS, () => {
      const isHearing = this.#options.isHearing();
      if (isHearing === true) return;
      const isDeaf = isHearing === false;
      if (isDeaf && wasDeaf) this.#options.onLost();
      else this.#look(isDeaf);
    });
  }

  #wait(ms: number, run: () => void): void {
    const { clock } = this.#options;
    clock.clearTimeout(this.#timer);
    // The library goes on to tell until it has left the room.
    if (!this.#isClosed) this.#timer = clock.setTimeout(run, ms);
  }
}
