// What a tool says while it runs is part of the reply that called it: spoken at once, cut with it, and in the history as heard.
import { expect, test } from 'vitest';
import { sleep } from '../../src/clock.ts';
import type { SpeechHandle } from '../../src/speech-handle.ts';
import { crash, startTestCall, type TestCall, type TestCallOptions } from '../../src/testing/index.ts';
import { type RunContext, tool } from '../../src/tools/index.ts';

const FILLER = 'One moment, I am looking.';
const ANSWER = 'It is sunny.';

interface Setting {
  /** How long the tool runs after it has spoken. */
  readonly toolMs?: number;
  readonly say?: (context: RunContext) => void;
  /** What the model says with the call. */
  readonly announcement?: string;
  readonly options?: TestCallOptions['options'];
}

/** The user types a question; a tool speaks and then takes its time. */
async function asked({ toolMs = 3_000, say = (context) => context.say(FILLER), announcement, options }: Setting = {}) {
  const look = tool({
    name: 'look',
    description: 'Looks.',
    timeoutMs: 20_000,
    maxRetries: 0,
    execute: async (_, context) => {
      say(context);
      await sleep(call.clock, toolMs, context.signal);
      return 'sunny';
    },
  });
  const call = await startTestCall({
    agent: { tools: [look] },
    answers: {
      'How is it?': { ...(announcement !== undefined && { text: announcement }), calls: [{ name: 'look' }] },
      sunny: { text: ANSWER },
    },
    tts: { durations: { [FILLER]: 1_500, [ANSWER]: 1_000, 'Let me see.': 2_000 } },
    ...(options && { options }),
  });
  call.user.sendSilence(60_000);
  await call.until(500);
  call.user.type('How is it?');
  return { call };
}

const heard = (call: TestCall) =>
  call.user.listen().map(({ segment, atMs, durationMs }) => ({
    text: call.tts.spoken[segment] ?? '',
    startMs: atMs,
    endMs: atMs + durationMs,
  }));
const texts = (call: TestCall) => heard(call).map(({ text }) => text);
const history = (call: TestCall) =>
  call.session.history.map((item) => {
    if (item.type === 'assistant') return `assistant${item.interrupted ? ' (cut)' : ''}: ${item.text}`;
    return item.type === 'user' ? `user: ${item.text}` : item.type;
  });
/** The filler was heard to its end, or was cut in it. */
const WHOLE = ['user: How is it?', 'toolCall', `assistant: ${FILLER}`, 'toolOutput', `assistant: ${ANSWER}`];
const CUT = ['user: How is it?', 'toolCall', expect.stringMatching(/^assistant \(cut\): One/u), 'toolOutput'];
const partOf = (call: TestCall, part: string) => call.runtime.registry.whereis(`${call.session.sessionId}/${part}`);

test('it is heard while the tool runs and before the answer, by the caller and in the history', async () => {
  const { call } = await asked();
  await call.until(10_000);
  expect(texts(call)).toEqual([FILLER, ANSWER]);
  const [filler, answer] = heard(call);
  // The call comes 300 ms after the request, the voice needs 200 ms; the tool ends 3 s after it began.
  expect(filler?.startMs).toBeLessThanOrEqual(1_050);
  expect(answer?.startMs).toBeGreaterThanOrEqual(3_800);
  expect(history(call)).toEqual(WHOLE);
  const states = call.log.flatMap(({ name, event }) =>
    name === 'state_changed' ? [(event as { toState: string }).toState] : [],
  );
  expect(states.slice(states.indexOf('thinking'))).toEqual([
    'thinking',
    'toolExecution',
    'speaking',
    'toolExecution',
    'thinking',
    'responding',
    'speaking',
    'idle',
  ]);
  await call.end();
});

test('the model reads it with the call, and the output of the tool is the last thing it reads', async () => {
  const { call } = await asked();
  await call.until(10_000);
  expect(call.llm.requests.at(-1)?.messages.slice(1)).toMatchObject([
    { role: 'user', content: 'How is it?' },
    { role: 'assistant', content: FILLER, toolCalls: [{ name: 'look' }] },
    { role: 'tool', content: 'sunny' },
  ]);
  await call.end();
});

test('it waits for the end of what the model said with the call, also when the tool is done by then', async () => {
  const { call } = await asked({ announcement: 'Let me see.', toolMs: 100 });
  await call.until(10_000);
  expect(texts(call)).toEqual(['Let me see.', FILLER, ANSWER]);
  const [announcement, filler, answer] = heard(call);
  expect(filler?.startMs).toBeGreaterThanOrEqual(announcement?.endMs ?? Number.NaN);
  expect(answer?.startMs).toBeGreaterThanOrEqual(filler?.endMs ?? Number.NaN);
  expect(history(call)).toEqual([
    'user: How is it?',
    'assistant: Let me see.',
    'toolCall',
    `assistant: ${FILLER}`,
    'toolOutput',
    `assistant: ${ANSWER}`,
  ]);
  await call.end();
});

test('several texts are spoken one after the other, and their handles tell when each was heard', async () => {
  const settled: string[] = [];
  const { call } = await asked({
    say: (context) => {
      for (const text of [FILLER, 'Still looking.'])
        void context.say(text).then(({ outcome, turn }) => settled.push(`${text} ${outcome} in ${turn}`));
    },
  });
  await call.until(2_700);
  expect(settled).toEqual([`${FILLER} completed in 1`]);
  await call.until(10_000);
  expect(settled).toEqual([`${FILLER} completed in 1`, 'Still looking. completed in 1']);
  expect(texts(call)).toEqual([FILLER, 'Still looking.', ANSWER]);
  await call.end();
});

