import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { realClock } from '../../../src/clock.ts';
import { AgentError } from '../../../src/errors.ts';
import { type Decode, openMoonshineStream } from '../../../src/providers/local/moonshine-stream.ts';
import type { SttResult, SttStream } from '../../../src/providers/stt.ts';

const PADDING = 3200;
const died = () => new AgentError('ERR_ENGINE', 'the worker died');
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

interface Call {
  readonly samples: Int16Array;
  readonly urgent: boolean;
  readonly signal: AbortSignal;
  answer(text: string): Promise<void>;
  fail(error: unknown): Promise<void>;
}

function openStream(more: { partials?: boolean; decode?: Decode } = {}) {
  const calls: Call[] = [];
  const results: SttResult[] = [];
  const failures: unknown[] = [];
  const decode: Decode = (samples, { urgent, signal }) =>
    new Promise((resolve, reject) => {
      calls.push({
        samples,
        urgent,
        signal,
        answer: (text) => {
          resolve(text);
          return settle();
        },
        fail: (error) => {
          reject(error);
          return settle();
        },
      });
    });
  const stop = new AbortController();
  const stream = openMoonshineStream(
    {
      clock: realClock,
      signal: stop.signal,
      report: (result) => results.push(result),
      fail: (error) => failures.push(error),
    },
    { decode: more.decode ?? decode, partials: more.partials ?? true, partialIntervalMs: 500 },
  );
  return { stream, calls, results, failures, stop };
}

/** Milliseconds of a tone in frames of 20 ms; `level` 0 is a pause. */
function speak(stream: SttStream, ms: number, level = 8000): void {
  for (let at = 0; at < ms; at += 20)
    stream.write({
      samples: new Int16Array(320).map((_, i) => level * Math.sin(i)),
      sampleRateHz: 16_000,
      channels: 1,
    });
}
const bytesOf = (pieces: readonly Int16Array[]) =>
  Buffer.concat(pieces.map((piece) => Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)));
const call = (calls: readonly Call[], index: number): Call => {
  const found = calls.at(index);
  if (found === undefined) throw new Error(`no decode ${index}`);
  return found;
};

