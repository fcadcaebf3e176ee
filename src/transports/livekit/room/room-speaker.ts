// The agent's voice in a room: one pump per native source, one piece in flight, a position, a flush.
import type { AudioFrame } from '../../../audio/frame.ts';
import { SampleQueue } from '../../../audio/sample-queue.ts';
import type { Clock } from '../../../clock.ts';
import type { AudioSink } from '../../transport.ts';
import type { Rtc, RtcSource } from '../rtc.ts';

/** The native side takes multiples of 10 ms; a shorter rest would be held back and glued to the next reply. */
const STEP_MS = 10;
/** Larger pieces cost less: 100 ms instead of 20 ms saves a quarter of the processor time of a room. */
const LONGEST_PIECE_MS = 100;
/** A trickle shorter than this is collected while enough is queued in the room. */
const SHORTEST_PIECE_MS = 40;
/** When the room has only this much left, even a short piece goes out. */
const LOW_WATER_MS = 60;
/**
 * A piece is taken when the queue has room, which is at most its length away; longer than this, and the native side hangs.
 * Shorter than a reply that makes no progress is waited for, so that it goes on in a room joined anew.
 */
const STUCK_MS = 2_500;
/** How long an answer waits. Not shorter than a reconnect may take. */
const LONGEST_HOLD_MS = 30_000;
/** Must be a multiple of 10: anything else aborts the process. */
export const SOURCE_QUEUE_MS = 200;

export interface RoomSpeakerOptions {
  readonly rtc: Pick<Rtc, 'AudioFrame'>;
  readonly source: RtcSource;
  readonly clock: Pick<Clock, 'now' | 'setTimeout' | 'clearTimeout'>;
  readonly sampleRateHz: number;
  /** True: silence passes in place of the voice. Default: never. */
  isMuted?(): boolean;
  /** Told once, when the native side does not take a piece any more: nothing will be heard through this source again. */
  onStuck?(): void;
  /** Told once, of the first piece or flush that the native side refused. What was refused passes unheard. */
  onRefused?(error: unknown): void;
}

interface Piece {
  readonly startMs: number;
  readonly endMs: number;
  /** Samples of speech; the rest of the piece is padding. */
  readonly samples: number;
}

export class RoomSpeaker implements AudioSink {
  readonly pacesItself = true;
  readonly canPause = true;
  readonly sampleRateHz: number;
  readonly #rtc: Pick<Rtc, 'AudioFrame'>;
  readonly #source: RtcSource;
  readonly #clock: RoomSpeakerOptions['clock'];
  readonly #queue = new SampleQueue();
  #pieces: Piece[] = [];
  #playedBefore = 0;
  #endMs = Number.NEGATIVE_INFINITY;
  #ended = false;
  readonly #onStuck: (() => void) | undefined;
  readonly #onRefused: ((error: unknown) => void) | undefined;
  #hasRefused = false;
  readonly #isMuted: () => boolean;
  /** When the piece in flight was handed over. */
  #inFlightSinceMs: number | null = null;
  #isStuck = false;
  #scheduled = false;
  #isHeld = false;
  /** Null while it is not held, and while what has waited too long goes out. */
  #heldSinceMs: number | null = null;
  #isClosed = false;
  #timer: unknown;

  constructor({ rtc, source, clock, sampleRateHz, isMuted = () => false, ...told }: RoomSpeakerOptions) {
    this.#isMuted = isMuted;
    this.#onStuck = told.onStuck;
    this.#onRefused = told.onRefused;
    this.#rtc = rtc;
    this.#source = source;
    this.#clock = clock;
    this.sampleRateHz = sampleRateHz;
  }

  get isSuspended(): boolean {
    return this.#heldSinceMs !== null && this.#clock.now() - this.#heldSinceMs < LONGEST_HOLD_MS;
  }

