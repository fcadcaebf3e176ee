import { describe, expect, test } from 'vitest';
import type { AnswerLatency } from '../../../src/cli/demo/demo-event.ts';
import { describeLatency, latencyBar, meanLatency, stagesOf, transcriptWait } from '../../../src/cli/demo/latency.ts';

const one: AnswerLatency = {
  endpointingMs: 600,
  transcriptionMs: 598,
  transcriptWaitMs: 90,
  firstTokenMs: 10,
  firstAudioMs: 100,
  toolsMs: 30,
  totalMs: 710,
};

describe('latency of an answer', () => {
  test('the stages add up to the total', () => {
    expect(stagesOf(one).map(({ label, ms }) => `${label} ${ms}`)).toEqual([
      'endpointing 510',
      'transcription 90',
      'model 10',
      'tools 30',
      'voice 70',
    ]);
    expect(stagesOf(one).reduce((sum, { ms }) => sum + ms, 0)).toBe(one.totalMs);
    expect(describeLatency(one)).toBe('710 ms = endpointing 510 + transcription 90 + model 10 + tools 30 + voice 70');
  });

  test('a stage that took no part is left out', () => {
    const typed = { ...one, endpointingMs: null, transcriptionMs: null, transcriptWaitMs: null, toolsMs: null };
    expect(stagesOf(typed).map(({ label }) => label)).toEqual(['model', 'voice']);
    expect(describeLatency({ ...one, totalMs: null })).toBe('nothing was heard');
  });

  test.each([
    ['the transcript came last', 700, 698, 510, 190],
    ['the silence came last', 1500, 700, 510, 0],
    ['both at once', 510, 509, 510, 0],
    ['the session took the speech as ended before its last voice', 300, 298, -20, 300],
  ])('waiting for the transcript: %s', (_what, endpointingMs, transcriptionMs, endedAfterMs, wait) => {
    expect(transcriptWait({ ...one, endpointingMs, transcriptionMs }, endedAfterMs)).toBe(wait);
  });

  test('means are taken over the turns that had the stage', () => {
    const mean = meanLatency([one, { ...one, toolsMs: null, totalMs: 910 }]);
    expect([mean.toolsMs, mean.totalMs]).toEqual([30, 810]);
    expect(meanLatency([]).totalMs).toBeNull();
  });

  test('the bar is in proportion, and every stage can be seen', () => {
    const bar = latencyBar(one, 40);
    expect(bar).toMatch(/^█+▓+▒+░+▄+$/);
    expect(Math.abs(bar.length - 40)).toBeLessThanOrEqual(3);
  });
});
