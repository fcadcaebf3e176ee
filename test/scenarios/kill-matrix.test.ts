// In each state of a conversation each actor of the session is killed once, in each way that it can break. The call goes
// on: nothing the user said is lost, and a question asked at that very moment is taken up at once.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sleep } from '../../src/clock.ts';
import type { SessionState } from '../../src/events.ts';
import { crash, prepareTestCall, type TestCall, type VirtualClock } from '../../src/testing/index.ts';
import { tool } from '../../src/tools/index.ts';
import { PARTS, type Part, partOf } from './chaos/parts.ts';

/** Runtime time within which the call is usable again; the providers here are healthy and their delays are known. */
const USABLE_AFTER_MS = 100;

interface Kill {
  readonly part: Part;
  readonly way: 'a throw in an action' | 'a stream that breaks' | 'a late throw in a callback';
  /** Returns false where there is nothing to kill in this state. */
  run(call: TestCall): boolean;
}

/** Makes a method of the loudspeaker throw at its next call. */
function breakSpeaker(call: TestCall, method: 'write' | 'playedSamples'): boolean {
  const { speaker } = call.user.transport;
  if (speaker === null) return false;
  Object.defineProperty(speaker, method, {
    configurable: true,
    value: () => {
      Reflect.deleteProperty(speaker, method);
      throw new TypeError('the loudspeaker broke');
    },
  });
  return true;
}

const broken = () => new TypeError('a bug of the provider');
const failTools = new Set<(error: unknown) => void>();

const KILLS: readonly Kill[] = [
  ...PARTS.map((part): Kill => ({ part, way: 'a throw in an action', run: (call) => crash(partOf(call, part)) })),
  ...(['vad', 'stt', 'tts'] as const).flatMap((part): Kill[] => [
    {
      part,
      way: 'a stream that breaks',
      run: (call) => {
        call[part].breakStreams(broken());
        return true;
      },
    },
    {
      part,
      way: 'a late throw in a callback',
      run: (call) => {
        call[part].faults.throwsNext = true;
        return true;
      },
    },
  ]),
  { part: 'playout', way: 'a stream that breaks', run: (call) => breakSpeaker(call, 'write') },
  { part: 'playout', way: 'a late throw in a callback', run: (call) => breakSpeaker(call, 'playedSamples') },
  {
    part: 'respond',
    way: 'a stream that breaks',
    run: (call) => {
      call.llm.breakStreams(broken());
      return partOf(call, 'respond') !== undefined;
    },
  },
  {
    part: 'tool',
    way: 'a stream that breaks',
    run: () => {
      const isRunning = failTools.size > 0;
      for (const fail of failTools) fail(broken());
      return isRunning;
    },
  },
];

interface Scene {
  readonly state: SessionState;
  /** When to kill, in a call that goes as `converse` says. */
  readonly atMs: number;
  readonly prepare?: (call: TestCall) => Promise<void>;
  /** The state lasts for less than a tick: kill when it is entered. */
  readonly onEntry?: boolean;
}

const SCENES: readonly Scene[] = [
  { state: 'idle', atMs: 200 },
  { state: 'listening', atMs: 1_500 },
  { state: 'processing', atMs: 3_200 },
  { state: 'thinking', atMs: 3_450 },
  { state: 'responding', atMs: 3_600 },
  { state: 'speaking', atMs: 4_300 },
  {
    state: 'paused',
    atMs: 4_800,
    prepare: async (call) => {
      await call.until(4_000);
      call.user.speak('', { durationMs: 700 });
    },
  },
  {
    state: 'interrupted',
    atMs: 4_300,
    onEntry: true,
    prepare: async (call) => {
      call.clock.setTimeout(() => call.session.interrupt(), 4_300 - call.now());
    },
  },
  { state: 'toolExecution', atMs: 7_500 },
];

function options(clock: () => VirtualClock) {
  const look = tool({
    name: 'look',
    description: 'Looks.',
    timeoutMs: 10_000,
    maxRetries: 0,
    circuitBreaker: false,
    execute: async () => {
      let fail: (error: unknown) => void = () => {};
      const failed = new Promise<never>((_, reject) => {
        fail = reject;
      });
      failTools.add(fail);
      await Promise.race([sleep(clock(), 5_000), failed]).finally(() => failTools.delete(fail));
      return 'looked';
    },
  });
  return {
    agent: { tools: [look] },
    answers: {
      'one two': { text: 'alpha beta gamma', calls: [{ name: 'look' }] },
      looked: { text: 'delta' },
      next: { text: 'omega' },
      last: { text: 'the end' },
    },
    otherwise: () => ({ text: 'omega' }),
    tts: { durations: { 'alpha beta gamma': 3_000, delta: 500, omega: 500, 'the end': 500 } },
    user: { canPause: true, trailingSilenceMs: 60_000 },
  };
}

