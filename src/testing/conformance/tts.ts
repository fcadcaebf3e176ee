// The promises of the Tts contract as rules that any adapter can be run against.
import type { Tts, TtsOpenOptions, TtsResult, TtsStream } from '../../providers/tts.ts';
import {
  type ConformanceOptions,
  type ConformanceRule,
  HOSTILE_TEXTS,
  must,
  type Setting,
  settingOf,
  until,
} from './rule.ts';

const TEXT = 'Hello there. The weather in Paris is sunny today, with a light wind from the west. Shall I go on?';

interface Recording {
  readonly stream: TtsStream;
  readonly results: TtsResult[];
  readonly failures: unknown[];
  readonly abort: AbortController;
  ended(): boolean;
}

/**
 * Rules of the {@link Tts} contract. `make` gives a new adapter each time; run every rule, in any order.
 *
 * The text of the rules is English; an adapter that speaks other languages only will fail the first one.
 */
export function ttsConformance(make: () => Tts, options: ConformanceOptions = {}): readonly ConformanceRule[] {
  const setting = settingOf(options);
  const rule = (name: string, run: (tts: Tts) => Promise<void>): ConformanceRule => ({
    rule: name,
    run: async () => run(make()),
  });

  return [
    rule('speaks mono audio at the rate it declares', async (tts) => {
      const { results } = await spoken(setting, tts, [TEXT]);
      const frames = results.flatMap((result) => (result.type === 'audio' ? [result.frame] : []));
      must(samplesOf(results) > 0, 'no audio came for a plain English sentence');
      for (const frame of frames) {
        must(frame.samples instanceof Int16Array, 'samples must be an Int16Array');
        must(frame.channels === 1, `audio must be mono, got ${frame.channels} channels`);
        must(
          frame.sampleRateHz === tts.capabilities.sampleRateHz,
          `declared ${tts.capabilities.sampleRateHz} Hz, spoke at ${frame.sampleRateHz} Hz`,
        );
      }
    }),

    rule('done comes once, last, and only after flush', async (tts) => {
      const recording = record(setting, tts);
      recording.stream.write(TEXT);
      for (let i = 0; i < 4; i++) await setting.settle();
      must(!recording.ended(), 'the stream ended before flush');
      recording.stream.flush();
      await end(setting, recording);
      await setting.settle();
      const kinds = recording.results.map((result) => result.type);
      must(kinds.filter((kind) => kind === 'done').length === 1, 'done must come exactly once');
      must(kinds.at(-1) === 'done', `${kinds.at(-1)} came after done`);
    }),

    rule('marks grow, and the last one counts every character', async (tts) => {
      const { results } = await spoken(setting, tts, [TEXT, ' One more thing.\n']);
      const marks = marksOf(results);
      must(
        marks.every((mark, i) => i === 0 || mark >= (marks[i - 1] ?? 0)),
        `marks went backwards: ${marks.join(', ')}`,
      );
      must(marks.at(-1) === TEXT.length + 17, `the last mark is ${marks.at(-1)}, the text has ${TEXT.length + 17}`);
    }),

    rule('a mark never comes before the audio it speaks of', async (tts) => {
      const { results } = await spoken(setting, tts, [TEXT]);
      const firstMark = results.findIndex((result) => result.type === 'mark');
      const firstAudio = results.findIndex((result) => result.type === 'audio');
      must(firstMark > firstAudio, 'a mark came before any audio');
      const lastMark = results.findLastIndex((result) => result.type === 'mark');
      const lastAudio = results.findLastIndex((result) => result.type === 'audio');
      must(lastMark > lastAudio, 'audio came after the mark that counts all characters');
    }),

    rule('the same text in other chunks gives the same marks', async (tts) => {
      const whole = await spoken(setting, tts, [TEXT]);
      for (const size of [1, 7]) {
        const pieces = await spoken(setting, tts, chunked(TEXT, size));
        must(
          String(marksOf(pieces.results)) === String(marksOf(whole.results)),
          `chunks of ${size} gave marks ${marksOf(pieces.results)}, one chunk ${marksOf(whole.results)}`,
        );
      }
    }),

    rule('flush without text ends with done and no audio', async (tts) => {
      const { results } = await spoken(setting, tts, []);
      must(samplesOf(results) === 0, 'audio came although nothing was written');
    }),

    rule('nothing is reported after close', async (tts) => {
      for (const when of ['at once', 'at the first result'] as const) {
        const recording = record(setting, tts, when === 'at once' ? undefined : (self) => self.stream.close());
        recording.stream.write(TEXT);
        recording.stream.flush();
        if (when === 'at once') recording.stream.close();
        else await until(setting, () => recording.results.length > 0, 'the stream never reported anything');
        await quietAfter(setting, recording, `close ${when}`, when === 'at once' ? 0 : 1);
      }
    }),

    rule('nothing is reported after the signal aborts', async (tts) => {
      const recording = record(setting, tts, (self) => self.abort.abort());
      recording.stream.write(TEXT);
      recording.stream.flush();
      await until(setting, () => recording.results.length > 0, 'the stream never reported anything');
      await quietAfter(setting, recording, 'abort', 1);
    }),

    rule('a stream opened with an aborted signal stays silent', async (tts) => {
      const abort = new AbortController();
      abort.abort();
      const recording = record(setting, tts, undefined, { abort });
      recording.stream.write(TEXT);
      recording.stream.flush();
      await quietAfter(setting, recording, 'an abort before open', 0);
    }),

    rule('calls after the end are harmless', async (tts) => {
      const recording = await spoken(setting, tts, ['Hello.']);
      const before = recording.results.length;
      recording.stream.write('More.');
      recording.stream.flush();
      recording.stream.close();
      recording.stream.close();
      recording.stream.write('More.');
      await quietAfter(setting, recording, 'done', before);
    }),

    rule('a listener that is never ready holds audio back only, and close still works', async (tts) => {
      const recording = record(setting, tts, undefined, { ready: () => new Promise<void>(() => {}) });
      recording.stream.write(TEXT);
      recording.stream.flush();
      for (let i = 0; i < 4; i++) await setting.settle();
      recording.stream.close();
      await quietAfter(setting, recording, 'close');
    }),

    rule('hostile text ends in done or in one failure, and never throws', async (tts) => {
      for (const text of HOSTILE_TEXTS) {
        const recording = record(setting, tts);
        const shown = JSON.stringify(text.slice(0, 30));
        try {
          recording.stream.write(text);
          recording.stream.flush();
        } catch (thrown) {
          throw new Error(`${shown} made write or flush throw: ${String(thrown)}`);
        }
        await until(setting, recording.ended, `${shown} never ended`);
        const ends = recording.failures.length + recording.results.filter(({ type }) => type === 'done').length;
        must(ends === 1, `${shown} ended ${ends} times`);
        if (recording.failures.length === 0)
          must(
            (marksOf(recording.results).at(-1) ?? 0) === text.length,
            `${shown}: the marks do not count every character`,
          );
      }
    }),

    rule('two open streams do not mix', async (tts) => {
      const alone = await spoken(setting, tts, ['Good morning.']);
      const [first, second] = [record(setting, tts), record(setting, tts)];
      first.stream.write('Good ');
      second.stream.write(TEXT);
      first.stream.write('morning.');
      first.stream.flush();
      second.stream.flush();
      await Promise.all([end(setting, first), end(setting, second)]);
      must(String(marksOf(first.results)) === String(marksOf(alone.results)), 'the other stream changed the marks');
      must(samplesOf(first.results) > 0 && samplesOf(second.results) > 0, 'one of two streams said nothing');
    }),
  ];
}

