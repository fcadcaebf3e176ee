// Plays the plan of a random call on a virtual clock and keeps everything that the rules are checked on.
import { setTimeout as realTimeout } from 'node:timers';
import { sleep } from '../../../src/clock.ts';
import { AgentError } from '../../../src/errors.ts';
import { Agent } from '../../../src/runtime/agent.ts';
import type { ChatItem } from '../../../src/runtime/ledger.ts';
import type { SpeechHandle, SpeechResult } from '../../../src/speech-handle.ts';
import {
  crash,
  type HeardAudio,
  type ScriptedAnswer,
  startTestCall,
  type TestCall,
} from '../../../src/testing/index.ts';
import { type RunContext, type Tool, tool } from '../../../src/tools/index.ts';
import { actorsBelow } from '../actors-below.ts';
import { partOf } from './parts.ts';
import type { Action, Plan } from './plan.ts';

export interface SpokenWord {
  readonly word: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** When the final transcript of its line is due. */
  readonly dueMs: number;
  /** What the recogniser needs for it, from the end of the voice on. */
  readonly sttDelayMs: number;
}

export interface TypedText {
  readonly text: string;
  readonly atMs: number;
  /** Null when it came over the transport. */
  readonly asked: AskedFor | null;
}

/** Text that the model or the host gave to be spoken. */
export interface GivenText {
  readonly text: string;
  /** Turn and attempt that it was given to; null for `say`, which is matched by its text. */
  readonly turn: number | null;
  readonly attempt: number;
}

/** Something the plan asked to be said or answered. */
export interface AskedFor {
  readonly handle: SpeechHandle;
  readonly atMs: number;
  /** Nobody but the host may cut it. */
  readonly isProtected: boolean;
  result: SpeechResult | null;
}

export interface Evidence {
  readonly plan: Plan;
  readonly log: TestCall['log'];
  readonly words: readonly SpokenWord[];
  readonly typed: readonly TypedText[];
  readonly clearedAtMs: readonly number[];
  readonly given: readonly GivenText[];
  readonly heard: readonly HeardAudio[];
  readonly spoken: readonly string[];
  readonly durationOf: (text: string) => number;
  readonly history: readonly Readonly<ChatItem>[];
  readonly handles: readonly AskedFor[];
  readonly problems: TestCall['problems'];
  readonly reports: TestCall['reports'];
  /** State before the call was closed by the harness, or null when it was over by then. */
  readonly stateAtEnd: string;
  readonly probe: 'answered' | 'unanswered' | 'over';
  readonly probeAtMs: number;
  readonly closeTookMs: number;
  readonly leftTimers: number;
  readonly leftNames: number;
  readonly leftActors: number;
  readonly uncaught: readonly unknown[];
}

const MS_PER_WORD = 250;
const INJECTED = new Error('injected');

function toolsFor(clock: () => TestCall['clock'], narrate: (context: RunContext) => void): Tool[] {
  const define = (name: string, execute: (context: RunContext) => unknown) =>
    tool({
      name,
      description: name,
      execute: (_args, context) => execute(context),
      retryDelayMs: 200,
      timeoutMs: 1_000,
      maxRetries: 1,
      circuitBreaker: false,
    });
  return [
    define('quick', () => 'done'),
    define('slow', async () => {
      await sleep(clock(), 700);
      return 'done slowly';
    }),
    define('throwing', () => {
      throw INJECTED;
    }),
    define('hanging', () => new Promise(() => {})),
    define('late', async () => {
      await sleep(clock(), 990);
      return 'just in time';
    }),
    define('narrating', async (context) => {
      narrate(context);
      await sleep(clock(), 600);
      narrate(context);
      return 'told';
    }),
  ] as Tool[];
}

export async function perform(plan: Plan): Promise<Evidence> {
  const uncaught: unknown[] = [];
  const onUncaught = (error: unknown) => uncaught.push(error);
  process.on('uncaughtException', onUncaught);
  process.on('unhandledRejection', onUncaught);
  try {
    return await play(plan, uncaught);
  } finally {
    process.off('uncaughtException', onUncaught);
    process.off('unhandledRejection', onUncaught);
  }
}

