// The contract of speech to text as rules that every adapter must pass.
import type { Stt, SttResult, SttStream } from '../../providers/stt.ts';
import { type ConformanceOptions, type ConformanceRule, must, settingOf, until } from './rule.ts';
import { framesOf, seen, stayQuiet } from './speech-frames.ts';

export interface SttConformanceOptions extends ConformanceOptions {
  /** An utterance the adapter hears something in: 16 kHz mono, at least 1 s. */
  readonly speech: Int16Array;
}

/** Rules of the {@link Stt} contract. `make` gives a new adapter each time; run every rule, in any order. */
export function sttConformance(make: () => Stt, options: SttConformanceOptions): readonly ConformanceRule[] {
  const setting = settingOf(options);

  async function open() {
    const stt = make();
    const results: SttResult[] = [];
    const failures: unknown[] = [];
    const stop = new AbortController();
    const stream = stt.open({
      clock: setting.clock,
      signal: stop.signal,
      report: (result) => results.push(result),
      fail: (error) => failures.push(error),
    });
    const finals = () => results.filter((result) => result.type === 'final');
    const finalsAre = async (numbers: readonly number[]) => {
      await until(
        setting,
        () => finals().length >= numbers.length || failures.length > 0,
        `expected finals of ${numbers.join(', ')}`,
      );
      await stayQuiet(setting);
      must(failures.length === 0, seen('the stream must not fail', failures.map(String)));
      const closed = finals()
        .map((final) => final.utterance)
        .sort((a, b) => a - b);
      must(String(closed) === String(numbers), seen(`expected one final each for ${numbers.join(', ')}`, results));
    };
    return { stt, stream, results, failures, stop, finals, finalsAre };
  }

  const say = (stream: SttStream, utterance: number) => {
    stream.begin(utterance);
    for (const frame of framesOf(options.speech)) stream.write(frame);
    stream.end(utterance);
  };

  const rule = (name: string, check: (opened: Awaited<ReturnType<typeof open>>) => Promise<void>): ConformanceRule => ({
    rule: name,
    run: async () => {
      const opened = await open();
      try {
        await check(opened);
      } finally {
        opened.stream.close();
      }
    },
  });

  return [
    rule(
      'an utterance has exactly one final, also when it is played faster than real time',
      async ({ stream, finals, finalsAre }) => {
        say(stream, 7);
        await finalsAre([7]);
        must(finals()[0]?.text.trim() !== '', seen('speech must give text', finals()));
      },
    ),
    rule(
      'partials come only where they are announced, and before the final',
      async ({ stt, stream, results, finalsAre }) => {
        stream.begin(1);
        for (const frame of framesOf(options.speech)) {
          stream.write(frame);
          await setting.settle();
        }
        stream.end(1);
        await finalsAre([1]);
        const partials = results.slice(0, -1);
        must(results.at(-1)?.type === 'final', seen('the final must be the last result', results));
        must(
          partials.every((result) => result.type === 'partial'),
          seen('only partials come before the final', results),
        );
        must(stt.capabilities.partials || partials.length === 0, seen('partials were not announced', results));
      },
    ),
    rule('utterances may be open at the same time', async ({ stream, finalsAre }) => {
      for (const utterance of [1, 2, 3]) say(stream, utterance);
      await finalsAre([1, 2, 3]);
    }),
    rule('an utterance without audio has an empty final', async ({ stream, finals, finalsAre }) => {
      stream.begin(1);
      stream.end(1);
      await finalsAre([1]);
      must(finals()[0]?.text.trim() === '', seen('nothing was said', finals()));
    }),
    rule('silence has an empty final', async ({ stream, finals, finalsAre }) => {
      stream.begin(1);
      for (const frame of framesOf(new Int16Array(16_000))) stream.write(frame);
      stream.end(1);
      await finalsAre([1]);
      must(finals()[0]?.text.trim() === '', seen('nothing was said', finals()));
    }),
    rule(
      'a discarded utterance reports nothing more, and the next one works',
      async ({ stream, results, finalsAre }) => {
        stream.begin(1);
        for (const frame of framesOf(options.speech)) stream.write(frame);
        stream.discard(1);
        const before = results.length;
        await stayQuiet(setting);
        must(results.length === before, seen('nothing comes after discard', results));
        say(stream, 2);
        await finalsAre([2]);
      },
    ),
    rule('the number of a discarded utterance may be played again', async ({ stream, finalsAre }) => {
      stream.begin(1);
      stream.discard(1);
      say(stream, 1);
      await finalsAre([1]);
    }),
    rule('close is final and may be repeated', async ({ stream, results, failures }) => {
      say(stream, 1);
      stream.close();
      stream.close();
      say(stream, 2);
      await stayQuiet(setting);
      must(results.length === 0 && failures.length === 0, seen('a closed stream is silent', results));
    }),
    rule('an aborted signal closes the stream', async ({ stream, results, failures, stop }) => {
      say(stream, 1);
      stop.abort();
      say(stream, 2);
      await stayQuiet(setting);
      must(results.length === 0 && failures.length === 0, seen('an aborted stream is silent', results));
    }),
    rule('calls about unknown utterances are ignored', async ({ stream, finalsAre }) => {
      stream.end(40);
      stream.discard(41);
      say(stream, 1);
      await finalsAre([1]);
    }),
    rule('a frame of a wrong format does not throw', async ({ stream }) => {
      stream.begin(1);
      stream.write({ samples: new Int16Array(7), sampleRateHz: 48_000, channels: 1 });
    }),
  ];
}
