// A whole call on a virtual clock: runtime, agent, session and user, with scripted providers.
import { seededIds } from '../ids.ts';
import type { Problem } from '../observer.ts';
import { Agent, type AgentOptions } from '../runtime/agent.ts';
import type { AgentSession } from '../runtime/agent-session.ts';
import { createRuntime, type Runtime } from '../runtime/create-runtime.ts';
import type { RuntimeOptions } from '../runtime/runtime-options.ts';
import type { SessionOptionsInput } from '../runtime/session-options.ts';
import type { Report } from '../supervisor/index.ts';
import { LoopbackUser, type LoopbackUserOptions } from './loopback-user.ts';
import { type ScriptedAnswer, ScriptedLlm, type ScriptedLlmOptions } from './scripted-llm.ts';
import { ScriptedStt } from './scripted-stt.ts';
import { ScriptedTts, type ScriptedTtsOptions } from './scripted-tts.ts';
import { ScriptedVad, type ScriptedVadOptions } from './scripted-vad.ts';
import { VirtualClock } from './virtual-clock.ts';

export interface TestCallOptions {
  /** The agent under test; its providers are the scripted ones unless it brings its own. */
  readonly agent?: AgentOptions;
  /** What the model answers. */
  readonly answers?: Readonly<Record<string, ScriptedAnswer>>;
  readonly otherwise?: ScriptedLlmOptions['otherwise'];
  /** The model declares that it takes images. Default false. */
  readonly seesImages?: boolean;
  readonly tts?: ScriptedTtsOptions;
  readonly vad?: ScriptedVadOptions;
  readonly user?: Omit<LoopbackUserOptions, 'clock'>;
  readonly options?: SessionOptionsInput;
  readonly runtime?: Omit<RuntimeOptions, 'clock' | 'ids' | 'providers'>;
  /** Default 1. */
  readonly seed?: number;
  /** A clock that other calls share. */
  readonly clock?: VirtualClock;
}

export interface TestCall {
  readonly clock: VirtualClock;
  readonly runtime: Runtime;
  readonly session: AgentSession;
  readonly user: LoopbackUser;
  readonly llm: ScriptedLlm;
  readonly vad: ScriptedVad;
  readonly stt: ScriptedStt;
  readonly tts: ScriptedTts;
  /** Every event of the session with its time in milliseconds since the start, as it was told. */
  readonly log: readonly { readonly atMs: number; readonly name: string; readonly event: object }[];
  /** What listeners and inspectors threw. */
  readonly problems: readonly Problem[];
  readonly reports: readonly Report[];
  /** Milliseconds since the start. */
  now(): number;
  /** Advances until `atMs` after the start. */
  until(atMs: number): Promise<void>;
  /** Closes session and runtime. */
  end(): Promise<void>;
}

/** Starts a call; when it resolves, the session is idle and the clock stands at its start. */
export async function startTestCall(given: TestCallOptions = {}): Promise<TestCall> {
  const call = prepareTestCall(given);
  const [started] = await Promise.allSettled([call.session.start(), call.clock.settle()]);
  if (started.status === 'rejected') throw started.reason;
  return call;
}

/** The same call before `session.start()`. */
export function prepareTestCall(given: TestCallOptions = {}): TestCall {
  const clock = given.clock ?? new VirtualClock();
  const user = new LoopbackUser({ clock, ...given.user });
  const { answers, otherwise, seesImages = false } = given;
  const llm = new ScriptedLlm({ clock, seesImages, ...(answers && { answers }), ...(otherwise && { otherwise }) });
  const stt = new ScriptedStt(user.script);
  const tts = new ScriptedTts(given.tts);
  const vad = new ScriptedVad(given.vad);
  const problems: Problem[] = [];
  const reports: Report[] = [];
  const runtime = createRuntime({
    clock,
    ids: seededIds(given.seed),
    providers: { vad, stt, tts, llm, turnDetector: null },
    onProblem: (problem) => problems.push(problem),
    onReport: (report) => reports.push(report),
    ...given.runtime,
  });
  const agent = new Agent({ instructions: 'You are a test agent.', ...given.agent });
  const session = runtime.createSession({
    agent,
    transport: user.transport,
    ...(given.options && { options: given.options }),
  });
  const startMs = clock.now();
  const log: { atMs: number; name: string; event: object }[] = [];
  const now = () => clock.now() - startMs;
  session.onAny((name, event) => log.push({ atMs: now(), name, event }));
  return {
    clock,
    runtime,
    session,
    user,
    llm,
    vad,
    stt,
    tts,
    log,
    problems,
    reports,
    now,
    until: (atMs) => clock.advance(Math.max(0, startMs + atMs - clock.now())),
    end: async () => {
      user.dispose();
      const closed = runtime.close();
      await clock.advance(5_000);
      await closed;
    },
  };
}