function said(call: TestCall): string[] {
  return call.session.history.flatMap((item) => (item.type === 'user' ? item.text.split(' ') : []));
}

function count(call: TestCall, name: string): number {
  return call.log.filter((entry) => entry.name === name).length;
}

const uncaught: unknown[] = [];
const note = (error: unknown) => uncaught.push(error);
beforeEach(() => {
  uncaught.length = 0;
  failTools.clear();
  process.on('uncaughtException', note);
  process.on('unhandledRejection', note);
});
afterEach(() => {
  process.off('uncaughtException', note);
  process.off('unhandledRejection', note);
});

async function converse(scene: Scene, kill: Kill): Promise<{ call: TestCall; isKilled: boolean }> {
  const call = prepareTestCall(options(() => call.clock));
  await Promise.all([call.session.start(), call.clock.settle()]);
  let isKilled = false;
  if (scene.onEntry === true)
    call.session.on('state_changed', ({ toState }) => {
      if (toState === scene.state && !isKilled) isKilled = kill.run(call);
    });
  call.user.sendSilence(60_000);
  if (scene.atMs >= 500) {
    await call.until(500);
    call.user.speak('one two', { durationMs: 2_000, sttDelayMs: 900 });
    await scene.prepare?.(call);
  }
  await call.until(scene.atMs);
  if (scene.onEntry !== true) {
    expect(call.session.state).toBe(scene.state);
    isKilled = kill.run(call);
    await call.clock.settle();
  }
  return { call, isKilled };
}

describe.each(SCENES)('while the session is $state', (scene) => {
  test.each(KILLS)('$part dies of $way: the call goes on', async (kill) => {
    const { call, isKilled } = await converse(scene, kill);
    if (!isKilled) {
      await call.end();
      return; // there is no such actor in this state
    }
    const killedAtMs = call.now();
    call.user.type('next');
    await call.until(killedAtMs + USABLE_AFTER_MS);
    const taken = call.log.filter(({ name, atMs }) => name === 'turn_started' && atMs >= killedAtMs);
    expect(taken.length, 'the question is taken up at once').toBeGreaterThan(0);
    await call.until(20_000);
    expect(call.session.state).toBe('idle');
    call.user.speak('last', { durationMs: 400 });
    await call.until(25_000);
    expect(call.session.state).toBe('idle');
    const words = said(call);
    expect(words.toSorted()).toEqual(scene.atMs < 500 ? ['last', 'next'] : ['last', 'next', 'one', 'two']);
    expect(words.at(-1)).toBe('last');
    const texts = call.user.listen().map(({ segment }) => call.tts.spoken[segment]);
    expect(texts.at(-1)).toBe('the end');
    expect(count(call, 'session_stopped')).toBe(0);
    expect(call.problems).toEqual([]);
    await call.end();
    expect(call.clock.pendingTimers).toBe(0);
    expect(uncaught).toEqual([]);
  });
});

describe('while the session is connecting', () => {
  test.each(KILLS)('$part dies of $way: the call is connected', async (kill) => {
    const given = options(() => call.clock);
    const call = prepareTestCall({ ...given, user: { ...given.user, openDelayMs: 1_000 } });
    const started = call.session.start();
    await call.until(500);
    expect(call.session.state).toBe('connecting');
    kill.run(call);
    await call.until(10_000);
    await started;
    expect(call.session.state).toBe('idle');
    call.user.type('next');
    await call.until(15_000);
    expect(call.user.listen().map(({ segment }) => call.tts.spoken[segment])).toEqual(['omega']);
    await call.end();
    expect(call.clock.pendingTimers).toBe(0);
    expect(uncaught).toEqual([]);
  });
});

describe('while the session is closing', () => {
  test.each(KILLS)('$part dies of $way: the call closes in time with everything that was said', async (kill) => {
    const call = prepareTestCall(options(() => call.clock));
    await Promise.all([call.session.start(), call.clock.settle()]);
    call.user.sendSilence(60_000);
    await call.until(500);
    call.user.speak('one two', { durationMs: 1_000, sttDelayMs: 400 });
    await call.until(1_600);
    const closed = call.session.close();
    await call.until(1_700);
    expect(call.session.state).toBe('closing');
    kill.run(call);
    await call.until(1_600 + 2_000);
    await closed;
    expect(said(call)).toEqual(['one', 'two']);
    expect(count(call, 'session_stopped')).toBe(1);
    await call.end();
    expect(call.clock.pendingTimers).toBe(0);
    expect(uncaught).toEqual([]);
  });
});
