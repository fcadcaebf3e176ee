// From the reply to the loudspeaker: text waits here for the voice, audio waits here until it was played. Survives the
// crash of every part around it; each writer holds an epoch, and what an older epoch says is dropped.
import type { AudioFrame } from './frame.ts';
import { SpokenSegment } from './spoken-segment.ts';

/** Plays in real time and knows its position; a Pacer in front of a sink that does not. */
export interface PlayoutDevice {
  readonly sampleRateHz: number;
  write(frame: AudioFrame): void;
  playedSamples(): number;
  flush(): void;
  /** Nothing can be heard at present, and that will pass: the position stands still, and this is no stall. */
  readonly isSuspended?: boolean;
  /** No more audio for now: a last piece shorter than a frame may go out. */
  end?(): void;
}

/** What the link tells the turn that speaks. `key` is the one given to `attachTurn`. */
export interface OutputLinkEvents<Key> {
  buffering(key: Key): void;
  held(key: Key): void;
  started(key: Key): void;
  /** More was heard: the part of the segment's text that reached the ear so far. */
  progressed(key: Key, itemId: string, heardText: string): void;
  /** Nothing is heard for now, through no fault of the reply; told again and again while it lasts. */
  suspended(key: Key): void;
  /** All audio so far was heard, and the voice has not said that it was all. */
  starved(key: Key): void;
  paused(key: Key): void;
  /** It goes on after a pause, or after it had starved. */
  resumed(key: Key): void;
  drained(key: Key): void;
  /** The voice has made all audio of the segment. */
  synthesized(key: Key, audioDurationMs: number): void;
  /** How much of a segment was heard, when it was played to the end or cut. */
  heard(key: Key, itemId: string, text: string, wasCut: boolean): void;
}

/** The turn's side: writes one segment of text after the other. */
export interface TextWriter {
  /** Begins a segment; the one before must be played or flushed. */
  begin(itemId: string): void;
  write(text: string): void;
  end(): void;
  /** Plays ready-made audio instead of text. */
  play(itemId: string, text: string, frames: readonly AudioFrame[]): void;
}

/** The voice's side: what it is asked to say. `segment` fences off what an older segment still reports. */
export interface TextReader {
  begin(segment: number): void;
  write(text: string): void;
  end(): void;
  cancel(): void;
}

export interface AudioWriter {
  audio(segment: number, frame: AudioFrame): void;
  mark(segment: number, chars: number): void;
  done(segment: number): void;
  /** Null when less than two seconds of audio wait to be played, or the segment is over; else resolves when that holds. */
  ready(segment: number): Promise<void> | null;
}

export interface FlushResult {
  /** Milliseconds of the segment that were played; 0 when it was over: then nothing was cut. */
  readonly playedMs: number;
  readonly heardText: string;
}

/** How much unplayed audio makes a voice that can wait wait. */
const HIGH_WATER_MS = 2000;
/** A device may keep a piece shorter than this until it hears that nothing follows. */
const LAST_PIECE_MS = 20;

export class OutputLink<Key> {
  readonly #events: OutputLinkEvents<Key>;
  #device: PlayoutDevice | null = null;
  /** Of the last device; what is received before there is one is converted again. */
  #rateHz = 24_000;
  #segment: SpokenSegment<Key> | null = null;
  #segmentCount = 0;
  #turnEpoch = 0;
  #voiceEpoch = 0;
  #playoutEpoch = 0;
  #voice: TextReader | null = null;
  #playout: { wake(): void } | null = null;
  #isHeld = false;
  #isPaused = false;
  #waiting: (() => void)[] = [];

  constructor(events: OutputLinkEvents<Key>) {
    this.#events = events;
  }

  /** Set by the transport; outlives the playout actor. */
  setDevice(device: PlayoutDevice | null): void {
    const segment = this.#segment;
    let played = segment === null ? 0 : this.#played(segment);
    // What the old one still holds is said again through the new one.
    if (segment?.isPlaced === true) this.#device?.flush();
    this.#device = device;
    if (device === null) return;
    const hasOtherRate = this.#rateHz !== device.sampleRateHz;
    this.#rateHz = device.sampleRateHz;
    if (segment === null) return;
    segment.rewindTo(played, device.playedSamples());
    if (hasOtherRate) {
      played = segment.changeRate(played, device.sampleRateHz);
      segment.rewindTo(played, device.playedSamples());
    }
    this.#playout?.wake();
  }

