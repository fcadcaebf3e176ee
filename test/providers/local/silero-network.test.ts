import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { sileroVad6 } from '../../../src/providers/local/models/manifest.ts';
import { ensureModel } from '../../../src/providers/local/models/model-cache.ts';
import { loadSilero, newSileroState, SILERO_WINDOW } from '../../../src/providers/local/silero-network.ts';
import { syntheticVoice } from './synthetic-voice.ts';

let onnx: Buffer;
beforeAll(async () => {
  onnx = readFileSync((await ensureModel(sileroVad6)).get('silero_vad.onnx') ?? '');
}, 120_000);

// What onnxruntime gives for the model on this sound: silence, 22 windows of voice, silence.
const REFERENCE = [
  0.0017, 0.0069, 0.0089, 0.0079, 0.0059, 0.006, 0.0059, 0.0056, 0.944, 0.9662, 0.9818, 0.9982, 0.991, 0.9745, 0.6567,
  0.7882, 0.9984, 0.997, 0.9981, 0.9954, 0.9929, 0.9176, 0.3723, 0.8298, 0.9892, 0.9914, 0.9962, 0.978, 0.9776, 0.7851,
  0.2493, 0.063, 0.0271, 0.0179, 0.0152, 0.0139, 0.0135, 0.0135, 0.0136, 0.0137,
];

function windowsOf(samples: Float32Array): Float32Array[] {
  return Array.from({ length: samples.length / SILERO_WINDOW }, (_, i) =>
    samples.subarray(i * SILERO_WINDOW, (i + 1) * SILERO_WINDOW),
  );
}

describe('the detector network', () => {
  it('gives the probabilities of the reference implementation', () => {
    const network = loadSilero(onnx);
    const sound = syntheticVoice(SILERO_WINDOW * 40).map((value, i) =>
      i > SILERO_WINDOW * 8 && i < SILERO_WINDOW * 30 ? value : 0,
    );
    const state = newSileroState();
    const scores = windowsOf(sound).map((window) => network(window, state));
    scores.forEach((score, i) => {
      expect(score, `window ${i}`).toBeCloseTo(REFERENCE[i] ?? Number.NaN, 3);
    });
  });

  it('keeps what it remembers in the state alone: interleaved streams do not disturb each other', () => {
    const network = loadSilero(onnx);
    const windows = windowsOf(syntheticVoice(SILERO_WINDOW * 10));
    const alone = newSileroState();
    const expected = windows.map((window) => network(window, alone));
    const [one, other] = [newSileroState(), newSileroState()];
    const noise = Float32Array.from({ length: SILERO_WINDOW }, (_, i) => Math.sin(i * i) / 3);
    const scores = windows.map((window) => {
      network(noise, other);
      return network(window, one);
    });
    expect(scores).toEqual(expected);
  });

  it.each([
    ['cut off', (good: Buffer) => good.subarray(0, good.length / 2)],
    ['empty', () => Buffer.alloc(0)],
    ['something else', () => Buffer.from('<html>not found</html>')],
  ])('refuses a file that is %s', (_, spoil) => {
    expect(() => loadSilero(spoil(onnx))).toThrow(expect.objectContaining({ code: 'ERR_MODEL_CORRUPT' }));
  });
});
