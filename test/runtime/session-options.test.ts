import { expect, test } from 'vitest';
import {
  parseSessionOptions,
  pipelineSettingsOf,
  sessionSettingsOf,
  turnDeadlineMsOf,
  turnSettingsOf,
} from '../../src/runtime/session-options.ts';

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
