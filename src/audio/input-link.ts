// From the microphone to the detectors: one time base in samples, pre-roll, and every open utterance on tape until its
// final is in the ledger. Survives the crash of every part around it; an older epoch is not listened to.
import type { Clock } from '../clock.ts';
import { DetectorBacklog } from './detector-backlog.ts';
import { type AudioFrame, INPUT_FORMAT } from './frame.ts';
import { FrameConverter } from './frame-converter.ts';
import { ReceivedMeter } from './received-meter.ts';
import type { VadEdge } from './segmenter.ts';
import { Tape } from './tape.ts';

/** Told synchronously; the ledger is written inside, before anybody else hears of it. */
export interface InputLinkEvents {
  /** Returns the id of the new utterance. */
  started(startedAtMs: number): number;
  sustained(): void;
  ended(lastVoiceAtMs: number): void;
  discarded(): void;
  /** Microphone audio; at most two calls a second. */
  received(sizeBytes: number, durationMs: number): void;
  refused(error: unknown): void;
  /** At the end of an utterance, when the tape does not hold all of it: a recogniser that starts anew misses so much. */
  lost(samples: number): void;
}

export interface VadReader {
  write(frame: AudioFrame): void;
  /** Samples that were written and not judged yet. Absent: each frame is judged within `write`. */
  pendingSamples?(): number;
}

export interface SttReader {
  begin(utterance: number): void;
  write(frame: AudioFrame): void;
  end(utterance: number): void;
  discard(utterance: number): void;
}

export interface InputLinkOptions {
  readonly clock: Clock;
  readonly events: InputLinkEvents;
  /** After this much of one utterance its end is forced and the next one begins; nothing is dropped. Default 60 000. */
  readonly longestUtteranceMs?: number;
  /** Voice after which the detector says `sustained`; what follows a cut is measured by it too. Default 500. */
  readonly sustainedAfterMs?: number;
}

/** A source that sends nothing for this long, in mid-speech, is taken to be silent. */
const GAP_MS = 300;
const GAP_FILL_MS = 100;
const RATE = INPUT_FORMAT.sampleRateHz;
/** Voice that goes on this long after the host ended the utterance is something new; detectors need less to hear silence. */
const LIMBO_SAMPLES = RATE;
/** Name of that voice on the tape until it is known to be an utterance. */
const LIMBO = -1;
/** A host that ends an utterance twice within this time means it once: what was said in between is less than a word. */
const COMMIT_AGAIN_SAMPLES = 0.3 * RATE;
/** What the tape adds before the start of an utterance; not wanted behind words that are already known. */
const LEAD_IN_SAMPLES = 0.2 * RATE;
/** A detector that is behind by more is waited for: with the onset of a voice and its lead-in this is what the pre-roll holds. */
const LONGEST_LAG_SAMPLES = 0.2 * RATE;

interface TapedUtterance {
  readonly id: number;
  readonly startSample: number;
  isEnded: boolean;
}

export class InputLink {
  readonly #clock: Clock;
  readonly #events: InputLinkEvents;
  readonly #longestSamples: number;
  readonly #sustainedSamples: number;
  readonly #tape = new Tape();
  readonly #backlog: DetectorBacklog;
  readonly #received: ReceivedMeter;
  #converter = new FrameConverter();
  #sourceEpoch = 0;
  #vadEpoch = 0;
  #sttEpoch = 0;
  #vad: VadReader | null = null;
  #stt: SttReader | null = null;
  /** Clock time of sample 0; moves when the source paused. */
  #originMs: number | null = null;
  #utterances: TapedUtterance[] = [];
  /** Tape position of the first sample of each utterance that the present recogniser got. */
  readonly #sttBase = new Map<number, number>();
  /** Voice goes on after the host ended the utterance: taped, and an utterance of its own if it lasts. */
  #limbo: { readonly sinceMs: number; readonly startSample: number } | null = null;
  /** Where the next utterance may start: what lies before was given to one that is over, or thrown away by the host. */
  #freeFromSample = 0;
  /** The detector said so for the voice that is going on. */
  #isSustained = false;
  /** It was cut by the host: the utterance that goes on is sustained when it has reached this sample. */
  #sustainedAtSample: number | null = null;
  #gapTimer: unknown;
  #lastFrameAtMs = 0;
  #isClosed = false;
  #isFinished = false;

