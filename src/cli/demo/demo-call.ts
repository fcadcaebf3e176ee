// Holds one call in real time: a user made of audio, the agent under the real runtime, both recorded on one time axis.
import { StereoRecorder } from '../../audio/stereo.ts';
import { sleep } from '../../clock.ts';
import {
  type AgentSession,
  type AudioFormat,
  type AudioFrame,
  type Clock,
  createRuntime,
  INPUT_FORMAT,
  type Llm,
  LoopbackTransport,
  type ProviderChoice,
} from '../../index.ts';
import { demoAgent } from './demo-agent.ts';
import { type DemoEvent, type DemoEventBody, type KillPart, SHOWN_SESSION_EVENTS } from './demo-event.ts';
import { Killer } from './killer.ts';
import { Microphone } from './microphone.ts';
import type { ScriptedTurn } from './script.ts';
import { type BookedTurn, TurnBook } from './turn-book.ts';

export interface SpokenTurn extends ScriptedTurn {
  readonly frames: readonly AudioFrame[];
}

/** Who speaks to the agent: a script that waits for the answers, or a recording that does not. */
export type DemoUser =
  | { readonly kind: 'script'; readonly turns: readonly SpokenTurn[] }
  | { readonly kind: 'recording'; readonly frames: readonly AudioFrame[]; readonly format: AudioFormat };

export interface WatchedEngines {
  readonly label: string;
  /** Loaded and alive. */
  readonly ready: number;
  onDown(listener: () => void): () => void;
}

export interface DemoCallOptions {
  readonly clock: Clock;
  readonly providers: ProviderChoice & { readonly llm: Llm };
  readonly user: DemoUser;
  /** Told everything, in order. */
  readonly emit: (event: DemoEvent) => void;
  readonly kill?: { readonly part: KillPart; readonly killEngine?: (() => string) | undefined } | undefined;
  /** Engines whose deaths are told. */
  readonly engines?: readonly WatchedEngines[];
  /** Ends the call before its time. */
  readonly signal: AbortSignal;
  /** Rate of the recording and of the agent's audio. Default 16 000. */
  readonly sampleRateHz?: number;
}

export interface DemoCallResult {
  readonly turns: readonly BookedTurn[];
  /** User left, agent right, as it was played. */
  readonly recording: AudioFrame;
}

/** Nothing is going on any more and no answer came. */
const GIVE_UP_MS = 8_000;
/** No turn takes longer: half a minute of speech and every deadline on the way to it. */
const TURN_LIMIT_MS = 120_000;
/** After a recording: the longest silence that may still be a pause of the user, and a little more. */
const AFTER_RECORDING_MS = 2_500;
/** Recorded after the last word. */
const TAIL_MS = 400;

/** @throws AgentError when the session cannot start */
export async function holdDemoCall(options: DemoCallOptions): Promise<DemoCallResult> {
  const { clock, user, signal, sampleRateHz = 16_000 } = options;
  const originMs = clock.now();
  const recorder = new StereoRecorder({ sampleRateHz, originMs });
  const transport = new LoopbackTransport({
    sampleRateHz,
    onPlayed: ({ samples, atMs }) => recorder.write('agent', { samples, sampleRateHz, channels: 1 }, atMs),
  });
  const book = new TurnBook();
  const emit = (body: DemoEventBody) => {
    const event = { atMs: Math.max(0, clock.now() - originMs), ...body } as DemoEvent; // a union cannot be spread by type
    book.take(event);
    options.emit(event);
    killer?.take(event, book.speakingTurn);
    tellEnds(book, emit, false);
  };
  const killer = options.kill === undefined ? undefined : new Killer({ ...options.kill, emit });
  const runtime = createRuntime({
    clock,
    providers: { ...options.providers, llm: killer?.around(options.providers.llm) ?? options.providers.llm },
    onReport: (report) => killer?.takeReport(report),
  });
  const session = runtime.createSession({ agent: demoAgent(clock), transport });
  killer?.watch(runtime, session.sessionId);
  for (const name of SHOWN_SESSION_EVENTS) {
    session.on(name, (payload) => {
      const body = { type: name, ...payload } as DemoEventBody; // name and payload belong together
      // A recording has no script: a turn begins with the first words that nobody has answered yet.
      if (user.kind === 'recording' && body.type === 'stt_result' && body.isFinal) beginUnscripted(book, emit);
      emit(body);
    });
  }
  const microphone = new Microphone({
    clock,
    format: user.kind === 'recording' ? user.format : INPUT_FORMAT,
    onFrame: (frame, atMs) => {
      recorder.write('user', frame, atMs);
      transport.pushFrame(frame);
    },
  });
  const watches = (options.engines ?? []).map((each) =>
    each.onDown(() => emit({ type: 'engine_down', engine: each.label, spares: each.ready })),
  );
  const over = AbortSignal.any([signal, whenStopped(session)]);
  try {
    await session.start();
    microphone.start();
    const call: LiveCall = { clock, session, microphone, book, emit, signal: over };
    if (user.kind === 'script') await speakScript(call, user.turns);
    else await playRecording(call, user.frames);
    await sleep(clock, TAIL_MS, over);
    transport.speaker?.drainPlayed();
  } finally {
    microphone.stop();
    for (const unwatch of watches) unwatch();
    await runtime.close('the demo is over');
  }
  return { turns: book.turns, recording: recorder.toFrame() };
}

