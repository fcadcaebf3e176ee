// From the reply to the loudspeaker: text waits here for the voice, audio waits here until it was played. Survives the
// crash of every part around it; each writer holds an epoch, and what an older epoch says is dropped.
import type { AudioFrame } from './frame.ts';
import { FrameConverter } from './frame-converter.ts';
import { type ClauseMark, heardText } from './heard-text.ts';

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
/** Played audio between two signs of progress; well under the deadline of a stall. */
const PROGRESS_EVERY_MS = 250;

interface Segment<Key> {
  readonly id: number;
  readonly key: Key;
  readonly itemId: string;
  text: string;
  ended: boolean;
  synthesized: boolean;
  marks: ClauseMark[];
  /** Character offset at which the present voice stream began. */
  streamFrom: number;
  /** Samples of a clause that were already handed out before the voice restarted: skipped when they come again. */
  skipSamples: number;
  /** Samples received, at the rate of the device. */
  samples: number;
  frames: { readonly frame: AudioFrame; readonly start: number }[];
  /** Index of the next frame to hand to the device. */
  next: number;
  converter: FrameConverter;
  /** Device position at which this segment's first sample was written, less what was played before. */
  base: number | null;
  playedAtLastTick: number;
  /** Position that was last told as progress. */
  toldPlayed: number;
  startedTold: boolean;
  starvedTold: boolean;
  drainedTold: boolean;
  heldTold: boolean;
}

export class OutputLink<Key> {
  readonly #events: OutputLinkEvents<Key>;
  #device: PlayoutDevice | null = null;
  /** Of the last device; what is received before there is one is converted again. */
  #rateHz = 24_000;
  #segment: Segment<Key> | null = null;
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

  // ---- the device, set by the transport; outlives the playout actor

  setDevice(device: PlayoutDevice | null): void {
    const segment = this.#segment;
    let played = segment === null ? 0 : this.#played(segment);
    // What the old one still holds is said again through the new one.
    if (segment !== null && segment.base !== null) this.#device?.flush();
    this.#device = device;
    if (device === null) return;
    const rateBefore = this.#rateHz;
    this.#rateHz = device.sampleRateHz;
    if (segment === null) return;
    if (rateBefore !== device.sampleRateHz) {
      this.#rewindTo(segment, played);
      played = changeRate(segment, played, rateBefore, device.sampleRateHz);
    }
    if (segment.base !== null) segment.base = device.playedSamples() - played;
    this.#rewindTo(segment, played);
    this.#playout?.wake();
  }

  // ---- the turn