describe('a stream of the embedded recogniser', () => {
  it('decodes the open utterance every 500 ms of audio, and all of it at its end, with silence around it', async () => {
    const { stream, calls, results } = openStream();
    stream.begin(1);
    speak(stream, 480);
    expect(calls).toHaveLength(0);
    speak(stream, 20);
    expect(call(calls, 0)).toMatchObject({ urgent: false });
    expect(call(calls, 0).samples.length).toBe(8000 + 2 * PADDING);
    await call(calls, 0).answer('what');
    speak(stream, 500);
    await call(calls, 1).answer('what time');
    stream.end(1);
    expect(call(calls, 2)).toMatchObject({ urgent: true });
    await call(calls, 2).answer('What time is it?');
    expect(results).toEqual([
      { type: 'partial', utterance: 1, text: 'what' },
      { type: 'partial', utterance: 1, text: 'what time' },
      { type: 'final', utterance: 1, text: 'What time is it?' },
    ]);
  });

  it('skips a partial while one is running, and reports none that says nothing new', async () => {
    const { stream, calls, results } = openStream();
    stream.begin(1);
    speak(stream, 2000);
    expect(calls).toHaveLength(1);
    await call(calls, 0).answer('hello');
    speak(stream, 20);
    await call(calls, 1).answer('hello');
    speak(stream, 500);
    await call(calls, 2).answer('');
    expect(results).toEqual([{ type: 'partial', utterance: 1, text: 'hello' }]);
  });

  it('cancels the partial when the utterance ends; its late answer is dropped', async () => {
    const { stream, calls, results } = openStream();
    stream.begin(1);
    speak(stream, 500);
    stream.end(1);
    expect(call(calls, 0).signal.aborted).toBe(true);
    await call(calls, 1).answer('done');
    await call(calls, 0).answer('late');
    expect(results).toEqual([{ type: 'final', utterance: 1, text: 'done' }]);
  });

  it('gives an empty final for noise', async () => {
    const { stream, calls, results } = openStream();
    stream.begin(4);
    speak(stream, 100, 0);
    stream.end(4);
    await call(calls, 0).answer('');
    expect(results).toEqual([{ type: 'final', utterance: 4, text: '' }]);
  });

  it('keeps several utterances open until each has its final', async () => {
    const { stream, calls, results } = openStream({ partials: false });
    for (const number of [1, 2, 3]) {
      stream.begin(number);
      speak(stream, 100);
      stream.end(number);
    }
    await call(calls, 2).answer('three');
    await call(calls, 0).answer('one');
    stream.discard(2);
    await call(calls, 1).answer('two');
    expect(results.map((result) => [result.utterance, result.text])).toEqual([
      [3, 'three'],
      [1, 'one'],
    ]);
  });

  it('discard cancels what runs, and the number may be used again by a replay', async () => {
    const { stream, calls, results } = openStream();
    stream.begin(1);
    speak(stream, 500);
    stream.discard(1);
    expect(call(calls, 0).signal.aborted).toBe(true);
    stream.begin(1);
    speak(stream, 60);
    stream.end(1);
    await call(calls, 1).answer('again');
    expect(results).toEqual([{ type: 'final', utterance: 1, text: 'again' }]);
  });

  it('decodes once more when the worker died, from the same audio', async () => {
    const { stream, calls, results, failures } = openStream();
    stream.begin(1);
    speak(stream, 300);
    stream.end(1);
    await call(calls, 0).fail(died());
    expect(call(calls, 1).samples).toEqual(call(calls, 0).samples);
    await call(calls, 1).answer('healed');
    expect([results, failures]).toEqual([[{ type: 'final', utterance: 1, text: 'healed' }], []]);
  });

  it('fails, once, when the second try dies too, and reports nothing afterwards', async () => {
    const { stream, calls, results, failures } = openStream({ partials: false });
    for (const number of [1, 2]) {
      stream.begin(number);
      speak(stream, 100);
      stream.end(number);
    }
    await call(calls, 0).fail(died());
    await call(calls, 2).fail(died());
    await call(calls, 1).answer('too late');
    expect(failures).toMatchObject([{ code: 'ERR_ENGINE', retryable: true }]);
    expect(results).toEqual([]);
  });

  it('survives a partial that dies, but not a model that is missing', async () => {
    const lost = openStream();
    lost.stream.begin(1);
    speak(lost.stream, 500);
    await call(lost.calls, 0).fail(died());
    speak(lost.stream, 500);
    expect([lost.calls.length, lost.failures]).toEqual([2, []]);
    const missing = openStream();
    missing.stream.begin(1);
    speak(missing.stream, 500);
    await call(missing.calls, 0).fail(new AgentError('ERR_MODEL_MISSING', 'no model'));
    expect(missing.failures).toMatchObject([{ code: 'ERR_MODEL_MISSING' }]);
  });

  it.each(['close', 'abort'] as const)('reports nothing after %s, however often it is closed', async (how) => {
    const { stream, calls, results, failures, stop } = openStream();
    stream.begin(1);
    speak(stream, 500);
    if (how === 'close') stream.close();
    else stop.abort();
    stream.close();
    await call(calls, 0).answer('late');
    speak(stream, 500);
    stream.end(1);
    stream.begin(2);
    expect([results, failures, calls.length]).toEqual([[], [], 1]);
  });

  it('refuses frames of another rate with a coded failure', () => {
    const { stream, failures } = openStream();
    stream.begin(1);
    stream.write({ samples: new Int16Array(480), sampleRateHz: 48_000, channels: 1 });
    expect(failures).toMatchObject([{ code: 'ERR_AUDIO_FRAME', field: 'sampleRateHz' }]);
  });

  it('ignores calls about utterances it does not know', async () => {
    const { stream, calls, results, failures } = openStream();
    speak(stream, 1000);
    stream.end(9);
    stream.discard(9);
    stream.begin(1);
    stream.end(2);
    await settle();
    expect([calls, results, failures]).toEqual([[], [], []]);
  });
});

