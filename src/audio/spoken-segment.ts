// One segment of a reply on its way to the ear: its text, its audio, and how much of both was played. It knows no device
// and nobody who listens: the position of the device is given, and whoever asks tells.
import type { AudioFrame } from './frame.ts';
import { FrameConverter } from './frame-converter.ts';
import { type ClauseMark, heardText } from './heard-text.ts';

/** Played audio between two signs of progress; well under the deadline of a stall. */
const PROGRESS_EVERY_MS = 250;

export interface SpokenSegmentOptions<Key> {
  readonly id: number;
  readonly key: Key;
  readonly itemId: string;
  /** Of the device; audio of other rates is converted. */
  readonly rateHz: number;
}

export class SpokenSegment<Key> {
  readonly id: number;
  readonly key: Key;
  readonly itemId: string;
  /** What listeners know of it; each is told once, `starved` once for each time. */
  readonly told = new Set<'held' | 'started' | 'starved' | 'drained'>();
  #rateHz: number;
  #text = '';
  #textIs: 'open' | 'ended' = 'open';
  #audioIs: 'coming' | 'whole' = 'coming';
  #marks: ClauseMark[] = [];
  /** Character offset at which the present voice stream began. */
  #streamFrom = 0;
  /** Samples of a clause that were already handed out before the voice restarted: skipped when they come again. */
  #skipSamples = 0;
  /** Samples received, at the rate of the device. */
  #samples = 0;
  #frames: { readonly frame: AudioFrame; readonly start: number }[] = [];
  /** Index of the next frame to hand to the device. */
  #next = 0;
  #converter: FrameConverter;
  /** Device position at which the first sample was written, less what was played before. */
  #base: number | null = null;
  #playedAtLastLook = 0;
  /** Position that was last told as progress. */
  #toldPlayed = 0;

  constructor({ id, key, itemId, rateHz }: SpokenSegmentOptions<Key>) {
    this.id = id;
    this.key = key;
    this.itemId = itemId;
    this.#rateHz = rateHz;
    this.#converter = new FrameConverter({ sampleRateHz: rateHz });
  }

  get text(): string {
    return this.#text;
  }

  /** More of it may be written. */
  get isTextOpen(): boolean {
    return this.#textIs === 'open';
  }

  /** Nothing more comes from the voice. */
  get isAudioWhole(): boolean {
    return this.#audioIs === 'whole';
  }

  /** By its marks no word is missing; a voice that gives none is believed. */
  get isTextSaid(): boolean {
    const said = this.#marks.at(-1)?.chars;
    return said === undefined || this.#text.slice(said).trim() === '';
  }

