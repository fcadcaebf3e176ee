import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { realClock } from '../../../src/clock.ts';
import { sileroVad6 } from '../../../src/providers/local/models/manifest.ts';
import { ensureModel } from '../../../src/providers/local/models/model-cache.ts';
import { sileroVad } from '../../../src/providers/local/silero-vad.ts';
import type { VadEdge } from '../../../src/providers/vad.ts';
import { vadConformance } from '../../../src/testing/conformance/vad.ts';
import { VirtualClock } from '../../../src/testing/virtual-clock.ts';
import { syntheticVoice, toInt16 } from './synthetic-voice.ts';

const vad = sileroVad();
beforeAll(async () => {
  await ensureModel(sileroVad6);
  await vad.engines.start();
}, 120_000);
afterAll(() => vad.engines.stop());

describe('the embedded detector keeps the contract', () => {
  const speech = toInt16(syntheticVoice(16_000));
  for (const { rule, run } of vadConformance(() => vad, { speech })) it(rule, run);
});

function openStream(more: { clock?: VirtualClock } = {}) {
  const edges: VadEdge[] = [];
  const failures: unknown[] = [];
  let failed: () => void;
  const failure = new Promise<void>((resolve) => {
    failed = resolve;
  });
  const stream = vad.open({
    originMs: 0,
    speaking: false,
    sustainedAfterMs: 400,
    clock: more.clock ?? realClock,
    signal: new AbortController().signal,
    report: (edge) => edges.push(edge),
    fail: (error) => {
      failures.push(error);
      failed();
    },
  });
  return { stream, edges, failures, failure };
}

it('a killed worker fails the streams it had, and the next stream gets a new one', async () => {
  const { stream, failures, failure } = openStream();
  const host = await vad.engines.sticky();
  stream.write({ samples: new Int16Array(1024), sampleRateHz: 16_000, channels: 1 });
  await vad.engines.probe();
  const down = new Promise((resolve) => host.onDown(resolve));
  // More work than 20 ms allow: the deadline kills the worker in the middle of it.
  const tooMuch = { streams: new Array(20_000).fill(1_000_000), samples: new Int16Array(), closed: [] };
  await expect(host.request(tooMuch, { deadlineMs: 20 })).rejects.toMatchObject({ code: 'ERR_ENGINE' });
  await down;
  await failure;
  expect(failures).toMatchObject([{ code: 'ERR_ENGINE', retryable: true }]);
  expect((await vad.engines.sticky()).state).toBe('ready');
});

it('says how much it has not judged yet: all of a burst at first, nothing once it is through', async () => {
  const { stream } = openStream();
  expect(stream.pendingSamples).toBe(0);
  stream.write({ samples: new Int16Array(16_000), sampleRateHz: 16_000, channels: 1 });
  expect(stream.pendingSamples).toBe(31 * 512); // whole windows; the rest waits for more
  await expect.poll(() => stream.pendingSamples, { timeout: 10_000 }).toBe(0);
  stream.write({ samples: new Int16Array(16_000), sampleRateHz: 16_000, channels: 1 });
  stream.close();
  expect(stream.pendingSamples).toBe(0);
});

it('is refused under a virtual clock', () => {
  expect(openStream({ clock: new VirtualClock() }).failures).toMatchObject([{ code: 'ERR_REAL_IO' }]);
});

it('refuses frames of another rate with a coded failure', () => {
  const { stream, failures } = openStream();
  stream.write({ samples: new Int16Array(960), sampleRateHz: 48_000, channels: 1 });
  expect(failures).toMatchObject([{ code: 'ERR_AUDIO_FRAME' }]);
});

it.each([
  ['threshold', 1.5],
  ['minSpeechDurationMs', -1],
  ['maxSilenceDurationMs', Number.NaN],
])('refuses %s %s', (field, value) => {
  expect(() => sileroVad({ [field]: value })).toThrow(expect.objectContaining({ code: 'ERR_OPTION', field }));
});
