// A person at the other end of a loopback transport: speaks lines of the script, types, listens, hangs up.
import { INPUT_FORMAT } from '../audio/frame.ts';
import type { Clock } from '../clock.ts';
import type { ChatImage, ImageSource } from '../providers/llm.ts';
import { LoopbackTransport, type PlayedAudio } from '../transports/loopback/index.ts';
import { SpokenScript } from './spoken-script.ts';

export interface LoopbackUserOptions {
  readonly clock: Clock;
  /** Microphone frame. Default 50: the time resolution of everything the user causes. */
  readonly frameMs?: number;
  /** Silence sent after the last line, so that its end is heard. Default 1 000. */
  readonly trailingSilenceMs?: number;
  readonly canPause?: boolean;
  /** How long the transport takes to open. Default 0. */
  readonly openDelayMs?: number;
  /** Rate of the loudspeaker. Default 8 000, as the scripted voice. */
  readonly sampleRateHz?: number;
}

export interface SpeakOptions {
  /** Default 300 per word, at least 300. */
  readonly durationMs?: number;
  /** End of the voice -> final transcript. Default 200. */
  readonly sttDelayMs?: number;
}

/** A stretch of the agent's audio as it was played. */
export interface HeardAudio {
  readonly atMs: number;
  readonly durationMs: number;
  /** Sample value of the scripted voice: which segment it was. */
  readonly segment: number;
}

const RATE = INPUT_FORMAT.sampleRateHz;

/** A scripted person at the other end of a {@link LoopbackTransport}: speaks, types, shows images, listens, hangs up. */
export class LoopbackUser {
  readonly script = new SpokenScript();
  readonly transport: LoopbackTransport;
  /** What the agent said, as it was played. Call `listen` first to have the latest. */
  readonly heard: HeardAudio[] = [];
  readonly #clock: Clock;
  readonly #frameMs: number;
  readonly #trailingMs: number;
  #lines: { readonly code: number; readonly startMs: number; readonly samples: number }[] = [];
  #timer: unknown;
  #sentToMs = 0;
  #silentFromMs = 0;
  readonly #videos = new Map<ImageSource, unknown>();
  #frames = 0;

  constructor({
    clock,
    frameMs = 50,
    trailingSilenceMs = 1_000,
    canPause = false,
    openDelayMs = 0,
    sampleRateHz = 8_000,
  }: LoopbackUserOptions) {
    this.#clock = clock;
    this.#frameMs = frameMs;
    this.#trailingMs = trailingSilenceMs;
    this.transport = new LoopbackTransport({
      canPause,
      openDelayMs,
      sampleRateHz,
      onPlayed: (audio) => this.#hear(audio),
    });
  }

  /** Begins to say a line now. Empty text is noise. Lines must not overlap. */
  speak(text: string, { durationMs, sttDelayMs = 200 }: SpeakOptions = {}): void {
    const words = text.split(/\s+/u).length;
    const line = { text, durationMs: durationMs ?? Math.max(300, words * 300), sttDelayMs };
    const code = this.script.add(line);
    const startMs = this.#clock.now();
    this.#lines.push({ code, startMs, samples: Math.round((line.durationMs * RATE) / 1000) });
    this.#silentFromMs = Math.max(this.#silentFromMs, startMs + line.durationMs + this.#trailingMs);
    this.#run();
  }

  /** Sends silence until told otherwise by time: a microphone that is on. */
  sendSilence(durationMs: number): void {
    this.#silentFromMs = Math.max(this.#silentFromMs, this.#clock.now() + durationMs);
    this.#run();
  }

  type(text: string): void {
    this.transport.sendText(text);
  }

  /** Holds up something new `fps` times a second: images of two bytes that count the frames, low byte first. */
  showVideo(source: ImageSource = 'camera', fps = 10): void {
    this.hideVideo(source);
    const show = () => {
      this.transport.pushImage(this.#frameOf(source));
      this.#videos.set(source, this.#clock.setTimeout(show, 1000 / fps));
    };
    show();
  }

  hideVideo(source: ImageSource = 'camera'): void {
    this.#clock.clearTimeout(this.#videos.get(source));
    if (this.#videos.delete(source)) this.transport.stopVideo(source);
  }

  hangUp(): void {
    this.transport.hangUp();
  }

  /** The audio so far, the part of a stretch that is being played included once it ends. */
  listen(): readonly HeardAudio[] {
    this.transport.speaker?.drainPlayed();
    return this.heard;
  }

  /** Stops the microphone. */
  dispose(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#lines = [];
    for (const source of [...this.#videos.keys()]) this.hideVideo(source);
  }

  #frameOf(source: ImageSource): ChatImage {
    const n = ++this.#frames;
    const data = new Uint8Array([n & 255, n >> 8]);
    return { mimeType: 'image/jpeg', data, widthPx: 640, heightPx: 480, source };
  }

  #run(): void {
    if (this.#timer !== undefined) return;
    this.#sentToMs = this.#clock.now();
    this.#arm();
  }

  #arm(): void {
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined;
      this.#send(this.#sentToMs, this.#sentToMs + this.#frameMs);
      this.#sentToMs += this.#frameMs;
      if (this.#sentToMs < this.#silentFromMs) this.#arm();
    }, this.#frameMs);
  }

  #send(fromMs: number, toMs: number): void {
    const samples = new Int16Array(Math.round(((toMs - fromMs) * RATE) / 1000));
    for (const { code, startMs, samples: length } of this.#lines) {
      const from = Math.round(((fromMs - startMs) * RATE) / 1000);
      const first = Math.max(0, from);
      const last = Math.min(length, from + samples.length);
      if (first < last) samples.set(this.script.frame(code, first, last).samples, first - from);
    }
    this.#lines = this.#lines.filter(({ startMs, samples: length }) => startMs + (length * 1000) / RATE > toMs);
    this.transport.pushFrame({ samples, ...INPUT_FORMAT });
  }

  #hear({ atMs, samples, sampleRateHz }: PlayedAudio): void {
    let start = 0;
    for (let i = 1; i <= samples.length; i++) {
      if (i < samples.length && samples[i] === samples[start]) continue;
      this.heard.push({
        atMs: atMs + (start * 1000) / sampleRateHz,
        durationMs: ((i - start) * 1000) / sampleRateHz,
        segment: samples[start] ?? 0,
      });
      start = i;
    }
  }
}
