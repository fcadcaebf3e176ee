import { expect, test } from 'vitest';
import {
  mergeSessionOptions,
  parseSessionOptions,
  pipelineSettingsOf,
  sessionSettingsOf,
  turnDeadlineMsOf,
  turnSettingsOf,
} from '../../src/runtime/session-options.ts';
import { startTestCall } from '../../src/testing/index.ts';

test('nothing given means the documented defaults', () => {
  expect(parseSessionOptions(undefined)).toMatchObject({
    endpointing: { minDelayMs: 500, maxDelayMs: 1_500 },
    interruption: { enabled: true, minDurationMs: 500, minWords: 0, falseInterruptionMs: 2_000 },
    deadlines: {
      connectMs: 15_000,
      transcriptionMs: 5_000,
      firstTokenMs: 10_000,
      firstAudioMs: 5_000,
      closingMs: 1_000,
    },
    awayMs: 15_000,
    maxToolSteps: 3,
  });
});

test.each([
  ['a negative delay', { endpointing: { minDelayMs: -1 } }, 'endpointing.minDelayMs'],
  ['a delay that is no number', { endpointing: { minDelayMs: Number.NaN } }, 'endpointing.minDelayMs'],
  ['a wait of more than a day', { awayMs: 1e9 }, 'awayMs'],
  ['no deadline', { deadlines: { firstTokenMs: 0 } }, 'deadlines.firstTokenMs'],
  ['a gap shorter than pieces are counted', { deadlines: { tokenGapMs: 999 } }, 'deadlines.tokenGapMs'],
  ['a stall shorter than the position is looked at', { deadlines: { stallMs: 999 } }, 'deadlines.stallMs'],
  ['half a word', { interruption: { minWords: 0.5 } }, 'interruption.minWords'],
  ['a word for a boolean', { interruption: { enabled: 'no' } }, 'interruption.enabled'],
  ['more images than anybody can look at', { video: { silentFps: 30 } }, 'video.silentFps'],
  ['images too small to see', { video: { longestSidePx: 10 } }, 'video.longestSidePx'],
  ['no images at all', { video: { imagesPerTurn: 0 } }, 'video.imagesPerTurn'],
  ['a word for the audio', { audio: 'no' }, 'audio'],
  ['an unknown direction of the audio', { audio: { both: false } }, 'audio.both'],
  ['an apology without words', { fallbackMessage: '' }, 'fallbackMessage'],
  ['an unknown option', { endpoint: {} }, 'endpoint'],
])('%s is refused with its field', (_what, options, field) => {
  let thrown: unknown;
  try {
    parseSessionOptions(options);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toMatchObject({ code: 'ERR_OPTION' });
  expect(String((thrown as Error).message)).toContain(field);
});

test.each([
  [undefined, { input: true, output: true }],
  [true, { input: true, output: true }],
  [false, { input: false, output: false }],
  [{}, { input: true, output: true }],
  [{ input: false }, { input: false, output: true }],
])('audio: %o means %o', (audio, expected) => {
  expect(parseSessionOptions({ audio }).audio).toEqual(expected);
});

test('there is no video unless it is given, if only as an empty object', () => {
  expect(parseSessionOptions({}).video).toBeUndefined();
  expect(parseSessionOptions({ video: {} }).video).toMatchObject({ camera: true, screen: false, imagesPerTurn: 1 });
});

test('the session waits longer than its parts: every part gets the time to end by itself', () => {
  const options = parseSessionOptions({ maxToolSteps: 2, deadlines: { firstTokenMs: 7_000, tokenGapMs: 20_000 } });
  const { longestUtteranceMs, turnDeadlineMs, interruptedDeadlineMs } = sessionSettingsOf(options);
  expect(longestUtteranceMs).toBe(options.longestUtteranceMs + 1_000);
  expect(turnDeadlineMs).toBe(20_000);
  expect(turnDeadlineMsOf(options)).toBe(20_000);
  expect(interruptedDeadlineMs).toBe(100);
  expect(turnSettingsOf(options)).toMatchObject({ firstTokenMs: 7_000, maxSteps: 3 });
  const { progressMs, patienceMs } = pipelineSettingsOf(options);
  expect(progressMs + patienceMs).toBeLessThan(options.deadlines.transcriptionMs);
});

test.each<[what: string, base: object, own: object, merged: object]>([
  [
    'a group is joined key by key',
    { deadlines: { firstTokenMs: 20_000, closingMs: 2_000 }, awayMs: 1_000 },
    { deadlines: { closingMs: 0 } },
    { deadlines: { firstTokenMs: 20_000, closingMs: 0 }, awayMs: 1_000 },
  ],
  ['a value replaces a value', { voice: 'a', maxToolSteps: 1 }, { voice: 'b' }, { voice: 'b', maxToolSteps: 1 }],
  [
    'undefined is not given',
    { voice: 'a', interruption: { minWords: 2 } },
    { voice: undefined, interruption: undefined },
    { voice: 'a', interruption: { minWords: 2 } },
  ],
  [
    'and so it is in a group',
    { interruption: { minWords: 2 } },
    { interruption: { minWords: undefined } },
    { interruption: { minWords: 2 } },
  ],
  [
    'one direction of the audio',
    { audio: { input: false } },
    { audio: { output: false } },
    { audio: { input: false, output: false } },
  ],
  [
    'a boolean stands for both directions',
    { audio: false },
    { audio: { input: true } },
    { audio: { input: true, output: false } },
  ],
  ['and replaces both', { audio: { input: false } }, { audio: true }, { audio: { input: true, output: true } }],
  ['what was not given before', {}, { video: { screen: true } }, { video: { screen: true } }],
])('options of a session over those of the runtime: %s', (_what, base, own, merged) => {
  expect(mergeSessionOptions(base, own)).toEqual(merged);
});

test.each([5, [1], 'x'])('a group that is none is refused and not joined: %o', (bad) => {
  const merged = mergeSessionOptions({ deadlines: { closingMs: 0 } }, { deadlines: bad } as never);
  expect(() => parseSessionOptions(merged)).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }));
});

test('a session keeps the deadlines of its runtime that it does not name', async () => {
  const call = await startTestCall({
    runtime: { session: { deadlines: { firstTokenMs: 20_000 } } },
    options: { deadlines: { closingMs: 0 } },
    answers: { Hello: { text: 'Hi.', firstTokenMs: 15_000 } },
  });
  call.user.type('Hello');
  await call.until(17_000);
  expect(call.session.history.at(-1)).toMatchObject({ type: 'assistant', text: 'Hi.' });
  await call.end();
});