  constructor(options: InputLinkOptions) {
    this.#clock = options.clock;
    this.#events = options.events;
    this.#longestSamples = ((options.longestUtteranceMs ?? 60_000) * RATE) / 1000;
    this.#sustainedSamples = ((options.sustainedAfterMs ?? 500) * RATE) / 1000;
    this.#received = new ReceivedMeter(options.clock, (bytes, ms) => this.#events.received(bytes, ms));
    this.#backlog = new DetectorBacklog({
      clock: options.clock,
      isBehind: () => (this.#vad?.pendingSamples?.() ?? 0) > LONGEST_LAG_SAMPLES,
      write: (samples, endsAtMs) => this.#write({ samples, ...INPUT_FORMAT }, endsAtMs),
    });
  }

  /** Any rate, mono or stereo. A bad frame is refused and told; it never throws. */
  attachSource(): (frame: AudioFrame) => void {
    const epoch = ++this.#sourceEpoch;
    this.#converter = new FrameConverter();
    return (frame) => {
      if (epoch !== this.#sourceEpoch || this.#isClosed) return;
      let converted: AudioFrame;
      try {
        converted = this.#converter.convert(frame);
      } catch (error) {
        this.#events.refused(error);
        return;
      }
      this.#received.count(frame);
      this.#lastFrameAtMs = this.#clock.now();
      this.#backlog.take(converted.samples, this.#lastFrameAtMs);
    };
  }

  /** A new detector starts as speaking when an utterance is open, and hears what comes from now on. */
  attachVad(reader: VadReader): {
    readonly originMs: number;
    readonly speaking: boolean;
    report(edge: VadEdge): void;
  } {
    const epoch = ++this.#vadEpoch;
    const startSample = this.#tape.position;
    const originMs = this.#nowOfTape();
    // The detector counts from its own origin; ours moves when the source pauses.
    const toClock = (atMs: number) => (this.#originMs ?? originMs) + (startSample * 1000) / RATE + (atMs - originMs);
    this.#vad = reader;
    return {
      originMs,
      speaking: this.#open() !== undefined || this.#limbo !== null,
      report: (edge) => {
        if (epoch === this.#vadEpoch && !this.#isClosed) this.#onEdge(edge, toClock);
      },
    };
  }

  /** A new recogniser first gets every utterance that lacks a final, from its first sample, then goes on live. */
  attachStt(reader: SttReader): { readonly isCurrent: () => boolean } {
    const epoch = ++this.#sttEpoch;
    this.#stt = reader;
    for (const utterance of this.#utterances) {
      reader.begin(utterance.id);
      this.#noteBase(utterance.id);
      this.#tape.replay(utterance.id, (frame) => reader.write(frame));
      if (utterance.isEnded) reader.end(utterance.id);
    }
    return { isCurrent: () => epoch === this.#sttEpoch };
  }

  /** The final is in the ledger: the audio is no longer needed. */
  release(utterance: number): void {
    this.#utterances = this.#utterances.filter(({ id }) => id !== utterance);
    this.#sttBase.delete(utterance);
    this.#tape.release(utterance);
  }

  /**
   * Words of the open utterance so far are in the ledger: a restarted recogniser begins behind them.
   * @param coveredSamples counted from the first sample that the present recogniser got; default: all
   */
  trim(utterance: number, coveredSamples = Number.POSITIVE_INFINITY): void {
    const base = this.#sttBase.get(utterance);
    if (base !== undefined && coveredSamples >= 0) this.#tape.trim(utterance, base + coveredSamples);
  }

  /** Throws utterances away; their finals will not be asked for. Voice that goes on becomes a new one. */
  discard(utterances: readonly number[]): void {
    const open = this.#open();
    for (const id of utterances) {
      this.#stt?.discard(id);
      this.release(id);
    }
    if (open !== undefined && utterances.includes(open.id)) this.#enterLimbo();
  }

  /**
   * Ends the open utterance now, or the voice that went on after such an end. What follows becomes a new one. The same
   * again at once changes nothing: no recogniser could make anything of a word that was cut twice.
   */
  forceEnd(): void {
    if (this.#limbo !== null && this.#tape.position - this.#limbo.startSample < COMMIT_AGAIN_SAMPLES) return;
    this.#endNow();
  }

  #endNow(): void {
    this.#backlog.drainAll(); // what waits was said before
    this.#leaveLimbo();
    if (this.#open() === undefined) return;
    this.#end(this.#nowOfTape());
    this.#enterLimbo();
  }

  /** The call is ending: what was said so far is finished, what comes from now on is not listened to. */
  finish(): void {
    this.#endNow();
    this.#dropLimbo();
    this.#isFinished = true;
  }

  /** Samples kept for utterances without a final, plus the pre-roll. */
  get heldSamples(): number {
    return this.#tape.heldSamples;
  }

  close(): void {
    this.#isClosed = true;
    this.#clock.clearTimeout(this.#gapTimer);
    this.#gapTimer = undefined;
    this.#backlog.close();
    this.#vad = null;
    this.#stt = null;
    for (const { id } of this.#utterances) this.#tape.release(id);
    this.#dropLimbo();
    this.#utterances = [];
  }

  #write(frame: AudioFrame, endsAtMs: number): void {
    if (frame.samples.length === 0 || this.#isFinished) return;
    this.#anchor(endsAtMs, frame.samples.length);
    this.#tape.write(frame);
    const open = this.#open();
    if (open !== undefined) this.#stt?.write(frame);
    this.#vad?.write(frame);
    this.#tellSustained(this.#tape.position);
    if (open !== undefined && this.#tape.position - open.startSample >= this.#longestSamples && !open.isEnded)
      this.#split();
    if (this.#limbo !== null && this.#tape.position - this.#limbo.startSample >= LIMBO_SAMPLES) this.#leaveLimbo();
    this.#watchGap();
  }

  /** Sample time may not run ahead of the clock, nor lag behind it by more than a gap. */
  #anchor(endsAtMs: number, incoming: number): void {
    const endMs = endsAtMs - ((this.#tape.position + incoming) * 1000) / RATE;
    if (this.#originMs === null || endMs < this.#originMs || endMs > this.#originMs + GAP_MS) this.#originMs = endMs;
  }

  /** A source that stops in mid-speech (mute, loss) must not keep the utterance open: silence is written for it. */
  #watchGap(): void {
    if (this.#gapTimer !== undefined || !this.#isVoiceOn()) return;
    const dueMs = this.#lastFrameAtMs + GAP_MS - this.#clock.now();
    this.#gapTimer = this.#clock.setTimeout(() => this.#fillGap(), Math.max(GAP_FILL_MS, dueMs));
  }

  #fillGap(): void {
    this.#gapTimer = undefined;
    if (this.#isClosed || !this.#isVoiceOn()) return;
    const missingMs = this.#clock.now() - this.#nowOfTape();
    const isSilent = this.#clock.now() - this.#lastFrameAtMs >= GAP_MS && this.#backlog.isEmpty;
    if (isSilent && missingMs >= 1) {
      const samples = new Int16Array(Math.floor((missingMs * RATE) / 1000));
      this.#write({ samples, ...INPUT_FORMAT }, this.#clock.now());
    }
    this.#watchGap();
  }

  #onEdge(edge: VadEdge, toClock: (atMs: number) => number): void {
    switch (edge.type) {
      case 'started':
        if (this.#limbo !== null) this.#leaveLimbo();
        else if (this.#open() === undefined) this.#begin(toClock(edge.startedAtMs));
        // A detector that lags behind tells of voice from before the end; nothing more will come of it.
        if (this.#isFinished) this.#endNow();
        return;
      case 'sustained':
        this.#isSustained = true;
        if (this.#open() !== undefined) this.#events.sustained();
        return;
      case 'ended': {
        const lastVoiceAtMs = toClock(edge.lastVoiceAtMs);
        if (this.#limbo !== null && lastVoiceAtMs > this.#limbo.sinceMs)
          this.#leaveLimbo(this.#sampleAt(lastVoiceAtMs));
        this.#dropLimbo();
        this.#isSustained = false;
        this.#end(lastVoiceAtMs);
        return;
      }
      case 'discarded': {
        this.#dropLimbo();
        this.#isSustained = false;
        const open = this.#open();
        if (open === undefined) return;
        this.#stt?.discard(open.id);
        this.release(open.id);
        this.#events.discarded();
        return;
      }
    }
  }

  #begin(startedAtMs: number): void {
    const startSample = this.#sampleAt(startedAtMs);
    // A detector that missed audio dates everything too early from then on, and words would be heard twice.
    this.#beginAt(startedAtMs, Math.max(this.#freeFromSample, startSample), 0);
  }

  /** @param leadIn samples of the tape's lead-in that are not wanted */
  #beginAt(startedAtMs: number, startSample: number, leadIn: number): void {
    this.#sustainedAtSample = null;
    const id = this.#events.started(startedAtMs);
    this.#tape.openUtterance(id, startSample + leadIn);
    this.#utterances.push({ id, startSample, isEnded: false });
    this.#stt?.begin(id);
    this.#noteBase(id);
    this.#tape.replay(id, (frame) => this.#stt?.write(frame));
    this.#watchGap();
  }

  #end(lastVoiceAtMs: number): void {
    const open = this.#open();
    if (open === undefined) return;
    open.isEnded = true;
    this.#freeFromSample = this.#tape.position;
    this.#tape.endUtterance(open.id, this.#tape.position);
    const lost = this.#tape.lostOf(open.id);
    if (lost > 0) this.#events.lost(lost);
    this.#events.ended(lastVoiceAtMs);
    this.#stt?.end(open.id);
  }

  #split(): void {
    const nowMs = this.#nowOfTape();
    const wasSustained = this.#isSustained;
    this.#end(nowMs);
    this.#beginAt(nowMs, this.#tape.position, LEAD_IN_SAMPLES);
    if (wasSustained) this.#events.sustained();
  }

  #noteBase(utterance: number): void {
    const start = this.#tape.startOf(utterance);
    if (start !== undefined) this.#sttBase.set(utterance, start);
  }

  #enterLimbo(): void {
    const startSample = this.#tape.position;
    // Cut in mid-voice: a lead-in from before the cut would be speech, not silence.
    this.#freeFromSample = startSample + LEAD_IN_SAMPLES;
    this.#limbo = { sinceMs: this.#nowOfTape(), startSample };
    this.#tape.openUtterance(LIMBO, startSample + LEAD_IN_SAMPLES);
    this.#watchGap();
  }

  /** The voice lasts: an utterance from the moment at which the one before was ended. */
  #leaveLimbo(voiceToSample = this.#tape.position): void {
    const { sinceMs, startSample } = this.#limbo ?? {};
    if (sinceMs === undefined || startSample === undefined) return;
    this.#beginAt(sinceMs, startSample, LEAD_IN_SAMPLES);
    this.#dropLimbo();
    // The last syllable behind a push of the button must not interrupt the answer to what was said before it.
    if (this.#isSustained) this.#sustainedAtSample = startSample + this.#sustainedSamples;
    this.#tellSustained(voiceToSample);
  }

  #tellSustained(voiceToSample: number): void {
    if (this.#sustainedAtSample === null || voiceToSample < this.#sustainedAtSample) return;
    this.#sustainedAtSample = null;
    if (this.#open() !== undefined) this.#events.sustained();
  }

  #dropLimbo(): void {
    if (this.#limbo === null) return;
    this.#limbo = null;
    this.#tape.release(LIMBO);
  }

  #isVoiceOn(): boolean {
    return this.#open() !== undefined || this.#limbo !== null;
  }

  #open(): TapedUtterance | undefined {
    const last = this.#utterances.at(-1);
    return last?.isEnded === false ? last : undefined;
  }

  #sampleAt(atMs: number): number {
    return Math.round(((atMs - (this.#originMs ?? atMs)) * RATE) / 1000);
  }

  #nowOfTape(): number {
    return this.#originMs === null ? this.#clock.now() : this.#originMs + (this.#tape.position * 1000) / RATE;
  }
}