interface LiveCall {
  readonly clock: Clock;
  readonly session: AgentSession;
  readonly microphone: Microphone;
  readonly book: TurnBook;
  readonly emit: (event: DemoEventBody) => void;
  /** Aborted by the user, or when the session is over. */
  readonly signal: AbortSignal;
}

async function speakScript(call: LiveCall, turns: readonly SpokenTurn[]): Promise<void> {
  const { clock, book, emit, microphone, signal } = call;
  for (const [i, turn] of turns.entries()) {
    if (signal.aborted) break;
    const { begins } = turn;
    const previous = book.count;
    if ('intoSpeechMs' in begins) {
      await until(call, () => book.isSpoken(previous) || book.isSettled(previous), TURN_LIMIT_MS);
      await sleep(clock, begins.intoSpeechMs, signal);
    } else await quietFor(call, begins.afterSilenceMs, () => previous === 0 || book.isSettled(previous));
    if (signal.aborted) break;
    // Of what was given up: an answer that is cut short ends within the next turn.
    if (!('intoSpeechMs' in begins)) tellEnds(book, emit, true);
    const says = turn.says.map((part) => (typeof part === 'string' ? part : '...')).join(' ');
    const userTurn = book.begin(turn.shows, turn);
    emit({ type: 'user_turn_started', userTurn, shows: turn.shows, says });
    await microphone.play(turn.frames);
    if (i === turns.length - 1) await quietFor(call, 300, () => book.isSettled(userTurn));
  }
  tellEnds(book, emit, true);
}

async function playRecording(call: LiveCall, frames: readonly AudioFrame[]): Promise<void> {
  const { book, emit, microphone } = call;
  await microphone.play(frames);
  await quietFor(call, AFTER_RECORDING_MS, () => book.count === 0 || book.isSettled(book.count));
  tellEnds(book, emit, true);
}

function beginUnscripted(book: TurnBook, emit: (event: DemoEventBody) => void): void {
  if (book.speakingTurn <= book.count) return;
  const userTurn = book.begin('', null);
  emit({ type: 'user_turn_started', userTurn, shows: '', says: '' });
}

/** Turns that have come to their end; `all`: also those that will not. */
function tellEnds(book: TurnBook, emit: (event: DemoEventBody) => void, all: boolean): void {
  for (const { n, answered, asScripted, heard, reply, latency } of book.takeEnded(all))
    emit({ type: 'user_turn_ended', userTurn: n, answered, asScripted, heard, reply, latency });
}

/** Waits until `isDone` and nobody has spoken for `silenceMs`; gives up when nothing happens any more. */
async function quietFor(call: LiveCall, silenceMs: number, isDone: () => boolean): Promise<void> {
  const { clock, session } = call;
  let busyAtMs = clock.now();
  await until(
    call,
    () => {
      if (session.state !== 'idle') busyAtMs = clock.now();
      const quietMs = clock.now() - busyAtMs;
      return quietMs >= Math.max(silenceMs, GIVE_UP_MS) || (quietMs >= silenceMs && isDone());
    },
    TURN_LIMIT_MS,
  );
}

/** Looks every 20 ms, as often as the microphone speaks. */
async function until({ clock, signal }: LiveCall, isDone: () => boolean, limitMs: number): Promise<void> {
  const endMs = clock.now() + limitMs;
  while (!signal.aborted && !isDone() && clock.now() < endMs) await sleep(clock, 20, signal);
}

function whenStopped(session: AgentSession): AbortSignal {
  const controller = new AbortController();
  session.on('session_stopped', () => controller.abort());
  return controller.signal;
}