test('a tool may wait until it was heard', async () => {
  const { call } = await asked({ toolMs: 0, say: () => {} });
  await call.end();
  const heardAt: number[] = [];
  const slow = await startTestCall({
    agent: {
      tools: [
        tool({
          name: 'look',
          description: 'Looks.',
          timeoutMs: 20_000,
          execute: async (_, context) => {
            await context.say(FILLER);
            heardAt.push(slow.now());
            return 'sunny';
          },
        }),
      ],
    },
    answers: { 'How is it?': { calls: [{ name: 'look' }] }, sunny: { text: ANSWER } },
    tts: { durations: { [FILLER]: 1_500 } },
  });
  slow.user.type('How is it?');
  await slow.until(6_000);
  expect(heardAt).toEqual([2_000]);
  expect(texts(slow)).toEqual([FILLER, ANSWER]);
  await slow.end();
});

test('a voice cuts it like any reply: what was heard stays, the tool is cancelled, nothing more is spoken', async () => {
  const settled: string[] = [];
  const { call } = await asked({
    say: (context) => {
      for (const text of [FILLER, 'Still looking.'])
        void context.say(text).then(({ outcome }) => settled.push(`${text} ${outcome}`));
    },
  });
  await call.until(1_500);
  call.user.speak('Stop', { durationMs: 1_000 });
  await call.until(10_000);
  expect(history(call)).toEqual([...CUT, 'user: Stop']);
  expect(settled).toEqual([`${FILLER} interrupted`, 'Still looking. interrupted']);
  expect(texts(call)).toEqual([FILLER]);
  await call.end();
});

test('its handle stops it alone: the reply goes on', async () => {
  const outcomes: string[] = [];
  let handle: SpeechHandle | undefined;
  const { call } = await asked({
    say: (context) => {
      handle = context.say(FILLER);
      const second = context.say('Never said.');
      for (const each of [handle, second]) void each.then(({ outcome }) => outcomes.push(outcome));
      second.interrupt();
    },
  });
  await call.until(1_500);
  handle?.interrupt();
  await call.until(10_000);
  expect(outcomes).toEqual(['interrupted', 'interrupted']);
  expect(texts(call)).toEqual([FILLER, ANSWER]);
  expect(history(call)).toEqual([...CUT, `assistant: ${ANSWER}`]);
  expect(call.session.state).toBe('idle');
  await call.end();
});

test.each(['tts', 'playout'])('a crash of %s in the middle of it is not heard', async (part) => {
  const { call } = await asked();
  await call.until(1_400);
  crash(partOf(call, part));
  await call.until(10_000);
  expect(history(call)).toContain(`assistant: ${FILLER}`);
  expect(heard(call).reduce((sum, { text, startMs, endMs }) => sum + (text === FILLER ? endMs - startMs : 0), 0)).toBe(
    1_500,
  );
  expect(texts(call).at(-1)).toBe(ANSWER);
  await call.end();
});

test('a turn that crashes while it is spoken ends with the apology, once', async () => {
  const outcomes: string[] = [];
  const { call } = await asked({
    say: (context) => void context.say(FILLER).then(({ outcome }) => outcomes.push(outcome)),
  });
  await call.until(1_500);
  crash(partOf(call, 'turn:1.1.reply'));
  await call.until(10_000);
  expect(outcomes).toEqual(['failed']);
  expect(texts(call)).toHaveLength(2);
  expect(texts(call).at(-1)).toMatch(/^I am sorry/u);
  await call.end();
});

test('what a tool says during the apology is not said', async () => {
  const outcomes: string[] = [];
  const { call } = await asked({
    say: (context) => {
      context.say(FILLER);
      void sleep(call.clock, 1_500).then(() => context.say('Too late.').then(({ outcome }) => outcomes.push(outcome)));
    },
  });
  await call.until(1_500);
  crash(partOf(call, 'turn:1.1.reply'));
  await call.until(2_200);
  expect(call.session.state).toBe('speaking');
  await call.until(10_000);
  expect(outcomes).toEqual(['abandoned']);
  expect(texts(call)).not.toContain('Too late.');
  await call.end();
});

test('a handle that is used while the reply is being cut lets nothing more be said', async () => {
  let handle: SpeechHandle | undefined;
  const { call } = await asked({
    say: (context) => {
      handle = context.say(FILLER);
      context.say('Still looking.');
    },
  });
  call.session.on('interruption', () => handle?.interrupt());
  await call.until(1_500);
  call.session.interrupt();
  await call.until(10_000);
  expect(texts(call)).toEqual([FILLER]);
  expect(call.session.history.map(({ type }) => type)).toEqual(['user', 'toolCall', 'assistant', 'toolOutput']);
  await call.end();
});

test('in a session that writes it is shown before the answer', async () => {
  const { call } = await asked({ options: { audio: { output: false } } });
  await call.until(1_500);
  expect(history(call)).toEqual(WHOLE.slice(0, 3));
  await call.until(10_000);
  expect(history(call)).toEqual(WHOLE);
  await call.end();
});

test('what the session is closed upon is in the history as heard, and the handle is told', async () => {
  const outcomes: string[] = [];
  const { call } = await asked({
    say: (context) => {
      for (const text of [FILLER, 'Still looking.'])
        void context.say(text).then(({ outcome }) => outcomes.push(outcome));
    },
  });
  await call.until(1_500);
  await call.end();
  expect(outcomes).toEqual(['interrupted', 'interrupted']);
  expect(history(call)).toEqual(CUT);
});

test('a text that is none is a problem and not a failure of the tool', async () => {
  const { call } = await asked({ say: (context) => void context.say('') });
  await call.until(10_000);
  expect(texts(call)).toEqual([ANSWER]);
  expect(call.problems.map(({ where }) => where)).toEqual(['tool look say']);
  await call.end();
});
