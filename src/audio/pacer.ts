// Turns a sink that sends at once into one that plays in real time: 20 ms frames on a clock, a position, a flush.
import type { Clock } from '../clock.ts';
import { AgentError, toAgentError } from '../errors.ts';
import { type AudioFrame, checkFrame, checkMono, isSampleRate, SAMPLE_RATE_RULE } from './frame.ts';
import { SampleQueue } from './sample-queue.ts';

/** What goes out at a time. RTP, WebRTC and telephony all count in it. */
const FRAME_MS = 20;
/**
 * How long less than a frame may lie past its edge before it goes out padded with silence. A writer that never calls
 * `end` so loses nothing, and a clause that ends between two edges is joined by the next one without a hole.
 */
const TAIL_WAIT_MS = 20;
/**
 * A timer late by more than this shifts the grid instead of sending a burst: the far side has been silent meanwhile, and
 * a burst would stay in its jitter buffer and be heard after a flush. 5 frames is what such buffers hold.
 */
const MAX_CATCH_UP_MS = 100;
/** Rounding of sums of milliseconds; far under one sample. */
const EPSILON_MS = 1e-4;

/** A sink that sends what it gets at once. `AudioSink` with `pacesItself: false` fits. */
export interface UnpacedSink {
  readonly sampleRateHz: number;
  readonly canPause: boolean;
  write(frame: AudioFrame): void;
  flush(): void;
}

export interface PacerOptions {
  readonly sink: UnpacedSink;
  readonly clock: Pick<Clock, 'now' | 'setTimeout' | 'clearTimeout'>;
  /**
   * How far ahead of real time frames may be sent, to ride out late timers. Default 0; 0 to 60 ms. More than 20 only for
   * a sink whose `flush` takes back what was sent, else more than one frame is heard after a flush.
   */
  readonly leadMs?: number;
  /** Told once, of the first frame that was refused or made the sink throw. */
  onError?(error: AgentError): void;
}

/**
 * The first frame of a stretch of audio (a run) goes out inside `write`; frame k is due at the start of the run plus
 * k * 20 ms, so a late timer never adds up to drift. One timer is armed for the next edge, none while nothing is queued.
 * Audio that comes after the queue ran dry begins a new run; the silence between is not counted as played.
 */
export class Pacer {
  readonly pacesItself = true;
  readonly canPause: boolean;
  readonly sampleRateHz: number;
  readonly #sink: UnpacedSink;
  readonly #clock: PacerOptions['clock'];
  readonly #leadMs: number;
  readonly #onError: ((error: AgentError) => void) | undefined;
  readonly #frameSamples: number;
  readonly #queue = new SampleQueue();
  #hasFailed = false;
  #timer: unknown;
  #pumping = false;
  #ended = false;
  #closed = false;
  /** Samples of earlier runs. */
  #playedBefore = 0;
  #running = false;
  #runStartMs = 0;
  /** Samples sent in this run, and the same with the padding, which takes time but is no speech. */
  #runSamples = 0;
  #runSlots = 0;
  /** A frame that was out at a flush sounds until then. */
  #busyUntilMs = Number.NEGATIVE_INFINITY;
  #lastWriteMs = 0;

  /** @throws AgentError `ERR_OPTION` for a bad `leadMs` or sink rate */
  constructor({ sink, clock, leadMs = 0, onError }: PacerOptions) {
    if (!(leadMs >= 0 && leadMs <= 60))
      throw new AgentError('ERR_OPTION', 'bad pacer option', { field: 'leadMs', rule: 'must be from 0 to 60' });
    if (!isSampleRate(sink.sampleRateHz))
      throw new AgentError('ERR_OPTION', 'bad sink', { field: 'sink.sampleRateHz', rule: SAMPLE_RATE_RULE });
    this.canPause = sink.canPause;
    this.sampleRateHz = sink.sampleRateHz;
    this.#sink = sink;
    this.#clock = clock;
    this.#leadMs = leadMs;
    this.#onError = onError;
    this.#frameSamples = Math.round((sink.sampleRateHz * FRAME_MS) / 1000);
  }

  /** Samples written and not yet sent. */
  get queuedSamples(): number {
    return this.#queue.length;
  }