function record(
  setting: Setting,
  tts: Tts,
  onFirst?: (self: Recording) => void,
  overrides: { readonly abort?: AbortController; readonly ready?: TtsOpenOptions['ready'] } = {},
): Recording {
  const results: TtsResult[] = [];
  const failures: unknown[] = [];
  const abort = overrides.abort ?? new AbortController();
  const stream = tts.open({
    clock: setting.clock,
    signal: abort.signal,
    ready: overrides.ready ?? (() => Promise.resolve()),
    report: (result) => {
      results.push(result);
      if (results.length === 1) onFirst?.(recording);
    },
    fail: (error) => failures.push(error),
  });
  const ended = () => failures.length > 0 || results.some((result) => result.type === 'done');
  const recording: Recording = { stream, results, failures, abort, ended };
  return recording;
}

async function spoken(setting: Setting, tts: Tts, pieces: readonly string[]): Promise<Recording> {
  const recording = record(setting, tts);
  for (const piece of pieces) recording.stream.write(piece);
  recording.stream.flush();
  await end(setting, recording);
  return recording;
}

async function end(setting: Setting, recording: Recording): Promise<void> {
  await until(setting, recording.ended, 'the stream never ended after flush');
  must(recording.failures.length === 0, `the stream failed: ${String(recording.failures[0])}`);
}

/** Fails when a result or a failure comes although the stream was told to stop. */
async function quietAfter(setting: Setting, { results, failures }: Recording, what: string, from = results.length) {
  for (let i = 0; i < 8; i++) await setting.settle();
  must(results.length === from, `${results.length - from} results came after ${what}`);
  must(failures.length === 0, `a failure came after ${what}`);
}

const marksOf = (results: readonly TtsResult[]) =>
  results.flatMap((result) => (result.type === 'mark' ? [result.chars] : []));

const samplesOf = (results: readonly TtsResult[]) =>
  results.reduce((sum, result) => sum + (result.type === 'audio' ? result.frame.samples.length : 0), 0);

function chunked(text: string, size: number): string[] {
  return Array.from({ length: Math.ceil(text.length / size) }, (_, i) => text.slice(i * size, (i + 1) * size));
}
