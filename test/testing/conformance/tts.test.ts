import { describe, expect, it } from 'vitest';
import { nextLoopTurn } from '../../../src/clock.ts';
import type { Tts, TtsOpenOptions, TtsStream } from '../../../src/providers/tts.ts';
import { ttsConformance } from '../../../src/testing/conformance/tts.ts';

/** A Tts that keeps the contract: a mark and ten milliseconds of audio for each sentence. */
function honest(
  change: (stream: TtsStream, options: TtsOpenOptions) => Partial<TtsStream> = () => ({}),
  rateHz = 16_000,
): Tts {
  return {
    label: 'honest',
    capabilities: { sampleRateHz: rateHz, streaming: true },
    open: (options) => {
      let text = '';
      let said = 0;
      let state: 'open' | 'flushed' | 'closed' = 'open';
      const stop = () => {
        state = 'closed';
      };
      options.signal.addEventListener('abort', stop);
      if (options.signal.aborted) stop();
      const tell = (result: Parameters<typeof options.report>[0]) => {
        if (state !== 'closed') options.report(result);
      };
      const stream: TtsStream = {
        write: (piece) => {
          if (state === 'open') text += piece;
        },
        flush: () => {
          if (state !== 'open') return;
          state = 'flushed';
          void (async () => {
            await options.ready();
            for (const sentence of text.match(/[^.]*\.?/g) ?? []) {
              await nextLoopTurn();
              said += sentence.length;
              if (/[a-z]/i.test(sentence))
                tell({ type: 'audio', frame: { samples: new Int16Array(160), sampleRateHz: 16_000, channels: 1 } });
              tell({ type: 'mark', chars: said });
            }
            tell({ type: 'done' });
            stop();
          })();
        },
        close: stop,
      };
      return { ...stream, ...change(stream, options) };
    },
  };
}

const rules = (tts: Tts) => ttsConformance(() => tts, { settle: nextLoopTurn, maxSettles: 3000 });

async function broken(tts: Tts): Promise<string[]> {
  const names: string[] = [];
  for (const { rule, run } of rules(tts)) await run().catch(() => names.push(rule));
  return names;
}

/** An honest Tts whose reports pass through `change` on the way out. */
function reporting(
  change: (result: Parameters<TtsOpenOptions['report']>[0], report: TtsOpenOptions['report']) => void,
): Tts {
  const inner = honest();
  return {
    ...inner,
    open: (options) => inner.open({ ...options, report: (result) => change(result, options.report) }),
  };
}

const villains: readonly (readonly [rule: string, Tts])[] = [
  ['speaks mono audio at the rate it declares', honest(undefined, 24_000)],
  [
    'done comes once, last, and only after flush',
    reporting((result, report) => {
      report(result);
      if (result.type === 'done') report(result);
    }),
  ],
  [
    'marks grow, and the last one counts every character',
    reporting((result, report) => report(result.type === 'mark' ? { ...result, chars: 3 } : result)),
  ],
  [
    'a mark never comes before the audio it speaks of',
    (() => {
      const inner = honest();
      return {
        ...inner,
        open: (options) =>
          inner.open({
            ...options,
            report: (result) => {
              if (result.type === 'audio') options.report({ type: 'mark', chars: 1 });
              options.report(result);
            },
          }),
      };
    })(),
  ],
  [
    'the same text in other chunks gives the same marks',
    honest((stream, options) => {
      let writes = 0;
      return {
        write: (text) => {
          stream.write(text);
          if (text.length > 7 || text.length === 0 || writes++ > 3) return;
          options.report({ type: 'mark', chars: 0 });
        },
      };
    }),
  ],
  [
    'flush without text ends with done and no audio',
    honest((stream, options) => ({
      flush: () => {
        options.report({ type: 'audio', frame: { samples: new Int16Array(1), sampleRateHz: 16_000, channels: 1 } });
        stream.flush();
      },
    })),
  ],
  ['nothing is reported after close', honest(() => ({ close: () => {} }))],
  [
    'nothing is reported after the signal aborts',
    (() => {
      const inner = honest();
      return { ...inner, open: (options) => inner.open({ ...options, signal: new AbortController().signal }) };
    })(),
  ],
  [
    'a stream opened with an aborted signal stays silent',
    honest((stream, options) => ({
      flush: () => {
        if (options.signal.aborted) options.report({ type: 'done' });
        else stream.flush();
      },
    })),
  ],
  [
    'calls after the end are harmless',
    honest((stream, options) => {
      let flushes = 0;
      return {
        flush: () => {
          stream.flush();
          if (flushes++ > 0) options.report({ type: 'done' });
        },
      };
    }),
  ],
  [
    'a listener that is never ready holds audio back only, and close still works',
    honest((stream, options) => ({
      flush: () => {
        stream.flush();
        let ready = false;
        void options.ready().then(() => {
          ready = true;
        });
        void (async () => {
          for (let i = 0; i < 8; i++) await nextLoopTurn();
          if (!ready) options.fail(new Error('the listener is not ready'));
        })();
      },
    })),
  ],
  [
    'hostile text ends in done or in one failure, and never throws',
    honest((stream) => ({
      write: (text) => {
        encodeURIComponent(text); // throws at lone surrogates
        stream.write(text);
      },
    })),
  ],
  [
    'two open streams do not mix',
    (() => {
      const inner = honest();
      let shared: TtsStream | undefined;
      let users = 0;
      return {
        ...inner,
        open: (options) => {
          const stream = inner.open(options);
          users++;
          if (users === 3) shared = stream;
          return { ...stream, write: (text: string) => (shared ?? stream).write(text) };
        },
      };
    })(),
  ],
];

describe('the rules of a Tts', () => {
  it('hold for an honest one', async () => {
    expect(await broken(honest())).toEqual([]);
  });

  it('have one villain each', () => {
    expect(villains.map(([rule]) => rule)).toEqual(rules(honest()).map(({ rule }) => rule));
  });

  it.each(villains)('%s: a villain is caught', async (rule, villain) => {
    const found = rules(villain).find((candidate) => candidate.rule === rule);
    await expect(found?.run()).rejects.toThrow();
  });
});
