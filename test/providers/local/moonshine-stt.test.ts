import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { realClock } from '../../../src/clock.ts';
import type { AgentError } from '../../../src/errors.ts';
import { inThreadSpeaker } from '../../../src/providers/local/flite-speaker.ts';
import { moonshineTiny } from '../../../src/providers/local/models/manifest.ts';
import { ensureModel } from '../../../src/providers/local/models/model-cache.ts';
import { type MoonshineStt, moonshineStt } from '../../../src/providers/local/moonshine-stt.ts';
import { engineModule } from '../../../src/providers/local/worker/engine.ts';
import { openEngineHost } from '../../../src/providers/local/worker/engine-host.ts';
import type { SttResult } from '../../../src/providers/stt.ts';
import { sttConformance } from '../../../src/testing/conformance/stt.ts';
import { VirtualClock } from '../../../src/testing/virtual-clock.ts';

const SENTENCE = 'The conference will begin when the leader arrives.';
/** Takes seconds to decode. */
const HANGS = { samples: Int16Array.from({ length: 400_000 }, (_, i) => 3000 * Math.sin(i / 5)) };
let speech: Int16Array;
beforeAll(async () => {
  await ensureModel(moonshineTiny);
  const speaker = await inThreadSpeaker();
  speech = (await speaker.speak(SENTENCE, 'rms', new AbortController().signal)).samples;
}, 180_000);

/** Plays `samples` at once and resolves to the final. */
function transcribe(stt: MoonshineStt, samples: Int16Array, afterEnd?: () => unknown): Promise<SttResult> {
  return new Promise((resolve, reject) => {
    const stream = stt.open({
      clock: realClock,
      signal: new AbortController().signal,
      fail: (error) => {
        stream.close();
        reject(error);
      },
      report: (result) => {
        if (result.type === 'final') resolve(result);
      },
    });
    stream.begin(1);
    stream.write({ samples, sampleRateHz: 16_000, channels: 1 });
    stream.end(1);
    afterEnd?.();
  });
}

describe.each(['wasm', 'native'] as const)('the embedded recogniser in %s', (engine) => {
  const stt = moonshineStt({ engine });
  beforeAll(() => stt.engines.start(), 60_000);
  afterAll(() => stt.engines.stop());

  it('hears a sentence', async () => {
    const { text } = await transcribe(stt, speech);
    expect(text.toLowerCase()).toContain('conference');
  });

  it('hears nothing in noise', async () => {
    const noise = Int16Array.from({ length: 48_000 }, (_, i) => 3000 * Math.sin(i * i * 0.37));
    expect((await transcribe(stt, noise)).text).toBe('');
  });

  it('loses no words of an utterance of a minute', async () => {
    const gap = 9600;
    const repeats = Math.ceil(960_000 / (speech.length + gap));
    const long = new Int16Array(repeats * (speech.length + gap));
    for (let i = 0; i < repeats; i++) long.set(speech, i * (speech.length + gap));
    const { text } = await transcribe(stt, long);
    expect(text.toLowerCase().match(/conference/g)?.length).toBe(repeats);
  }, 60_000);

  it('answers from the spare when the worker is killed in the middle of a decode, six times in a row', async () => {
    for (let round = 0; round < 6; round++) {
      const host = await stt.engines.sticky();
      const down = new Promise<AgentError>((resolve) => host.onDown(resolve));
      // A process is killed in the middle of the decode itself. A thread cannot be killed from outside, so a request
      // that hangs is put before the decode, and its deadline kills the thread while the decode waits.
      if (host.pid === undefined) host.request(HANGS, { deadlineMs: 50 }).catch(() => undefined);
      const heard = transcribe(stt, speech);
      if (host.pid !== undefined) process.kill(host.pid, 'SIGKILL');
      expect((await down).code).toBe('ERR_ENGINE');
      expect((await heard).text.toLowerCase()).toContain('conference');
    }
  }, 90_000);

  describe('keeps the contract', () => {
    const suite = () => sttConformance(() => stt, { speech });
    // The speech is made in beforeAll, so the rules are named from a suite without it.
    const names = sttConformance(() => stt, { speech: new Int16Array() }).map(({ rule }) => rule);
    it.each(names.map((name, index) => [name, index] as const))(
      '%s',
      async (_, index) => suite()[index]?.run(),
      60_000,
    );
  });
});

it.each([
  ['wasm', 'encoder', 'cut off'],
  ['wasm', 'tokens', 'nonsense'],
  ['native', 'encoder', 'cut off'],
  ['native', 'tokens', 'nonsense'],
] as const)('in %s a model whose %s file is %s is refused, and the process lives', async (runtime, file, how) => {
  const files = await ensureModel(moonshineTiny);
  const path = (name: string) => files.get(name) ?? '';
  const dir = await mkdtemp(join(tmpdir(), 'model-'));
  const bad = join(dir, 'bad');
  await writeFile(bad, how === 'nonsense' ? 'x y z' : (await readFile(path('encoder.onnx'))).subarray(0, 100_000));
  const good = { encoder: path('encoder.onnx'), decoder: path('decoder.onnx'), tokens: path('tokens.txt'), threads: 1 };
  const host = openEngineHost({
    label: 'moonshine',
    kind: runtime === 'wasm' ? 'thread' : 'process',
    module: engineModule(import.meta.url, '../../../src/providers/local/moonshine-engine'),
    clock: realClock,
    options: { ...good, runtime, [file]: bad },
  });
  await expect(host.ready).rejects.toMatchObject({ code: 'ERR_ENGINE' });
  await rm(dir, { recursive: true });
});

it('kills a wasm worker in the middle of a decode and the process lives', async () => {
  const stt = moonshineStt({ engine: 'wasm', spare: false });
  for (let round = 0; round < 6; round++) {
    const host = await stt.engines.sticky();
    const decode = host.request(HANGS, { deadlineMs: 50 });
    await expect(decode).rejects.toMatchObject({ code: 'ERR_ENGINE', retryable: true });
  }
  stt.engines.stop();
}, 90_000);

it('fails with what to do when the model is missing', async () => {
  const stt = moonshineStt({ models: { cacheDir: '/nonexistent/models', offline: true } });
  await expect(transcribe(stt, new Int16Array(16_000))).rejects.toMatchObject({
    code: 'ERR_MODEL_MISSING',
    fix: expect.stringContaining('models pull'),
  });
});

it('is refused under a virtual clock', () => {
  const failures: unknown[] = [];
  moonshineStt().open({
    clock: new VirtualClock(),
    signal: new AbortController().signal,
    report: () => undefined,
    fail: (error) => failures.push(error),
  });
  expect(failures).toMatchObject([{ code: 'ERR_REAL_IO' }]);
});

it.each([
  ['engine', 'gpu'],
  ['partialIntervalMs', 10],
  ['workers', 0],
])('refuses %s %s', (field, value) => {
  expect(() => moonshineStt({ [field]: value })).toThrow(expect.objectContaining({ code: 'ERR_OPTION', field }));
});
