// A user in the same process: microphone frames and text by method calls, the agent's audio as it was played.
import type { AudioFrame } from '../../audio/frame.ts';
import { sleep } from '../../clock.ts';
import { AgentError } from '../../errors.ts';
import type { ChatImage, ImageSource } from '../../providers/llm.ts';
import { ImageRate } from '../image-rate.ts';
import type { Transport, TransportConnection, TransportOpenOptions } from '../transport.ts';
import { LoopbackSpeaker, type PlayedAudio } from './loopback-speaker.ts';

export interface LoopbackOptions {
  /** Rate of the agent's audio. Default 24 000. */
  readonly sampleRateHz?: number;
  /** Whether a reply is paused, rather than stopped, by a first noise. Default false. */
  readonly canPause?: boolean;
  /** How long `open` takes. Default 0. */
  readonly openDelayMs?: number;
  /** Told what the agent said, as it was played; a reply that was cut ends where it was cut. */
  readonly onPlayed?: (audio: PlayedAudio) => void;
}

/** In memory: for tests, for demos, and for hosts that bring audio of their own. One session at a time. */
export class LoopbackTransport implements Transport {
  readonly label = 'loopback';
  readonly #options: LoopbackOptions;
  #open: TransportOpenOptions | null = null;
  #speaker: LoopbackSpeaker | null = null;
  #rate: ImageRate | null = null;

  constructor(options: LoopbackOptions = {}) {
    this.#options = options;
  }

  /** The loudspeaker of the open connection. */
  get speaker(): LoopbackSpeaker | null {
    return this.#speaker;
  }

  get isOpen(): boolean {
    return this.#open !== null;
  }

  async open(options: TransportOpenOptions): Promise<TransportConnection> {
    if (this.#open !== null)
      throw new AgentError('ERR_TRANSPORT', 'this loopback already carries a session', {
        field: 'transport',
        rule: 'one session for each LoopbackTransport',
        fix: 'Create a new LoopbackTransport',
        retryable: false,
      });
    const { sampleRateHz = 24_000, canPause = false, openDelayMs = 0, onPlayed } = this.#options;
    const speaker =
      options.audio?.output === false
        ? null
        : new LoopbackSpeaker({
            clock: options.clock,
            sampleRateHz,
            canPause,
            ...(onPlayed !== undefined && { onPlayed }),
          });
    this.#open = options;
    this.#speaker = speaker;
    this.#rate = options.video === undefined ? null : new ImageRate(options.video, options.clock);
    if (openDelayMs > 0) await this.#takeTime(options, openDelayMs);
    const isOpen = () => this.#open === options;
    return {
      sink: speaker,
      get isOpen() {
        return isOpen();
      },
      close: () => {
        if (!isOpen()) return;
        speaker?.flush();
        this.#open = null;
      },
    };
  }

  /** Frees the line at the very moment at which the opening is given up. */
  async #takeTime(options: TransportOpenOptions, delayMs: number): Promise<void> {
    const { signal, clock } = options;
    const giveUp = () => {
      if (this.#open === options) this.#open = null;
    };
    signal.addEventListener('abort', giveUp, { once: true });
    await sleep(clock, delayMs, signal);
    signal.removeEventListener('abort', giveUp);
    if (signal.aborted) throw new AgentError('ERR_CLOSED', 'the loopback was given up while it was opening');
  }

  /** Microphone audio, in real time, any rate, mono or stereo. Ignored while nobody listens. */
  pushFrame(frame: AudioFrame): void {
    this.#open?.onFrame(frame);
  }

  /** Is an image of this source wanted now? Asked first, frames that are not wanted need not be encoded. */
  wantsImage(source: ImageSource): boolean {
    return this.#open?.video?.sources.includes(source) === true && this.#rate?.isDue(source) === true;
  }

  /** What the user shows, as often as you like: what the session does not want is dropped. Returns whether it was taken. */
  pushImage(image: ChatImage): boolean {
    if (!this.wantsImage(image.source)) return false;
    this.#rate?.take(image.source);
    this.#open?.video?.onImage(image);
    return true;
  }

  /** The user shows nothing any more. */
  stopVideo(source: ImageSource): void {
    this.#open?.video?.onGone(source);
  }

  /** Text that the user typed. */
  sendText(text: string): void {
    this.#open?.onEvent({ type: 'text', text });
  }

  /** The user hangs up. */
  hangUp(reason = 'the user hung up'): void {
    this.#open?.onEvent({ type: 'closed', reason });
  }
}
