// Faults of providers, tools and listeners in a live call, and what the caller gets instead of silence.
import { describe, expect, test } from 'vitest';
import type { SessionEventMap } from '../../src/events.ts';
import {
  prepareTestCall,
  type ScriptedAnswer,
  startTestCall,
  type TestCall,
  type TestCallOptions,
} from '../../src/testing/index.ts';
import { type Tool, tool } from '../../src/tools/index.ts';

const APOLOGY = 'I am sorry, I could not do that. Please try again.';

function events<Name extends keyof SessionEventMap>(call: TestCall, name: Name): SessionEventMap[Name][] {
  // The log holds the event that belongs to the name.
  return call.log.filter((entry) => entry.name === name).map(({ event }) => event as SessionEventMap[Name]);
}

function spoken(call: TestCall): (string | undefined)[] {
  return call.user.listen().map(({ segment }) => call.tts.spoken[segment]);
}

function errors(call: TestCall): string[] {
  return events(call, 'session_error').map(({ code, part }) => `${part}: ${code}`);
}

/** The user asks "Hello" in a call that is broken by `breakIt`; afterwards everything is healthy and "again" is asked. */
interface Fault {
  readonly fault: string;
  readonly options?: TestCallOptions;
  breakIt?(call: TestCall): void;
  mend?(call: TestCall): void;
  /** When the caller has heard something, in milliseconds after the question. */
  readonly withinMs: number;
  readonly hears: readonly string[];
  readonly errors: readonly string[];
}

const define = (execute: Tool['execute']) =>
  tool({ name: 'look', description: 'Looks something up.', circuitBreaker: false, execute });
const calling = (execute: Tool['execute']): TestCallOptions => ({
  agent: { tools: [define(execute) as Tool] },
  answers: {
    Hello: { calls: [{ name: 'look' }] },
    "I'm having trouble with that request right now.": { text: 'It did not work.' },
    again: { text: 'Yes.' },
  },
});
const answering = (hello: ScriptedAnswer): TestCallOptions => ({
  answers: { Hello: hello, again: { text: 'Yes.' } },
});

