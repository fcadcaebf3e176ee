// A session on the real clock whose providers and sink take no time: what is left is the runtime's own share.
import { type AudioFrame, INPUT_FORMAT } from '../src/audio/frame.ts';
import { realClock } from '../src/clock.ts';
import type { ChatRequest, Llm } from '../src/providers/llm.ts';
import type { Stt } from '../src/providers/stt.ts';
import type { Tts } from '../src/providers/tts.ts';
import { Agent } from '../src/runtime/agent.ts';
import type { AgentSession } from '../src/runtime/agent-session.ts';
import { createRuntime, type Runtime } from '../src/runtime/create-runtime.ts';
import type { RuntimeOptions } from '../src/runtime/runtime-options.ts';
import type { SessionOptionsInput } from '../src/runtime/session-options.ts';
import { type ScriptedAnswer, ScriptedLlm, ScriptedVad } from '../src/testing/index.ts';
import type { Tool } from '../src/tools/index.ts';
import type { AudioSink, Transport, TransportOpenOptions } from '../src/transports/transport.ts';

const FRAME_MS = 20;
const FRAME_SAMPLES = (INPUT_FORMAT.sampleRateHz * FRAME_MS) / 1000;
/** Samples of a frame in which the user speaks; ScriptedVad takes every sample that is not zero for voice. */
const VOICE = new Int16Array(FRAME_SAMPLES).fill(1000);
const SILENCE = new Int16Array(FRAME_SAMPLES);

export const voiceFrame: AudioFrame = { samples: VOICE, ...INPUT_FORMAT };
export const silentFrame: AudioFrame = { samples: SILENCE, ...INPUT_FORMAT };

/** Frames of silence after which the detector reports the end of speech. */
export const SILENT_FRAMES = 2;

/** Answers inside `end`, with the same words each time. */
const instantStt: Stt = {
  label: 'instant stt',
  capabilities: { partials: false, languages: ['*'] },
  open: ({ report }) => ({
    begin: () => {},
    write: () => {},
    end: (utterance) => report({ type: 'final', utterance, text: 'tell me more' }),
    discard: () => {},
    close: () => {},
  }),
};

/** Speaks inside `flush`, in pieces of 100 ms as the contract advises. */
export function instantTts(replyMs: number, sampleRateHz = 24_000): Tts {
  const piece = new Int16Array((sampleRateHz * Math.min(100, replyMs)) / 1000).fill(500);
  return {
    label: 'instant tts',
    capabilities: { sampleRateHz, streaming: false },
    open: ({ report }) => {
      let chars = 0;
      return {
        write: (text) => {
          chars += text.length;
        },
        flush: () => {
          for (let ms = 0; ms < replyMs; ms += 100)
            report({ type: 'audio', frame: { samples: piece, sampleRateHz, channels: 1 } });
          report({ type: 'mark', chars });
          report({ type: 'done' });
        },
        close: () => {},
      };
    },
  };
}

/** The other end of the call: microphone by `pushFrame`, and a sink that sends at once, so that the runtime paces it. */
export class BenchTransport implements Transport {
  readonly label = 'bench';
  /** Called for every frame that the runtime hands over. */
  onWrite: (frame: AudioFrame) => void = () => {};
  onFlush: () => void = () => {};
  #open: TransportOpenOptions | null = null;

  async open(options: TransportOpenOptions) {
    this.#open = options;
    const sink: AudioSink = {
      pacesItself: false,
      canPause: false,
      sampleRateHz: 24_000,
      write: (frame) => this.onWrite(frame),
      playedSamples: () => 0,
      flush: () => this.onFlush(),
    };
    return { sink, isOpen: true, close: () => {} };
  }

  pushFrame(frame: AudioFrame): void {
    this.#open?.onFrame(frame);
  }
}

export interface QuickCallOptions {
  readonly tools?: readonly Tool[];
  readonly options?: SessionOptionsInput;
}

export interface QuickCall {
  readonly session: AgentSession;
  readonly transport: BenchTransport;
}

export interface QuickRuntimeOptions {
  /** Audio of one reply. Default 20: one frame. */
  readonly replyMs?: number;
  readonly reply?: string;
  readonly llm?: Llm;
  readonly onReport?: NonNullable<RuntimeOptions['onReport']>;
}

export function quickRuntime({ replyMs = 20, reply = 'Certainly.', llm, ...rest }: QuickRuntimeOptions = {}): Runtime {
  return createRuntime({
    maxSessions: 10_000,
    providers: {
      vad: new ScriptedVad({ minSpeechDurationMs: 40, maxSilenceDurationMs: SILENT_FRAMES * FRAME_MS }),
      stt: instantStt,
      tts: instantTts(replyMs),
      llm: llm ?? instantLlm(() => ({ text: reply })),
      turnDetector: null,
    },
    ...rest,
  });
}

/** Answers at once, and keeps no requests: what the script remembers must not count as memory of the runtime. */
export function instantLlm(answer: (lastText: string, request: ChatRequest) => ScriptedAnswer): ScriptedLlm {
  const llm: ScriptedLlm = new ScriptedLlm({
    clock: realClock,
    otherwise: (lastText, request) => {
      llm.requests.length = 0;
      return { firstTokenMs: 0, durationMs: 0, ...answer(lastText, request) };
    },
  });
  return llm;
}

export async function quickCall(
  runtime: Runtime,
  { tools = [], options = {} }: QuickCallOptions = {},
): Promise<QuickCall> {
  const transport = new BenchTransport();
  const session = await runtime.startSession({
    agent: new Agent({ instructions: 'You are a bench.', tools }),
    transport,
    options: { endpointing: { minDelayMs: 0, maxDelayMs: 0 }, ...options },
  });
  return { session, transport };
}

/** Resolves at the next event of this name. */
export function next(session: AgentSession, name: Parameters<AgentSession['on']>[0]): Promise<void> {
  return new Promise((resolve) => {
    const off = session.on(name, () => {
      off();
      resolve();
    });
  });
}

/** One spoken turn, frames as fast as they can be written. Resolves with the milliseconds from end of turn to first audio. */
export async function speakTurn({ session, transport }: QuickCall): Promise<number> {
  const completed = next(session, 'turn_completed');
  for (let i = 0; i < 4; i++) transport.pushFrame(voiceFrame);
  for (let i = 1; i < SILENT_FRAMES; i++) transport.pushFrame(silentFrame);
  let firstAudioMs = Number.NaN;
  transport.onWrite = () => {
    if (Number.isNaN(firstAudioMs)) firstAudioMs = realClock.now();
  };
  // The frame that completes the silence: the detector, the recogniser and the session all answer inside it.
  const endMs = realClock.now();
  transport.pushFrame(silentFrame);
  await completed;
  return firstAudioMs - endMs;
}
