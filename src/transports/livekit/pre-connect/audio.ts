// What the user said before the agent heard the microphone: a recording of the client, heard first, then the live audio.
import { type AudioFrame, durationMsOf, INPUT_FORMAT } from '../../../audio/frame.ts';
import { SampleQueue } from '../../../audio/sample-queue.ts';
import type { Clock } from '../../../clock.ts';
import { AgentError, textOf } from '../../../errors.ts';
import type { RtcByteReader } from '../rtc.ts';
import { type RecordingDecoder, recordingDecoder } from './decoder.ts';
import { LONGEST_WAIT_MS } from './sent-recordings.ts';

/** Where clients send it, once, when the agent is there. */
export const PRE_CONNECT_TOPIC = 'lk.agent.pre-connect-audio-buffer';
/** Clients stop after 10 s, by timers that are late. */
const LONGEST_RECORDING_MS = 11_000;
/** The longest recording as raw stereo at 48 kHz is half of it. */
const MOST_BYTES = 4_194_304;
/** A microphone that opens so long after its recording was sent is not the one that was recorded. */
const STALE_AFTER_MS = 10_000;
/** Enough to tell the formats apart. */
const START_BYTES = 16;

interface Recording {
  readonly reader: RtcByteReader;
  readonly atMs: number;
  readonly frames: AudioFrame[];
  /** Everything came, or nothing more is wanted. */
  isDone: boolean;
}

export interface PreConnectAudioOptions {
  readonly clock: Pick<Clock, 'now' | 'setTimeout' | 'clearTimeout'>;
  /** The recording and what waited for it come in one long frame. */
  onFrame(frame: AudioFrame): void;
  onProblem(error: unknown): void;
}

/** Stands between one microphone and the session. */
export class PreConnectAudio {
  readonly #options: PreConnectAudioOptions;
  #recording: Recording | null = null;
  /** Live frames that wait; null: they go through. */
  #held: AudioFrame[] | null = null;
  /** The present microphone is heard: a recording would come out of order. */
  #isLive = false;
  #timer: unknown;

  constructor(options: PreConnectAudioOptions) {
    this.#options = options;
  }

  /** A recording of the user arrives; the live audio that follows waits for its end. Never rejects. */
  async receive(reader: RtcByteReader): Promise<void> {
    if (this.#isLive || this.#recording !== null) {
      this.#refuse(this.#isLive ? 'it came after the live audio' : 'there is one already');
      await reader.close().catch(() => {}); // already ended
      return;
    }
    const recording: Recording = { reader, atMs: this.#options.clock.now(), frames: [], isDone: false };
    this.#recording = recording;
    try {
      await read(recording);
    } catch (error) {
      // Nothing is told when it was no longer wanted, nor of older clients whose streams break at their very end.
      const isKnown = /exceeded total length/.test(textOf(error)) && recording.frames.length > 0;
      if (!recording.isDone && !isKnown) this.#options.onProblem(error);
    }
    recording.isDone = true;
    if (this.#recording === recording && this.#held !== null) this.#release();
  }

  /** A microphone is heard from now on. `isExpected`: its client says that it has recorded. */
  begin(isExpected: boolean): void {
    const recording = this.#recording;
    if (recording !== null && this.#options.clock.now() - recording.atMs > STALE_AFTER_MS) {
      this.#drop();
      this.#refuse('its microphone did not open');
    }
    if (this.#recording === null && !isExpected) {
      this.#isLive = true;
      return;
    }
    this.#held = [];
    if (this.#recording?.isDone === true) this.#release();
    else this.#timer = this.#options.clock.setTimeout(() => this.#release(), LONGEST_WAIT_MS);
  }

  /** Live audio. */
  write(frame: AudioFrame): void {
    if (this.#held === null) this.#options.onFrame(frame);
    else this.#held.push(frame);
  }

  /** The microphone closed: what waited is heard. Another one may follow. */
  end(): void {
    if (this.#held !== null) this.#release();
    this.#isLive = false;
  }

  /** The user is gone, or the call is over: nothing that waits is heard. */
  clear(): void {
    this.#drop();
    this.#held = null;
    this.#isLive = false;
    this.#disarm();
  }

  #release(): void {
    const frames = [...(this.#recording?.frames ?? []), ...(this.#held ?? [])];
    this.#drop();
    this.#held = null;
    this.#isLive = true;
    this.#disarm();
    if (frames.length === 0) return;
    try {
      this.#options.onFrame(joined(frames));
    } catch (error) {
      this.#options.onProblem(error);
    }
  }

  #drop(): void {
    const recording = this.#recording;
    this.#recording = null;
    if (recording === null || recording.isDone) return;
    recording.isDone = true;
    recording.reader.close().catch(() => {}); // already ended
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #refuse(why: string): void {
    this.#options.onProblem(
      new AgentError('ERR_AUDIO_FRAME', `a recording from before the call was dropped: ${why}`, {
        field: 'pre-connect audio',
      }),
    );
  }
}

/** Chunk by chunk, so that a stream that breaks gives what came before. */
async function read(recording: Recording): Promise<void> {
  let decoder: RecordingDecoder | null = null;
  let start: Uint8Array = new Uint8Array(0);
  let bytes = 0;
  let durationMs = 0;
  const decode = (by: RecordingDecoder, chunk: Uint8Array) => {
    for (const frame of by.push(chunk)) {
      durationMs += durationMsOf(frame);
      recording.frames.push(frame);
    }
  };
  try {
    for await (const chunk of recording.reader) {
      if (recording.isDone) return;
      bytes += chunk.length;
      if (decoder !== null) decode(decoder, chunk);
      else {
        start = Buffer.concat([start, chunk]);
        if (start.length >= START_BYTES) decoder = await recordingDecoder(recording.reader.info, start);
        if (decoder !== null) decode(decoder, start);
      }
      if (durationMs > LONGEST_RECORDING_MS || bytes > MOST_BYTES)
        throw new AgentError('ERR_AUDIO_FRAME', 'the end of a recording from before the call was dropped', {
          field: 'pre-connect audio',
          rule: `must not be longer than ${LONGEST_RECORDING_MS} ms or ${MOST_BYTES} bytes`,
        });
    }
  } finally {
    decoder?.close();
  }
}

function joined(frames: readonly AudioFrame[]): AudioFrame {
  const all = new SampleQueue();
  for (const { samples } of frames) all.push(samples);
  return { samples: all.take(all.length), ...INPUT_FORMAT };
}