  /** Flushes, revokes every writer before, and gives the only port that can write now. */
  attachTurn(key: Key): TextWriter {
    this.flush();
    const epoch = ++this.#turnEpoch;
    const isCurrent = () => epoch === this.#turnEpoch;
    const open = () => (isCurrent() && this.#segment?.isTextOpen === true ? this.#segment : null);
    return {
      begin: (itemId) => {
        if (!isCurrent()) return;
        const segment = this.#newSegment(key, itemId);
        this.#voice?.begin(segment.id);
        this.#events.buffering(key);
      },
      write: (text) => {
        const segment = open();
        if (segment === null || text === '') return;
        segment.write(text);
        this.#voice?.write(text);
      },
      end: () => {
        const segment = open();
        if (segment === null) return;
        segment.endText();
        this.#voice?.end();
      },
      play: (itemId, text, frames) => {
        if (!isCurrent()) return;
        const segment = this.#newSegment(key, itemId);
        segment.write(text);
        segment.endText();
        this.#voice?.cancel();
        this.#events.buffering(key);
        for (const frame of frames) segment.keep(frame);
        this.#finish(segment);
      },
    };
  }

  /**
   * Synchronous: silence now. Nothing written or begun before ever plays; every writer is revoked. Tells how much of
   * the segment was heard before it returns.
   */
  flush(): FlushResult {
    this.#turnEpoch++;
    const segment = this.#segment;
    this.#segment = null;
    this.#isPaused = false;
    if (segment === null) return { playedMs: 0, heardText: '' };
    if (segment.isPlaced) this.#device?.flush();
    const played = this.#played(segment);
    if (!segment.isAudioWhole) this.#voice?.cancel();
    this.#release();
    if (segment.told.has('drained')) return { playedMs: 0, heardText: '' };
    const text = segment.heardText(played);
    this.#events.heard(segment.key, segment.itemId, text, true);
    return { playedMs: segment.msOf(played), heardText: text };
  }

  /** Gives the reader the text that has no audio yet, from the start of the unfinished clause. */
  attachVoice(reader: TextReader): AudioWriter {
    const epoch = ++this.#voiceEpoch;
    this.#voice = reader;
    const find = (id: number): SpokenSegment<Key> | null => {
      const segment = this.#segment;
      return epoch === this.#voiceEpoch && segment?.id === id && !segment.isAudioWhole ? segment : null;
    };
    const segment = this.#segment;
    if (segment !== null && !segment.isAudioWhole) {
      const rest = segment.restartVoice();
      reader.begin(segment.id);
      if (rest !== '') reader.write(rest);
      if (!segment.isTextOpen) reader.end();
    }
    return {
      audio: (id, frame) => {
        const segment = find(id);
        if (segment === null) return;
        segment.keep(frame);
        this.#playout?.wake();
      },
      mark: (id, chars) => find(id)?.mark(chars),
      done: (id) => {
        const segment = find(id);
        if (segment !== null) this.#finish(segment);
      },
      ready: (id) => {
        if (find(id) === null || this.#queuedMs() < HIGH_WATER_MS) return null;
        return new Promise((resolve) => this.#waiting.push(resolve));
      },
    };
  }

  /**
   * The voice has gone quiet after all it said was heard. When no text is missing by its marks, or it gives none, the
   * segment is over: it only never said so.
   */
  finishVoice(): void {
    const segment = this.#segment;
    if (segment === null || segment.isTextOpen || segment.isAudioWhole || !segment.told.has('starved')) return;
    if (!segment.isTextSaid) return;
    this.#voice?.cancel();
    this.#finish(segment);
  }

  /** `wake` is called when there may be something to play. */
  attachPlayout(reader: { wake(): void }): { pump(): void; tick(): void; nextTickMs(): number | null } {
    const epoch = ++this.#playoutEpoch;
    this.#playout = reader;
    const isCurrent = () => epoch === this.#playoutEpoch;
    return {
      pump: () => {
        if (isCurrent()) this.#pump();
      },
      tick: () => {
        if (!isCurrent()) return;
        const segment = this.#segment;
        if (segment?.isPlaced === true) {
          if (this.#device?.isSuspended === true) this.#events.suspended(segment.key);
          if (segment.nextFrame === undefined && this.#queuedMs() < LAST_PIECE_MS) this.#device?.end?.();
        }
        this.#tick();
      },
      nextTickMs: () => (isCurrent() ? this.#nextTickMs() : null),
    };
  }

  /** While held, a segment that is not audible yet waits with its first frame. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    this.#playout?.wake();
  }

  /** Stops at the played position and keeps the rest. */
  pause(): void {
    const segment = this.#segment;
    if (segment === null || this.#isPaused || !segment.isPlaced || segment.told.has('drained')) return;
    this.#device?.flush();
    const played = this.#played(segment);
    if (this.#device !== null) segment.rewindTo(played, this.#device.playedSamples());
    this.#isPaused = true;
    segment.told.delete('starved');
    this.#events.paused(segment.key);
  }

  resume(): void {
    const segment = this.#segment;
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (segment === null) return;
    this.#events.resumed(segment.key);
    this.#playout?.wake();
  }

  /** The present segment has text or audio that was not played to the end. */
  get isBusy(): boolean {
    return this.#segment !== null && !this.#segment.told.has('drained');
  }

  /** Some sample of the present segment was played. */
  get isAudible(): boolean {
    return this.#segment !== null && this.#played(this.#segment) > 0;
  }

  #newSegment(key: Key, itemId: string): SpokenSegment<Key> {
    this.#segment = new SpokenSegment({ id: ++this.#segmentCount, key, itemId, rateHz: this.#rateHz });
    return this.#segment;
  }

  #finish(segment: SpokenSegment<Key>): void {
    segment.finish();
    this.#release();
    this.#events.synthesized(segment.key, segment.durationMs);
    this.#playout?.wake();
  }

  #pump(): void {
    const segment = this.#segment;
    const device = this.#device;
    if (segment === null || device === null || segment.told.has('drained')) return;
    const hasFrames = segment.nextFrame !== undefined;
    if (hasFrames && !segment.isPlaced && this.#isHeld) {
      if (isNew(segment, 'held')) this.#events.held(segment.key);
      return;
    }
    if (this.#isPaused) return;
    if (hasFrames && !segment.isPlaced) segment.place(device.playedSamples());
    for (let frame = segment.nextFrame; frame !== undefined; frame = segment.nextFrame) {
      // Counted when it was taken: a device that throws gets the same frame again.
      device.write(frame);
      segment.written();
    }
    if (segment.isAudioWhole) device.end?.();
    if (hasFrames && isNew(segment, 'started')) this.#events.started(segment.key);
    else if (hasFrames && segment.told.delete('starved')) this.#events.resumed(segment.key);
    if (this.#segment === segment) this.#tick();
  }

  #tick(): void {
    const segment = this.#segment;
    if (segment === null || this.#isPaused) return;
    const played = this.#played(segment);
    segment.dropPlayed(played);
    if (segment.queuedMs(played) < HIGH_WATER_MS) this.#release();
    const hasPlayedAll = segment.hasPlayedAll(played);
    if (hasPlayedAll && segment.isAudioWhole && isNew(segment, 'drained')) {
      this.#events.heard(segment.key, segment.itemId, segment.text, false);
      this.#events.drained(segment.key);
      return;
    }
    const isStarved = hasPlayedAll && segment.isPlaced && !segment.isAudioWhole;
    if (segment.lookAt(played, isStarved))
      this.#events.progressed(segment.key, segment.itemId, segment.heardText(played));
    if (isStarved && isNew(segment, 'starved')) this.#events.starved(segment.key);
  }

  /** When the position is worth looking at again: at the end of what is queued, and at least twice a second. Starved, it stands. */
  #nextTickMs(): number | null {
    const segment = this.#segment;
    if (segment === null || !segment.isPlaced || this.#isPaused) return null;
    if (segment.told.has('drained') || segment.told.has('starved')) return null;
    return Math.max(1, Math.min(this.#queuedMs(), 500));
  }

  #played(segment: SpokenSegment<Key>): number {
    return segment.played(this.#device === null ? null : this.#device.playedSamples());
  }

  #queuedMs(): number {
    return this.#segment === null ? 0 : this.#segment.queuedMs(this.#played(this.#segment));
  }

  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

/** True once: what is told of a segment is noted before anybody hears of it. */
function isNew<Key>({ told }: SpokenSegment<Key>, what: 'held' | 'started' | 'starved' | 'drained'): boolean {
  if (told.has(what)) return false;
  told.add(what);
  return true;
}
