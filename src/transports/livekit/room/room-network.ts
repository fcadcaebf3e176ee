// Whether a room that was joined is still there: a reconnect that hangs, or a server that does not answer any more, is a lost room.
import { type Clock, withinMs } from '../../../clock.ts';
import type { RtcRoom } from '../rtc.ts';

/** A lost network is given up by the library after 26 s; longer than this, and it hangs. */
const LONGEST_RECONNECT_MS = 30_000;
/** Longer than the 15 s after which the library notices a dead line by itself, and mends it with less harm. */
const LONGEST_SILENCE_MS = 16_000;
/** The danger is greatest just after joining: asked 1, 2, 4 and 8 s after each other, then every 10 s. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 10_000;
/** One answer of a server that is near is lost now and then: it can be there before the library waits for it. */
const ASK_AGAIN_MS = 1_000;
/** The library itself waits for 5 s and then rejects, which is no answer. */
const ANSWER_MS = 4_000;

export interface RoomNetworkOptions {
  readonly room: Pick<RtcRoom, 'on' | 'localParticipant'>;
  readonly clock: Clock;
  /** Told once, with the reason; joining anew helps. */
  onLost(reason: string): void;
}

/**
 * The library can say that it is connected and take in nothing any more: rtc-ffi-bindings before 0.12.74 wait for their own
 * lock when a renegotiation was asked for before the answer to the last one (livekit/rust-sdks#1252). Then nobody comes or
 * goes, no track is heard, and none that is published is sent, for as long as the agent stays. So the server is asked for
 * something, again and again.
 */
export class RoomNetwork {
  readonly #options: RoomNetworkOptions;
  #isReconnecting = false;
  /** There may be servers that do not answer this. */
  #hasAnswered = false;
  #pauseMs = FIRST_PAUSE_MS;
  /** Answers to earlier ones have nothing to say any more. */
  #round = 0;
  #timer: unknown;
  #isClosed = false;

  constructor(options: RoomNetworkOptions) {
    this.#options = options;
    const { room } = options;
    // Told again with each try.
    room.on('reconnecting', () => {
      this.#round++;
      if (!this.#isReconnecting) this.#in(LONGEST_RECONNECT_MS, () => this.#lose('the network did not come back'));
      this.#isReconnecting = true;
    });
    room.on('reconnected', () => this.begin());
  }

  /** The room is joined. */
  begin(): void {
    this.#isReconnecting = false;
    this.#pauseMs = FIRST_PAUSE_MS;
    this.#ask();
  }

  close(): void {
    this.#isClosed = true;
    this.#round++;
    this.#options.clock.clearTimeout(this.#timer);
  }

  /** Until there is an answer. */
  #ask(round = ++this.#round, sinceMs = this.#options.clock.now()): void {
    if (this.#isClosed) return;
    void this.#isAnswered().then((isAnswered) => {
      if (isAnswered && round === this.#round) this.#answered();
    });
    this.#in(ASK_AGAIN_MS, () => {
      if (this.#options.clock.now() - sinceMs < LONGEST_SILENCE_MS) this.#ask(round, sinceMs);
      else if (this.#hasAnswered) this.#lose('the server does not answer any more');
    });
  }

  #answered(): void {
    this.#round++;
    this.#hasAnswered = true;
    this.#in(this.#pauseMs, () => this.#ask());
    this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
  }

  /** Sets nothing. A refusal is an answer too; without the right to it the server would log each. */
  async #isAnswered(): Promise<boolean> {
    const { room, clock } = this.#options;
    const self = room.localParticipant;
    if (self?.info?.permission?.canUpdateMetadata === false) return true;
    const asked = (async () => self?.setAttributes({}))().then(
      () => true,
      () => true,
    );
    return (await withinMs(asked, ANSWER_MS, clock)) === true;
  }

  #lose(reason: string): void {
    this.close();
    this.#options.onLost(reason);
  }

  #in(ms: number, run: () => void): void {
    const { clock } = this.#options;
    clock.clearTimeout(this.#timer);
    // The library goes on to tell until it has left the room.
    if (!this.#isClosed) this.#timer = clock.setTimeout(run, ms);
  }
}