  /** Queues a frame of any length, mono at the rate of the sink. Never throws: a bad frame is dropped and told. */
  write(frame: AudioFrame): void {
    if (this.#closed) return;
    try {
      checkFrame(frame);
      checkMono(frame, this.sampleRateHz, 'this sink');
    } catch (error) {
      this.#fail(error, 'a frame was refused');
      return;
    }
    if (frame.samples.length === 0) return;
    const now = this.#clock.now();
    this.#ended = false;
    this.#endRunIfDry(now);
    this.#lastWriteMs = now;
    this.#queue.push(frame.samples);
    this.#pump();
  }

  /** Nothing follows for now: what is left goes out at its edge, padded. Writing again is allowed and continues. */
  end(): void {
    this.#endRunIfDry(this.#clock.now());
    this.#ended = true;
    this.#pump();
  }

  /**
   * Samples of speech that were played since the pacer was made; padding and gaps are not counted. Never falls. At a
   * flush it moves to the end of the frame that was being played, because that one is heard.
   */
  playedSamples(): number {
    return this.#playedBefore + (this.#running ? Math.min(this.#runSamples, this.#elapsedSamples()) : 0);
  }

  /** Drops what was not sent and flushes the sink. At most the frame that is being played is still heard. */
  flush(): void {
    this.#queue.clear();
    this.#ended = false;
    this.#disarm();
    if (this.#running) {
      const frames = Math.ceil((this.#elapsedSamples() + 1) / this.#frameSamples);
      const heardSlots = Math.min(this.#runSlots, frames * this.#frameSamples);
      this.#busyUntilMs = this.#runStartMs + this.#durationMs(heardSlots);
      this.#playedBefore += Math.min(this.#runSamples, heardSlots);
      this.#running = false;
    }
    try {
      this.#sink.flush();
    } catch (error) {
      this.#fail(error, 'the sink failed to flush');
    }
  }

  /** Flushes and refuses everything from then on. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.flush();
    this.#closed = true;
  }

  #pump(): void {
    if (this.#pumping) return; // a sink that writes back is served by the loop below
    this.#pumping = true;
    this.#disarm();
    while (this.#queue.length > 0) {
      const now = this.#clock.now();
      const waitsForMore = this.#queue.length < this.#frameSamples && !this.#ended;
      const edge = this.#running ? this.#edgeMs() : Math.max(this.#lastWriteMs, this.#busyUntilMs);
      const sendMs = waitsForMore ? Math.max(edge, this.#lastWriteMs) + TAIL_WAIT_MS : edge - this.#leadMs;
      if (sendMs > now + EPSILON_MS) {
        this.#arm(sendMs - now);
        break;
      }
      if (this.#running && (waitsForMore || now - edge > MAX_CATCH_UP_MS)) this.#endRun();
      if (!this.#running) this.#beginRun(Math.max(now, this.#busyUntilMs));
      this.#sendFrame();
    }
    this.#pumping = false;
  }

  #beginRun(startMs: number): void {
    this.#running = true;
    this.#runStartMs = startMs;
    this.#runSamples = 0;
    this.#runSlots = 0;
  }

  /** Less than a frame at its edge is an underrun, however late the timer for it is. */
  #endRunIfDry(now: number): void {
    if (this.#running && this.#queue.length < this.#frameSamples && this.#edgeMs() < now - EPSILON_MS) this.#endRun();
  }

  /** Only called when the grid has passed all that was sent, so all of it was played. */
  #endRun(): void {
    this.#playedBefore += this.#runSamples;
    this.#running = false;
  }

  #sendFrame(): void {
    const real = Math.min(this.#queue.length, this.#frameSamples);
    const samples = this.#queue.take(this.#frameSamples);
    this.#runSamples += real;
    this.#runSlots += this.#frameSamples;
    try {
      this.#sink.write({ samples, sampleRateHz: this.sampleRateHz, channels: 1 });
    } catch (error) {
      this.#fail(error, 'the sink failed to take a frame');
    }
  }

  /** When the next frame is due. */
  #edgeMs(): number {
    return this.#runStartMs + this.#durationMs(this.#runSlots);
  }

  #durationMs(samples: number): number {
    return (samples * 1000) / this.sampleRateHz;
  }

  #elapsedSamples(): number {
    const elapsedMs = this.#clock.now() - this.#runStartMs;
    return Math.max(0, Math.floor(((elapsedMs + EPSILON_MS) * this.sampleRateHz) / 1000));
  }

  #arm(delayMs: number): void {
    // Timers count whole milliseconds; rounding up keeps them from firing just before the edge and again after it.
    this.#timer = this.#clock.setTimeout(
      () => {
        this.#timer = undefined;
        this.#pump();
      },
      Math.ceil(delayMs - EPSILON_MS),
    );
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #fail(thrown: unknown, what: string): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    try {
      this.#onError?.(toAgentError(thrown, 'ERR_TRANSPORT', what));
    } catch {
      // The listener's own failure must not stop the audio, and there is nobody else to tell.
    }
  }
}
