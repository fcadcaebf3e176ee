// Which clients have sent their recording from before the call: only to the first agent that hears them, and only once.
import type { RtcByteReader } from '../rtc.ts';

/**
 * How long live audio waits for the recording. The server tells clients of an agent up to 1.5 s after it subscribed to
 * them; the other official runtime waits as long.
 */
export const LONGEST_WAIT_MS = 3_000;

/** Shared by all who hear in one room, over all stays in it. */
export class SentRecordings {
  /** By track: when it was heard first. */
  readonly #heardAtMs = new Map<string, number>();

  /** Somebody hears this track from now on. Returns whether its recording may still come. */
  isExpected(trackSid: string, nowMs: number): boolean {
    const firstMs = this.#heardAtMs.get(trackSid) ?? nowMs;
    this.#heardAtMs.set(trackSid, firstMs);
    return nowMs - firstMs < LONGEST_WAIT_MS;
  }

  /** It is here, or will not come any more. */
  settle(trackSid: string): void {
    this.#heardAtMs.set(trackSid, Number.NEGATIVE_INFINITY);
  }

  /** Also of one that nobody wants: it is not sent again. */
  arrived({ info }: Pick<RtcByteReader, 'info'>): void {
    const { trackId } = info.attributes ?? {};
    if (trackId !== undefined) this.settle(trackId);
  }
}