  /** Of all audio so far. */
  get durationMs(): number {
    return (this.#samples * 1000) / this.#rateHz;
  }

  /** The device has some of it. */
  get isPlaced(): boolean {
    return this.#base !== null;
  }

  /** The next audio for the device; {@link written} moves on. */
  get nextFrame(): AudioFrame | undefined {
    return this.#frames[this.#next]?.frame;
  }

  write(text: string): void {
    this.#text += text;
  }

  endText(): void {
    this.#textIs = 'ended';
  }

  /** Audio of the voice; what was handed out before is skipped. */
  keep(frame: AudioFrame): void {
    this.#push(this.#converter.convert(frame));
  }

  /** All audio so far says the first `chars` characters of what the present voice was given. */
  mark(chars: number): void {
    const total = Math.min(this.#text.length, this.#streamFrom + chars);
    if (total > (this.#marks.at(-1)?.chars ?? -1)) this.#marks.push({ chars: total, samples: this.#samples });
  }

  /** That was all audio. */
  finish(): void {
    this.#push(this.#converter.flush());
    this.#audioIs = 'whole';
    const last = this.#marks.at(-1);
    if (last === undefined || last.chars < this.#text.length)
      this.#marks.push({ chars: this.#text.length, samples: this.#samples });
  }

  /**
   * Another voice goes on. Returns its text, from the start of the unfinished clause. Audio of that clause that the
   * device does not have yet is dropped; what it has is skipped when it comes again.
   */
  restartVoice(): string {
    const mark = this.#marks.at(-1) ?? { chars: 0, samples: 0 };
    this.#samples = Math.max(mark.samples, this.#written());
    const keep = this.#frames.findIndex(({ start }) => start >= this.#samples);
    if (keep >= 0) this.#frames.length = keep;
    this.#skipSamples = this.#samples - mark.samples;
    this.#streamFrom = mark.chars;
    this.#converter = new FrameConverter({ sampleRateHz: this.#rateHz });
    return this.#text.slice(mark.chars);
  }

  /** Its first sample is written when the device is here. */
  place(position: number): void {
    this.#base = position;
  }

  /** The device took {@link nextFrame}. */
  written(): void {
    this.#next++;
  }

  /** Samples that were heard, by the position of the device; null: there is none, and what was seen last holds. */
  played(position: number | null): number {
    if (this.#base === null || position === null) return this.#playedAtLastLook;
    return Math.max(0, Math.min(this.#written(), position - this.#base));
  }

  hasPlayedAll(played: number): boolean {
    return played >= this.#samples;
  }

  msOf(samples: number): number {
    return (samples * 1000) / this.#rateHz;
  }

  queuedMs(played: number): number {
    return this.msOf(this.#samples - played);
  }

  heardText(played: number): string {
    return heardText(this.#text, this.#marks, played, this.#samples);
  }

  /**
   * Notes the position. Returns whether it is worth telling: the voice may hand over many pieces a second, each of them
   * looks here, and a chart need not hear of each.
   */
  lookAt(played: number, isStarved: boolean): boolean {
    const isFirst = this.#playedAtLastLook === 0;
    const hasMoved = played !== this.#playedAtLastLook;
    this.#playedAtLastLook = played;
    const isDue = isFirst || isStarved || this.msOf(played - this.#toldPlayed) >= PROGRESS_EVERY_MS;
    if (!hasMoved || !isDue) return false;
    this.#toldPlayed = played;
    return true;
  }

  dropPlayed(played: number): void {
    let count = 0;
    for (const { frame, start } of this.#frames) {
      if (start + frame.samples.length > played || count >= this.#next) break;
      count++;
    }
    if (count === 0) return;
    this.#frames.splice(0, count);
    this.#next -= count;
  }

  /** Makes the frame that holds `played` the next one to write, cut there, to a device that stands at `position`. */
  rewindTo(played: number, position: number): void {
    this.dropPlayed(played);
    this.#next = 0;
    const [first] = this.#frames;
    if (first !== undefined && first.start < played) {
      const samples = first.frame.samples.subarray(played - first.start);
      this.#frames[0] = { frame: { ...first.frame, samples }, start: played };
    }
    if (this.#base !== null) this.#base = position - played;
  }

  /** Counts and keeps the unplayed rest, rewound to `played`, in samples of another rate. Returns the played position in it. */
  changeRate(played: number, rateHz: number): number {
    const scaled = (samples: number) => Math.round((samples * rateHz) / this.#rateHz);
    const converter = new FrameConverter({ sampleRateHz: rateHz });
    const rest = this.#frames.map(({ frame }) => converter.convert(frame));
    const playedAfter = scaled(played);
    let start = playedAfter;
    this.#frames = [];
    for (const frame of [...rest, converter.flush()]) {
      if (frame.samples.length > 0) this.#frames.push({ frame, start });
      start += frame.samples.length;
    }
    this.#next = 0;
    this.#samples = start;
    this.#skipSamples = scaled(this.#skipSamples);
    this.#playedAtLastLook = playedAfter;
    this.#toldPlayed = scaled(this.#toldPlayed);
    this.#marks = this.#marks.map(({ chars, samples }) => ({ chars, samples: scaled(samples) }));
    this.#converter = new FrameConverter({ sampleRateHz: rateHz });
    this.#rateHz = rateHz;
    return playedAfter;
  }

  /** Samples that the device was given. */
  #written(): number {
    return this.#frames[this.#next]?.start ?? this.#samples;
  }

  #push(frame: AudioFrame): void {
    let { samples } = frame;
    if (this.#skipSamples > 0) {
      const skipped = Math.min(this.#skipSamples, samples.length);
      this.#skipSamples -= skipped;
      samples = samples.subarray(skipped);
    }
    if (samples.length === 0) return;
    this.#frames.push({ frame: { ...frame, samples }, start: this.#samples });
    this.#samples += samples.length;
  }
}