  /** Flushes, revokes every writer before, and gives the only port that can write now. */
  attachTurn(key: Key): TextWriter {
    this.flush();
    const epoch = ++this.#turnEpoch;
    const isCurrent = () => epoch === this.#turnEpoch;
    return {
      begin: (itemId) => {
        if (isCurrent()) this.#beginSegment(key, itemId);
      },
      write: (text) => {
        const segment = this.#segment;
        if (!isCurrent() || segment === null || segment.ended || text === '') return;
        segment.text += text;
        this.#voice?.write(text);
      },
      end: () => {
        const segment = this.#segment;
        if (!isCurrent() || segment === null || segment.ended) return;
        segment.ended = true;
        this.#voice?.end();
      },
      play: (itemId, text, frames) => {
        if (!isCurrent()) return;
        const segment = this.#newSegment(key, itemId);
        segment.text = text;
        segment.ended = true;
        this.#voice?.cancel();
        this.#events.buffering(key);
        for (const frame of frames) this.#keep(segment, frame);
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
    if (segment.base !== null) this.#device?.flush();
    const played = this.#played(segment);
    if (!segment.synthesized) this.#voice?.cancel();
    this.#release();
    if (segment.drainedTold) return { playedMs: 0, heardText: '' };
    const text = heardText(segment.text, segment.marks, played, segment.samples);
    this.#events.heard(segment.key, segment.itemId, text, true);
    return { playedMs: (played * 1000) / this.#rateHz, heardText: text };
  }

  // ---- the voice

  /** Gives the reader the text that has no audio yet, from the start of the unfinished clause. */
  attachVoice(reader: TextReader): AudioWriter {
    const epoch = ++this.#voiceEpoch;
    this.#voice = reader;
    const find = (id: number): Segment<Key> | null => {
      const segment = this.#segment;
      return epoch === this.#voiceEpoch && segment?.id === id && !segment.synthesized ? segment : null;
    };
    const segment = this.#segment;
    if (segment !== null && !segment.synthesized) this.#resumeVoice(segment, reader);
    return {
      audio: (id, frame) => {
        const segment = find(id);
        if (segment === null) return;
        this.#keep(segment, frame);
        this.#playout?.wake();
      },
      mark: (id, chars) => {
        const segment = find(id);
        if (segment === null) return;
        const total = Math.min(segment.text.length, segment.streamFrom + chars);
        if (total > (segment.marks.at(-1)?.chars ?? -1)) segment.marks.push({ chars: total, samples: segment.samples });
      },
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
    if (segment === null || !segment.ended || segment.synthesized || !segment.starvedTold) return;
    const said = segment.marks.at(-1)?.chars;
    if (said !== undefined && segment.text.slice(said).trim() !== '') return;
    this.#voice?.cancel();
    this.#finish(segment);
  }

  // ---- playout

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
        if (segment?.base !== null && segment?.base !== undefined) {
          if (this.#device?.isSuspended === true) this.#events.suspended(segment.key);
          if (segment.next === segment.frames.length && this.#queuedMs() < LAST_PIECE_MS) this.#device?.end?.();
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
    if (segment === null || this.#isPaused || segment.base === null || segment.drainedTold) return;
    this.#device?.flush();
    const played = this.#played(segment);
    this.#rewindTo(segment, played);
    this.#isPaused = true;
    segment.starvedTold = false;
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
    return this.#segment !== null && !this.#segment.drainedTold;
  }

  /** Text handed over and still without audio: the voice has work. */
  get isVoiceBusy(): boolean {
    const segment = this.#segment;
    return segment !== null && !segment.synthesized && segment.text !== '';
  }

  /** Some sample of the present segment was played. */
  get isAudible(): boolean {
    return this.#segment !== null && this.#played(this.#segment) > 0;
  }

  #beginSegment(key: Key, itemId: string): void {
    const segment = this.#newSegment(key, itemId);
    this.#voice?.begin(segment.id);
    this.#events.buffering(key);
  }

  #newSegment(key: Key, itemId: string): Segment<Key> {
    this.#segment = {
      id: ++this.#segmentCount,
      key,
      itemId,
      text: '',
      ended: false,
      synthesized: false,
      marks: [],
      streamFrom: 0,
      skipSamples: 0,
      samples: 0,
      frames: [],
      next: 0,
      converter: new FrameConverter({ sampleRateHz: this.#rateHz }),
      base: null,
      playedAtLastTick: 0,
      toldPlayed: 0,
      startedTold: false,
      starvedTold: false,
      drainedTold: false,
      heldTold: false,
    };
    return this.#segment;
  }

  #resumeVoice(segment: Segment<Key>, reader: TextReader): void {
    const mark = segment.marks.at(-1) ?? { chars: 0, samples: 0 };
    // Audio of the unfinished clause that the device does not have yet is dropped; what it has is skipped when it comes again.
    const written = segment.frames[segment.next]?.start ?? segment.samples;
    segment.samples = Math.max(mark.samples, written);
    const keep = segment.frames.findIndex(({ start }) => start >= segment.samples);
    if (keep >= 0) segment.frames.length = keep;
    segment.skipSamples = segment.samples - mark.samples;
    segment.streamFrom = mark.chars;
    segment.converter = new FrameConverter({ sampleRateHz: this.#rateHz });
    reader.begin(segment.id);
    const rest = segment.text.slice(mark.chars);
    if (rest !== '') reader.write(rest);
    if (segment.ended) reader.end();
  }

  #keep(segment: Segment<Key>, frame: AudioFrame): void {
    this.#push(segment, segment.converter.convert(frame));
  }

  #push(segment: Segment<Key>, frame: AudioFrame): void {
    let { samples } = frame;
    if (segment.skipSamples > 0) {
      const skipped = Math.min(segment.skipSamples, samples.length);
      segment.skipSamples -= skipped;
      samples = samples.subarray(skipped);
    }
    if (samples.length === 0) return;
    segment.frames.push({ frame: { ...frame, samples }, start: segment.samples });
    segment.samples += samples.length;
  }

  #finish(segment: Segment<Key>): void {
    this.#push(segment, segment.converter.flush());
    segment.synthesized = true;
    const last = segment.marks.at(-1);
    if (last === undefined || last.chars < segment.text.length)
      segment.marks.push({ chars: segment.text.length, samples: segment.samples });
    this.#release();
    this.#events.synthesized(segment.key, (segment.samples * 1000) / this.#rateHz);
    this.#playout?.wake();
  }

  #pump(): void {
    const segment = this.#segment;
    const device = this.#device;
    if (segment === null || device === null || segment.drainedTold) return;
    const hasFrames = segment.next < segment.frames.length;
    if (hasFrames && segment.base === null && this.#isHeld) {
      if (!segment.heldTold) {
        segment.heldTold = true;
        this.#events.held(segment.key);
      }
      return;
    }
    if (this.#isPaused) return;
    if (hasFrames && segment.base === null) segment.base = device.playedSamples();
    while (segment.next < segment.frames.length) {
      const entry = segment.frames[segment.next];
      // Counted when it was taken: a device that throws gets the same frame again.
      if (entry !== undefined) device.write(entry.frame);
      segment.next++;
    }
    if (segment.synthesized) device.end?.();
    if (hasFrames && !segment.startedTold) {
      segment.startedTold = true;
      this.#events.started(segment.key);
    } else if (hasFrames && segment.starvedTold) {
      segment.starvedTold = false;
      this.#events.resumed(segment.key);
    }
    if (this.#segment === segment) this.#tick();
  }

  #tick(): void {
    const segment = this.#segment;
    if (segment === null || this.#isPaused) return;
    const played = this.#played(segment);
    this.#dropPlayed(segment, played);
    if (this.#queuedMs() < HIGH_WATER_MS) this.#release();
    if (segment.synthesized && played >= segment.samples && !segment.drainedTold) {
      segment.drainedTold = true;
      this.#events.heard(segment.key, segment.itemId, segment.text, false);
      this.#events.drained(segment.key);
      return;
    }
    const isStarved = segment.base !== null && played >= segment.samples && !segment.synthesized;
    const isFirst = segment.playedAtLastTick === 0;
    const hasMoved = played !== segment.playedAtLastTick;
    segment.playedAtLastTick = played;
    // The voice may hand over many pieces a second; each of them looks here, and the chart need not hear of each.
    const isWorthTelling = isStarved || ((played - segment.toldPlayed) * 1000) / this.#rateHz >= PROGRESS_EVERY_MS;
    if (hasMoved && (isFirst || isWorthTelling)) {
      segment.toldPlayed = played;
      const text = heardText(segment.text, segment.marks, played, segment.samples);
      this.#events.progressed(segment.key, segment.itemId, text);
    }
    if (!isStarved || segment.starvedTold) return;
    segment.starvedTold = true;
    this.#events.starved(segment.key);
  }

  /** When the position is worth looking at again: at the end of what is queued, and at least twice a second. Starved, it stands. */
  #nextTickMs(): number | null {
    const segment = this.#segment;
    if (segment === null || segment.base === null || segment.drainedTold || this.#isPaused) return null;
    if (segment.starvedTold) return null;
    const leftMs = ((segment.samples - this.#played(segment)) * 1000) / this.#rateHz;
    return Math.max(1, Math.min(leftMs, 500));
  }

  #played(segment: Segment<Key>): number {
    if (segment.base === null || this.#device === null) return segment.playedAtLastTick;
    const written = segment.frames[segment.next]?.start ?? segment.samples;
    return Math.max(0, Math.min(written, this.#device.playedSamples() - segment.base));
  }

  #queuedMs(): number {
    const segment = this.#segment;
    return segment === null ? 0 : ((segment.samples - this.#played(segment)) * 1000) / this.#rateHz;
  }

  #dropPlayed(segment: Segment<Key>, played: number): void {
    let count = 0;
    for (const { frame, start } of segment.frames) {
      if (start + frame.samples.length > played || count >= segment.next) break;
      count++;
    }
    if (count === 0) return;
    segment.frames.splice(0, count);
    segment.next -= count;
  }

  /** Makes the frame that holds `position` the next one to write, cut at the position. */
  #rewindTo(segment: Segment<Key>, position: number): void {
    this.#dropPlayed(segment, position);
    segment.next = 0;
    const [first] = segment.frames;
    if (first !== undefined && first.start < position) {
      const samples = first.frame.samples.subarray(position - first.start);
      segment.frames[0] = { frame: { ...first.frame, samples }, start: position };
    }
    if (segment.base !== null && this.#device !== null) segment.base = this.#device.playedSamples() - position;
  }

  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

/** Counts and keeps the unplayed rest of a segment in samples of another rate. Returns the played position in it. */
function changeRate<Key>(segment: Segment<Key>, played: number, fromHz: number, toHz: number): number {
  const scaled = (samples: number) => Math.round((samples * toHz) / fromHz);
  const converter = new FrameConverter({ sampleRateHz: toHz });
  const rest = segment.frames.map(({ frame }) => converter.convert(frame));
  const frames: Segment<Key>['frames'] = [];
  let start = scaled(played);
  for (const frame of [...rest, converter.flush()]) {
    if (frame.samples.length > 0) frames.push({ frame, start });
    start += frame.samples.length;
  }
  segment.frames = frames;
  segment.next = 0;
  segment.samples = start;
  segment.skipSamples = scaled(segment.skipSamples);
  segment.playedAtLastTick = scaled(played);
  segment.marks = segment.marks.map(({ chars, samples }) => ({ chars, samples: scaled(samples) }));
  segment.converter = new FrameConverter({ sampleRateHz: toHz });
  return scaled(played);
}
