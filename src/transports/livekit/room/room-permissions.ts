// What the server lets the agent do in its room: told when a right is taken away, and when it is given back.
import type { Clock } from '../../../clock.ts';
import type { RtcRoom } from '../rtc.ts';

/** What goes on without the right. */
const WITHOUT = {
  canPublish: 'the agent cannot be heard; its words are still shown',
  canSubscribe: 'the agent hears nobody; it still speaks, and reads the chat',
  canPublishData: 'no transcript and no message is sent; the agent is still heard',
  canUpdateMetadata: 'the state of the agent is not shown',
} as const;

export type RoomRight = keyof typeof WITHOUT;

const RIGHTS = Object.keys(WITHOUT) as RoomRight[]; // the keys of the table above
/** The library has no event for it. A fresh token comes with every change, a little before or after the rights themselves. */
const LOOK_AGAIN_MS = 1_000;

export interface RoomPermissionsOptions {
  readonly room: RtcRoom;
  readonly clock: Pick<Clock, 'setTimeout' | 'clearTimeout'>;
  onTaken(right: RoomRight, consequence: string): void;
  onGiven(right: RoomRight): void;
}

export class RoomPermissions {
  readonly #options: RoomPermissionsOptions;
  readonly #missing = new Set<RoomRight>();
  #isClosed = false;
  #timer: unknown;

  constructor(options: RoomPermissionsOptions) {
    this.#options = options;
    options.room.on('tokenRefreshed', () => this.#lookTwice());
    options.room.on('reconnected', () => this.#lookTwice());
  }

  /** The agent is in: what its token does not allow is not missed. */
  begin(): void {
    for (const right of RIGHTS) if (!this.#has(right)) this.#missing.add(right);
  }

  /** As far as the agent has noticed. */
  lacks(right: RoomRight): boolean {
    return this.#missing.has(right);
  }

  close(): void {
    this.#isClosed = true;
    this.#options.clock.clearTimeout(this.#timer);
  }

  #lookTwice(): void {
    this.#look();
    this.#options.clock.clearTimeout(this.#timer);
    this.#timer = this.#options.clock.setTimeout(() => this.#look(), LOOK_AGAIN_MS);
  }

  #look(): void {
    if (this.#isClosed) return;
    for (const right of RIGHTS) {
      const isMissing = !this.#has(right);
      if (isMissing === this.#missing.has(right)) continue;
      if (isMissing) {
        this.#missing.add(right);
        this.#options.onTaken(right, WITHOUT[right]);
      } else {
        this.#missing.delete(right);
        this.#options.onGiven(right);
      }
    }
  }

  /** A library that does not say counts as allowed. */
  #has(right: RoomRight): boolean {
    return this.#options.room.localParticipant?.info?.permission?.[right] ?? true;
  }
}
