// Contract: text to speech. One stream per spoken segment: text goes in as the model writes it, audio comes out.
import type { AudioFrame } from '../audio/frame.ts';
import type { Clock } from '../clock.ts';

export interface TtsCapabilities {
  readonly sampleRateHz: number;
  /** Audio may start before `flush`. */
  readonly streaming: boolean;
}

export type TtsResult =
  /** Mono, at `capabilities.sampleRateHz`. Any length; pieces of 100 to 1 000 ms are cheapest. */
  | { readonly type: 'audio'; readonly frame: AudioFrame }
  /** All audio so far says the first `chars` characters of what was written: the map clause -> samples. */
  | { readonly type: 'mark'; readonly chars: number }
  /** After `flush`: everything was reported. */
  | { readonly type: 'done' };

export interface TtsOpenOptions {
  readonly voice?: string | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  report(result: TtsResult): void;
  /** The stream is broken and will report nothing more; the rest of the text is given to the next stream. */
  fail(error: unknown): void;
  /** Resolves when the listener is close enough to the end of what is queued; adapters that can wait ask between clauses. */
  ready(): Promise<void>;
}

/** No call may block or throw. */
export interface TtsStream {
  write(text: string): void;
  /** No more text will come. */
  flush(): void;
  /** Idempotent; stops synthesis. Nothing is reported afterwards. */
  close(): void;
}

export interface Tts {
  readonly label: string;
  readonly capabilities: TtsCapabilities;
  open(options: TtsOpenOptions): TtsStream;
}