const FAULTS: readonly Fault[] = [
  {
    fault: 'a tool that never settles and ignores its signal',
    options: calling(() => new Promise(() => {})),
    withinMs: 9_500,
    hears: ['It did not work.'],
    errors: [],
  },
  {
    fault: 'a tool that settles only when its signal aborts',
    options: calling(
      (_args, { signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')))),
    ),
    withinMs: 9_500,
    hears: ['It did not work.'],
    errors: [],
  },
  {
    fault: 'a model that never answers',
    options: answering({ hangs: true }),
    withinMs: 15_000,
    hears: [APOLOGY],
    errors: ['turn: ERR_DEADLINE'],
  },
  {
    fault: 'a voice that never speaks',
    options: answering({ text: 'Never heard.' }),
    breakIt: (call) => {
      call.tts.faults.isMute = true;
    },
    mend: (call) => {
      call.tts.faults.isMute = false;
    },
    withinMs: 12_000,
    hears: [APOLOGY],
    errors: ['turn: ERR_DEADLINE'],
  },
  {
    fault: 'a model that throws',
    options: answering({ error: new Error('boom') }),
    withinMs: 8_000,
    hears: [APOLOGY],
    errors: ['turn: ERR_PROVIDER'],
  },
  {
    fault: 'a model that breaks in the middle of its answer',
    options: answering({ text: 'Half an answer', breaksWith: new Error('boom') }),
    withinMs: 8_000,
    hears: [APOLOGY],
    errors: ['turn: ERR_PROVIDER'],
  },
  {
    fault: 'a recogniser that fails for good in mid-speech',
    options: answering({ text: 'Hi.' }),
    breakIt: (call) => call.stt.breakStreams(),
    withinMs: 6_000,
    hears: ['Hi.'],
    errors: ['stt: ERR_PROVIDER'],
  },
  {
    fault: 'a recogniser with a bug in a callback',
    options: answering({ text: 'Hi.' }),
    breakIt: (call) => {
      call.stt.faults.throwsNext = true;
    },
    withinMs: 6_000,
    hears: ['Hi.'],
    errors: ['stt: ERR_SESSION'],
  },
  {
    fault: 'a recogniser that cannot be opened for four seconds',
    options: answering({ text: 'Hi.' }),
    breakIt: (call) => {
      call.stt.faults.failsToOpen = true;
      call.stt.breakStreams();
      call.clock.setTimeout(() => {
        call.stt.faults.failsToOpen = false;
      }, 4_000);
    },
    withinMs: 12_000,
    hears: ['Hi.'],
    errors: Array.from({ length: 8 }, () => 'stt: ERR_PROVIDER'),
  },
  {
    fault: 'a listener that throws at every event',
    options: answering({ text: 'Hi.' }),
    breakIt: (call) => {
      call.session.onAny(() => {
        throw new Error('listener');
      });
    },
    withinMs: 6_000,
    hears: ['Hi.'],
    errors: [],
  },
  {
    fault: 'an inspector that throws at every event',
    options: {
      ...answering({ text: 'Hi.' }),
      runtime: {
        inspect: () => {
          throw new Error('inspector');
        },
      },
    },
    withinMs: 6_000,
    hears: ['Hi.'],
    errors: [],
  },
];

describe('a call survives', () => {
  test.each(FAULTS)('$fault', async (row) => {
    const call = await startTestCall(row.options);
    call.user.sendSilence(60_000);
    call.user.speak('Hello', { durationMs: 1_000 });
    await call.until(500);
    row.breakIt?.(call);
    await call.until(1_000 + row.withinMs);
    expect(spoken(call)).toEqual(row.hears);
    expect(errors(call)).toEqual(row.errors);
    expect(call.session.state).toBe('idle');

    row.mend?.(call);
    const askedAtMs = call.now();
    call.user.speak('again', { durationMs: 1_000 });
    await call.until(askedAtMs + 5_000);
    expect(spoken(call)).toEqual([...row.hears, 'Yes.']);
    const users = call.session.history.filter(({ type }) => type === 'user').map((item) => 'text' in item && item.text);
    expect(users).toEqual(['Hello', 'again']);
    const closed = call.session.close();
    await call.until(call.now() + 1_000);
    await closed;
    await call.end();
    expect(call.clock.pendingTimers).toBe(0);
  });
});

test('a detector that missed audio dates voice too early, and no word is cut off or taken twice', async () => {
  const call = await startTestCall({ otherwise: () => ({ text: 'Yes.' }) });
  call.user.sendSilence(60_000);
  call.vad.faults.isDeaf = true;
  await call.until(6_000);
  call.vad.faults.isDeaf = false;
  call.user.speak('one two three', { sttDelayMs: 1_000 });
  await call.until(7_450);
  call.user.speak('four five', { sttDelayMs: 1_000 });
  await call.until(12_000);
  expect(call.session.history.filter(({ type }) => type === 'user')).toMatchObject([
    { text: 'one two three four five' },
  ]);
  // Nobody knows whether the audio that it missed was speech, so that is told.
  expect(errors(call)).toEqual(['input: ERR_PROVIDER']);
  await call.end();
});

test.each(['failsToOpen', 'isMute'] as const)('the host is told why the apology has no voice: %s', async (fault) => {
  const call = prepareTestCall();
  call.tts.faults[fault] = true;
  await Promise.all([call.session.start(), call.until(19_999)]);
  const told = () => call.problems.map(({ where }) => where);
  expect(told()).toEqual(fault === 'isMute' ? [] : ['voice of the apology']);
  await call.until(20_000);
  expect(told()).toEqual(['voice of the apology']);
  await call.end();
});

test('a transcript that never comes is apologised for, and told as that alone', async () => {
  const call = await startTestCall();
  call.user.sendSilence(60_000);
  call.stt.faults.isMute = true;
  call.user.speak('Hello', { durationMs: 1_000 });
  await call.until(12_000);
  expect(spoken(call)).toEqual([APOLOGY]);
  expect(errors(call)).toEqual(['stt: ERR_PROVIDER']);
  await call.end();
});

test('what a mute voice did not say is not in the history', async () => {
  const call = await startTestCall({ answers: { Hello: { text: 'Never heard.' } } });
  call.tts.faults.isMute = true;
  call.user.type('Hello');
  await call.until(12_000);
  expect(call.session.history).toMatchObject([{ text: 'Hello' }, { type: 'assistant', text: APOLOGY }]);
  await call.end();
});

test('a call with a tool in flight closes within a second', async () => {
  const call = await startTestCall(calling(() => new Promise(() => {})));
  call.user.type('Hello');
  await call.until(2_000);
  expect(call.session.state).toBe('toolExecution');
  const closed = call.session.close();
  await call.until(3_000);
  await closed;
  const types = call.session.history.map(({ type }) => type);
  expect(types).toEqual(['user', 'toolCall', 'toolOutput']);
  await call.end();
});

test('a model that fails in six turns in a row apologises six times, and the call lives', async () => {
  const call = await startTestCall({
    otherwise: (text) => (text === 'seven' ? { text: 'At last.' } : { error: new Error('quota') }),
  });
  for (const [i, question] of ['one', 'two', 'three', 'four', 'five', 'six', 'seven'].entries()) {
    call.user.type(question);
    await call.until((i + 1) * 10_000);
  }
  expect(spoken(call)).toEqual([...Array.from({ length: 6 }, () => APOLOGY), 'At last.']);
  expect(errors(call)).toEqual(Array.from({ length: 6 }, () => 'turn: ERR_PROVIDER'));
  expect(events(call, 'turn_completed').map(({ mode }) => mode)).toEqual([
    ...Array.from({ length: 6 }, () => 'fallback'),
    'reply',
  ]);
  expect(call.session.state).toBe('idle');
  await call.end();
});

test('an answer that waits for a user who speaks longer than any deadline is spoken in the end', async () => {
  const call = await startTestCall({
    answers: { Hello: { text: 'Hi.' } },
    options: { interruption: { enabled: false } },
  });
  call.user.type('Hello');
  call.user.speak('', { durationMs: 30_000 });
  await call.until(25_000);
  expect(spoken(call)).toEqual([]);
  await call.until(35_000);
  expect(spoken(call)).toEqual(['Hi.']);
  await call.end();
});