  write({ samples }: AudioFrame): void {
    if (this.#isClosed || samples.length === 0) return;
    this.#ended = false;
    const isFirst = this.#queue.length === 0;
    this.#queue.push(samples);
    // Each answer has its own time to wait, also after one that waited too long was played to its end.
    const isWaiting = this.#heldSinceMs !== null || this.#endMs <= this.#clock.now();
    if (this.#isHeld && isFirst && isWaiting) this.#wait();
    this.#schedule();
  }

  /** Nothing follows for now: the rest goes out, padded to 10 ms. */
  end(): void {
    this.#ended = true;
    this.#schedule();
  }

  /** What was handed over less what is still queued, by our own clock: the library's is late when the loop is. */
  playedSamples(): number {
    const now = this.#clock.now();
    let first = this.#pieces[0];
    while (first !== undefined && first.endMs <= now) {
      this.#playedBefore += first.samples;
      this.#pieces.shift();
      first = this.#pieces[0];
    }
    if (first === undefined || first.startMs >= now) return this.#playedBefore;
    const elapsed = Math.floor(((now - first.startMs) * this.sampleRateHz) / 1000 + 1e-6);
    return this.#playedBefore + Math.min(first.samples, elapsed);
  }

  flush(): void {
    // The position first, because clearing loses it; then the pump's own queue, or its next piece would fill the room's again.
    this.#playedBefore = this.playedSamples();
    this.#pieces = [];
    this.#endMs = Number.NEGATIVE_INFINITY;
    this.#queue.clear();
    this.#ended = false;
    this.#disarm();
    if (this.#isClosed) return; // the source may be gone, and clearing a closed one throws
    try {
      this.#source.clearQueue();
    } catch (error) {
      this.#refused(error);
    }
  }

  /** While the room has lost its network nothing is handed over: it would be counted as heard. */
  hold(isHeld: boolean): void {
    if (isHeld === this.#isHeld) return;
    this.#isHeld = isHeld;
    if (isHeld) this.#wait();
    else this.#goOn();
  }

  /** Takes nothing any more; the position stays. */
  close(): void {
    this.flush();
    this.#isHeld = false;
    this.#heldSinceMs = null;
    this.#isClosed = true;
  }

  #wait(): void {
    this.#disarm();
    this.#heldSinceMs = this.#clock.now();
    if (this.#queue.length === 0) return;
    this.#timer = this.#clock.setTimeout(() => this.#goOn(), LONGEST_HOLD_MS);
  }

  #goOn(): void {
    this.#disarm();
    this.#heldSinceMs = null;
    this.#schedule();
  }

  /** What is written within one tick goes out in one piece. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#isClosed || this.#heldSinceMs !== null) return;
    if (this.#inFlightSinceMs !== null) {
      this.#lookWhetherStuck(this.#inFlightSinceMs);
      return;
    }
    this.#disarm();
    const step = (this.sampleRateHz * STEP_MS) / 1000;
    const whole = Math.floor(this.#queue.length / step) * step;
    const wanted = this.#ended ? Math.ceil(this.#queue.length / step) * step : whole;
    const count = Math.min(wanted, (step * LONGEST_PIECE_MS) / STEP_MS);
    if (count === 0) return;
    const aheadMs = this.#endMs - this.#clock.now();
    if (!this.#ended && count < (step * SHORTEST_PIECE_MS) / STEP_MS && aheadMs > LOW_WATER_MS) {
      this.#arm(aheadMs - LOW_WATER_MS);
      return;
    }
    void this.#hand(count);
  }

  async #hand(count: number): Promise<void> {
    const samples = Math.min(count, this.#queue.length);
    // The library reads from the start of the buffer whatever the view says: a part of a larger one would play other memory.
    const pcm = new Int16Array(this.#queue.take(count));
    if (this.#isMuted()) pcm.fill(0);
    const startMs = Math.max(this.#clock.now(), this.#endMs);
    this.#endMs = startMs + (count * 1000) / this.sampleRateHz;
    this.#pieces.push({ startMs, endMs: this.#endMs, samples });
    this.#inFlightSinceMs = this.#clock.now();
    try {
      await this.#source.captureFrame(new this.#rtc.AudioFrame(pcm, this.sampleRateHz, 1, count));
    } catch (error) {
      // Lost, but it passes in real time like one that was played: the reply goes on with the next piece.
      this.#refused(error);
    }
    this.#inFlightSinceMs = null;
    this.#pump();
  }

  /** Looked at when something new is to be said, so that no timer runs for every piece. */
  #lookWhetherStuck(sinceMs: number): void {
    if (this.#isStuck || this.#clock.now() - sinceMs < STUCK_MS) return;
    this.#isStuck = true;
    this.#onStuck?.();
  }

  #refused(error: unknown): void {
    if (this.#hasRefused) return;
    this.#hasRefused = true;
    this.#onRefused?.(error);
  }

  #arm(delayMs: number): void {
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined;
      this.#pump();
    }, Math.ceil(delayMs));
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