describe('a pause', () => {
  it('is decoded at once, before whatever is not urgent, and not again while it lasts', async () => {
    const { stream, calls } = openStream();
    stream.begin(1);
    speak(stream, 300);
    speak(stream, 220, 0);
    expect(calls.filter(({ urgent }) => urgent)).toEqual([]);
    const before = calls.length;
    for (const { answer } of calls) await answer('so far');
    speak(stream, 20, 0);
    expect(call(calls, -1)).toMatchObject({ urgent: true });
    await call(calls, -1).answer('so far');
    speak(stream, 3000, 0);
    expect(calls).toHaveLength(before + 1);
  });

  it('that turns out to be the end has its final at once, from that decode', async () => {
    const { stream, calls, results } = openStream();
    stream.begin(1);
    speak(stream, 300);
    speak(stream, 300, 0);
    await call(calls, 0).answer('half'); // the regular partial, at 500 ms
    speak(stream, 20, 0);
    await call(calls, 1).answer('all of it');
    speak(stream, 200, 0);
    stream.end(1);
    await settle();
    expect(calls).toHaveLength(2);
    expect(results.at(-1)).toEqual({ type: 'final', utterance: 1, text: 'all of it' });
  });

  it('whose decode still runs at the end gives the final when it is done, and no partial', async () => {
    const { stream, calls, results } = openStream();
    stream.begin(1);
    speak(stream, 200);
    speak(stream, 240, 0);
    stream.end(1);
    expect([calls.length, call(calls, 0).signal.aborted]).toEqual([1, false]);
    await call(calls, 0).answer('done');
    expect(results).toEqual([{ type: 'final', utterance: 1, text: 'done' }]);
  });

  it('followed by more voice counts for nothing', async () => {
    const { stream, calls, results } = openStream();
    stream.begin(1);
    speak(stream, 200);
    speak(stream, 240, 0);
    await call(calls, 0).answer('first half');
    speak(stream, 40);
    stream.end(1);
    await call(calls, 1).answer('both halves');
    expect(results.at(-1)).toEqual({ type: 'final', utterance: 1, text: 'both halves' });
  });

  it('whose decode dies is decoded again at the end', async () => {
    const { stream, calls, results, failures } = openStream();
    stream.begin(1);
    speak(stream, 200);
    speak(stream, 240, 0);
    stream.end(1);
    await call(calls, 0).fail(died());
    await call(calls, 1).answer('healed');
    expect([results, failures]).toEqual([[{ type: 'final', utterance: 1, text: 'healed' }], []]);
  });

  it('before the first voice is not decoded', () => {
    const { stream, calls } = openStream();
    stream.begin(1);
    speak(stream, 480, 0);
    expect(calls).toHaveLength(0);
  });
});

describe('a long utterance', () => {
  it('is cut in a pause after 12 s, and its text is joined in order', async () => {
    const { stream, calls, results } = openStream({ partials: false });
    stream.begin(1);
    speak(stream, 9000);
    speak(stream, 500, 0);
    speak(stream, 4000);
    stream.end(1);
    const lengths = calls.map(({ samples }) => (samples.length - 2 * PADDING) / 16_000);
    expect(lengths[0]).toBeGreaterThan(9);
    expect(lengths[0]).toBeLessThan(9.5);
    await call(calls, 1).answer('second');
    await call(calls, 0).answer('first');
    expect(results).toEqual([{ type: 'final', utterance: 1, text: 'first second' }]);
  });

  it('without a pause is cut before 24 s', () => {
    const { stream, calls } = openStream({ partials: false });
    stream.begin(1);
    speak(stream, 60_000);
    stream.end(1);
    for (const { samples } of calls) expect(samples.length - 2 * PADDING).toBeLessThanOrEqual(24 * 16_000);
  });

  it('loses no sample and repeats none, wherever the pauses are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ ms: fc.integer({ min: 20, max: 9000 }), quiet: fc.boolean() }), {
          minLength: 1,
          maxLength: 12,
        }),
        (parts) => {
          const { stream, calls } = openStream({ partials: false });
          const written = parts.map(({ ms, quiet }, part) =>
            new Int16Array(ms * 16).map((_, i) => (quiet ? i % 2 : 1 + ((part * 977 + i) % 9000))),
          );
          stream.begin(1);
          for (const samples of written) stream.write({ samples, sampleRateHz: 16_000, channels: 1 });
          stream.end(1);
          const decoded = calls.map(({ samples }) => samples.subarray(PADDING, samples.length - PADDING));
          expect(Buffer.compare(bytesOf(decoded), bytesOf(written))).toBe(0);
        },
      ),
      { numRuns: 25 },
    );
  });
});