async function play(plan: Plan, uncaught: unknown[]): Promise<Evidence> {
  const words: SpokenWord[] = [];
  const typed: TypedText[] = [];
  const clearedAtMs: number[] = [];
  const given: GivenText[] = [];
  const handles: AskedFor[] = [];
  let wordCount = 0;
  let replyWords = 0;
  let requests = 0;
  let isProbing = false;
  let call: TestCall;

  const turnNow = () => {
    const last = call.log.findLast(({ name }) => name === 'turn_started');
    return (last?.event ?? { turn: 0, attempt: 0 }) as { turn: number; attempt: number };
  };
  const reply = (count: number) => Array.from({ length: count }, () => `a${++replyWords}`).join(' ');
  const otherwise = (): ScriptedAnswer => {
    const answer = plan.answers[requests++ % plan.answers.length];
    const { turn, attempt } = turnNow();
    if (isProbing || answer === undefined) {
      const text = reply(2);
      given.push({ text, turn, attempt });
      return { text };
    }
    const { kind, firstTokenMs, durationMs } = answer;
    const calls = kind === 'tools' || kind === 'textAndTools' ? answer.tools.map((name) => ({ name })) : [];
    const text =
      kind === 'empty' || kind === 'tools' || kind === 'error' || kind === 'hangs' ? '' : reply(answer.words);
    if (text !== '') given.push({ text, turn, attempt });
    return {
      text,
      calls,
      firstTokenMs,
      durationMs,
      ...(kind === 'error' && { error: INJECTED }),
      ...(kind === 'breaks' && { breaksWith: INJECTED }),
      ...(kind === 'hangs' && { hangs: true }),
    };
  };

  const ask = (handle: SpeechHandle, isProtected = false) => {
    const asked: AskedFor = { handle, atMs: call.now(), isProtected, result: null };
    handles.push(asked);
    void handle.then((result) => {
      asked.result = result;
    });
    return asked;
  };
  const narrate = (context: RunContext) => {
    const { turn, attempt } = turnNow();
    for (const count of [2, 1]) {
      const text = reply(count);
      // A try that was given up says nothing any more.
      if (!context.signal.aborted) given.push({ text, turn, attempt });
      ask(context.say(text));
    }
    if (replyWords % 3 === 0) handles.at(-2)?.handle.interrupt();
  };
  const tools = toolsFor(() => call.clock, narrate);
  call = await startTestCall({
    seed: plan.call + 1,
    agent: { tools },
    otherwise,
    options: plan.options,
    tts: { firstAudioMs: plan.firstAudioMs, msPerWord: MS_PER_WORD, sampleRateHz: 8_000 },
    user: { frameMs: 100, trailingSilenceMs: 700, canPause: plan.canPause },
    runtime: plan.inspectorThrows
      ? {
          inspect: () => {
            throw INJECTED;
          },
        }
      : {},
  });
  const { session, user } = call;
  /** What a timer throws would have ended the process. */
  const until = async (atMs: number) => {
    while (call.now() < atMs)
      await call.until(atMs).catch((error: unknown) => {
        uncaught.push(error);
        if (error instanceof AgentError && error.code === 'ERR_TIMEOUT') throw error; // timers that spin
      });
  };
  if (plan.listenerThrows)
    session.on('state_changed', () => {
      throw INJECTED;
    });
  const others = [new Agent({ instructions: 'The second agent.', tools }), session.agent];

  const later = (forMs: number, run: () => void) => call.clock.setTimeout(run, forMs);
  const isOver = () => call.log.some(({ name }) => name === 'session_stopped');

  const say = (count: number, wordMs: number, sttDelayMs: number) => {
    const said = Array.from({ length: count }, () => `w${++wordCount}`);
    const startMs = call.now();
    for (const [i, word] of said.entries())
      words.push({
        word,
        fromMs: startMs + i * wordMs,
        toMs: startMs + (i + 1) * wordMs,
        dueMs: startMs + count * wordMs + sttDelayMs,
        sttDelayMs,
      });
    user.speak(said.join(' '), { durationMs: count * wordMs, sttDelayMs });
  };

  const act = (action: Action): unknown => {
    if (isOver()) return;
    switch (action.do) {
      case 'speak':
        return say(action.words, action.wordMs, action.sttDelayMs);
      case 'noise':
        return user.speak('', { durationMs: action.durationMs });
      case 'type': {
        const text = `t${typed.length + 1}`;
        const atMs = call.now();
        const isByHost = typed.length % 2 === 0;
        typed.push({ text, atMs, asked: isByHost ? ask(session.sendText(text)) : null });
        return isByHost ? undefined : user.type(text);
      }
      case 'say': {
        const text = reply(action.words);
        given.push({ text, turn: null, attempt: 1 });
        const { allowInterruptions } = action;
        return ask(session.say(text, { allowInterruptions }), !allowInterruptions);
      }
      case 'generateReply':
        return ask(session.generateReply({ instructions: 'Go on.' }));
      case 'interrupt':
        return session.interrupt();
      case 'commitTurn':
        return session.commitTurn();
      case 'clearTurn':
        clearedAtMs.push(call.now());
        return session.clearTurn();
      case 'updateAgent': {
        const next = others.find((agent) => agent !== session.agent);
        return next === undefined ? undefined : session.updateAgent(next);
      }
      case 'interruptHandle':
        return handles.at(-1)?.handle.interrupt();
      case 'hangUp':
        return user.hangUp();
      case 'close':
        return session.close('the plan closed it');
      case 'crash':
        return crash(partOf(call, action.part));
      case 'provider': {
        const { of: name, fault, forMs } = action;
        if (fault === 'breaks') return call[name].breakStreams();
        const faults = call[name].faults as Record<string, boolean>; // every fault is a flag
        const field = fault === 'isMute' && name === 'vad' ? 'isDeaf' : fault;
        faults[field] = true;
        later(forMs, () => {
          faults[field] = false;
        });
        return;
      }
      case 'freezeSpeaker':
        user.transport.speaker?.freeze();
        later(action.forMs, () => user.transport.speaker?.thaw());
        return;
    }
  };

  for (const { atMs, action } of plan.steps) {
    await until(atMs);
    void act(action);
  }
  // The sum of all deadlines: each request may wait for a hanging model, its apology and a frozen loudspeaker.
  const settleMs = 60_000 + 25_000 * (handles.length + typed.length);
  await until(call.now() + settleMs);
  const stateAtEnd = isOver() ? 'over' : session.state;

  const probeAtMs = call.now();
  let probe: Evidence['probe'] = 'over';
  if (!isOver()) {
    isProbing = true;
    for (const faults of [call.vad.faults, call.stt.faults, call.tts.faults] as Record<string, boolean>[])
      for (const name of Object.keys(faults)) faults[name] = false;
    say(1, 300, 100);
    await until(call.now() + 15_000);
    const done = call.log.findLast(({ name }) => name === 'turn_completed');
    const { outcome, mode } = (done?.event ?? {}) as { outcome?: string; mode?: string };
    const answered = (done?.atMs ?? 0) > probeAtMs && outcome === 'completed' && mode === 'reply';
    probe = answered && session.state === 'idle' ? 'answered' : 'unanswered';
  }

  const closeAtMs = call.now();
  let closedAtMs = Number.POSITIVE_INFINITY;
  void session.close('the end').then(() => {
    closedAtMs = call.now();
  });
  await until(closeAtMs + 3_000);
  user.listen();
  await call.end();
  // Tools that hang hold no timer; those that answer late let go of theirs within this time.
  await call.clock.advance(20_000);
  await new Promise((resolve) => realTimeout(resolve, 0)); // errors that nobody handled are thrown from a timer
  return {
    plan,
    log: call.log,
    words,
    typed,
    clearedAtMs,
    given,
    heard: user.heard,
    spoken: call.tts.spoken,
    durationOf: (text) => text.split(' ').length * MS_PER_WORD,
    history: session.history,
    handles,
    problems: call.problems,
    reports: call.reports,
    stateAtEnd,
    probe,
    probeAtMs,
    closeTookMs: closedAtMs - closeAtMs,
    leftTimers: call.clock.pendingTimers,
    leftNames: call.runtime.registry.size,
    leftActors: actorsBelow(call.runtime.actor),
    uncaught,
  };
}
