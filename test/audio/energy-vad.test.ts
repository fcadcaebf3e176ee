import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SimpleEnergyVad, type SimpleEnergyVadOptions } from '../../src/audio/energy-vad.ts';
import type { AudioFrame } from '../../src/audio/frame.ts';
import type { Vad, VadEdge, VadOpenOptions } from '../../src/providers/vad.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';

const RATE = 16_000;

/** A generator of seconds of audio; each keeps its own phase. */
type Source = (index: number) => number;

/** Noise with a flat spectrum and a level in dBFS, the same in every run. */
function whiteNoise(levelDb: number): Source {
  let state = 1;
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const amplitude = 32_768 * 10 ** (levelDb / 20);
  return () => amplitude * Math.sqrt(-2 * Math.log(next() + 1e-12)) * Math.cos(2 * Math.PI * next());
}

function hum(levelDb: number): Source {
  const amplitude = 32_768 * 10 ** (levelDb / 20);
  return (i) => amplitude * (Math.sin((2 * Math.PI * 50 * i) / RATE) + 0.5 * Math.sin((2 * Math.PI * 150 * i) / RATE));
}

/** Like speech: harmonics of 120 Hz under a formant at 600 Hz, four syllables a second with a closure of 60 ms between them. */
function speech(levelDb: number): Source {
  const harmonics = Array.from({ length: 20 }, (_, h) => ({
    hz: 120 * (h + 1),
    gain: 1 / (1 + ((120 * (h + 1) - 600) / 400) ** 2),
  }));
  const power = harmonics.reduce((sum, { gain }) => sum + gain * gain, 0) / 2;
  const amplitude = (32_768 * 10 ** (levelDb / 20)) / Math.sqrt(power);
  return (i) => {
    const inSyllable = (i % 4000) / 4000;
    if (inSyllable > 0.76) return 0;
    const envelope = Math.sin((Math.PI * inSyllable) / 0.76);
    return (
      amplitude *
      envelope *
      harmonics.reduce((sum, { hz, gain }) => sum + gain * Math.sin((2 * Math.PI * hz * i) / RATE), 0)
    );
  };
}

/** Plays rows of [seconds, source] over a background. */
function mix(rows: Array<[number, Source]>, background: Source = () => 0): Int16Array {
  const samples = new Int16Array(Math.round(rows.reduce((sum, [seconds]) => sum + seconds, 0) * RATE));
  let at = 0;
  for (const [seconds, source] of rows)
    for (let i = 0; i < Math.round(seconds * RATE); i++, at++)
      samples[at] = Math.max(-32_768, Math.min(32_767, Math.round(source(i) + background(at))));
  return samples;
}

const silence: Source = () => 0;

function open(options: SimpleEnergyVadOptions = {}, openOptions: Partial<VadOpenOptions> = {}) {
  const edges: VadEdge[] = [];
  const failures: unknown[] = [];
  const vad: Vad = new SimpleEnergyVad(options);
  const stream = vad.open({
    originMs: 0,
    speaking: false,
    sustainedAfterMs: 500,
    clock: new VirtualClock(),
    signal: new AbortController().signal,
    report: (edge) => void edges.push(edge),
    fail: (error) => void failures.push(error),
    ...openOptions,
  });
  const write = (samples: Int16Array, frameLength = 320) => {
    for (let at = 0; at < samples.length; at += frameLength)
      stream.write({ samples: samples.slice(at, at + frameLength), sampleRateHz: RATE, channels: 1 });
    return edges;
  };
  return { stream, edges, failures, write };
}

const types = (edges: VadEdge[]) => edges.map(({ type }) => type);

describe('SimpleEnergyVad', () => {
  it.each([-10, -20, -30, -40, -50])('hears speech at %d dBFS in a silent room, with its times', (levelDb) => {
    const edges = open().write(
      mix([
        [1, silence],
        [2, speech(levelDb)],
        [1, silence],
      ]),
    );
    expect(types(edges)).toEqual(['started', 'sustained', 'ended']);
    expect(edges[0]).toEqual({ type: 'started', startedAtMs: expect.closeTo(1000, -2) });
    expect(edges[2]).toEqual({ type: 'ended', lastVoiceAtMs: expect.closeTo(2940, -2) });
  });

  it.each([30, 20, 15, 10])('hears speech %d dB above white noise, each utterance once', (snrDb) => {
    const noise = whiteNoise(-25 - snrDb);
    const { write, edges } = open();
    write(mix([[3, noise]]));
    edges.length = 0;
    write(
      mix(
        [
          [2, speech(-25)],
          [2, silence],
          [1, speech(-25)],
          [2, silence],
        ],
        noise,
      ),
    );
    expect(types(edges)).toEqual(['started', 'sustained', 'ended', 'started', 'sustained', 'ended']);
  });

  it('hears speech that begins with the call', () => {
    expect(
      types(
        open().write(
          mix([
            [1, speech(-25)],
            [1, silence],
          ]),
        ),
      ),
    ).toEqual(['started', 'sustained', 'ended']);
  });

  it('hears a long speech as one utterance', () => {
    const edges = open().write(
      mix(
        [
          [30, speech(-25)],
          [1, silence],
        ],
        whiteNoise(-55),
      ),
    );
    expect(types(edges)).toEqual(['started', 'sustained', 'ended']);
  });

  it('ends an utterance when the voice stops in a room that is loud', () => {
    const noise = whiteNoise(-40);
    const { write } = open();
    write(mix([[3, noise]]));
    const edges = write(
      mix(
        [
          [1.5, speech(-20)],
          [0.8 + 0.2, silence],
        ],
        noise,
      ),
    );
    expect(edges.at(-1)?.type).toBe('ended');
  });

  it.each([
    ['white noise', whiteNoise(-30)],
    ['loud white noise', whiteNoise(-12)],
    ['mains hum', hum(-20)],
    ['a constant offset', () => 12_000],
  ])('reports nothing in a minute of %s once it has adapted', (_, background) => {
    const { write, edges } = open();
    write(mix([[3, background]]));
    expect(edges.at(-1)?.type ?? 'ended').toBe('ended');
    edges.length = 0;
    expect(write(mix([[60, background]]))).toEqual([]);
  });

  it('gets used to noise that begins in the call within 3 s', () => {
    const { write } = open();
    write(mix([[2, silence]]));
    const edges = write(mix([[3, whiteNoise(-30)]]));
    expect(edges.at(-1)).toEqual({ type: 'ended', lastVoiceAtMs: expect.any(Number) });
    expect(types(write(mix([[1, speech(-10)]], whiteNoise(-30)))).at(-1)).toBe('sustained');
  });

  it('hears speech over hum and over an offset', () => {
    for (const background of [hum(-35), () => 12_000]) {
      const { write, edges } = open();
      write(mix([[3, background]]));
      edges.length = 0;
      expect(
        types(
          write(
            mix(
              [
                [1, speech(-25)],
                [1, silence],
              ],
              background,
            ),
          ),
        ),
      ).toEqual(['started', 'sustained', 'ended']);
    }
  });

  it.each([
    ['silence', silence],
    ['the noise of the last bit', (i: number) => (i * 7919) % 2],
    ['an idle microphone', whiteNoise(-70)],
  ])('reports nothing in %s', (_, source) => {
    expect(open().write(mix([[20, source]]))).toEqual([]);
  });

  it('reports nothing for a knock, and nothing for knocks', () => {
    const knock: Array<[number, Source]> = [
      [0.05, whiteNoise(-10)],
      [0.5, silence],
    ];
    expect(open().write(mix([[1, silence], ...Array.from({ length: 10 }, () => knock).flat()]))).toEqual([]);
  });

  it('hears less with a higher threshold', () => {
    const rows: Array<[number, Source]> = [
      [1, silence],
      [2, speech(-52)],
      [1, silence],
    ];
    expect(open({ threshold: 0.1 }).write(mix(rows)).length).toBe(3);
    expect(open({ threshold: 1 }).write(mix(rows))).toEqual([]);
  });

  it('keeps its durations', () => {
    const short = mix([
      [1, silence],
      [0.13, speech(-20)],
      [2, silence],
    ]);
    expect(open().write(short)).toEqual([]);
    expect(types(open({ minSpeechDurationMs: 100 }).write(short))).toEqual(['started', 'ended']);
    const gap = mix([
      [1, silence],
      [1, speech(-20)],
      [0.6, silence],
      [1, speech(-20)],
      [2, silence],
    ]);
    expect(types(open().write(gap)).filter((type) => type === 'ended').length).toBe(1);
    expect(types(open({ maxSilenceDurationMs: 300 }).write(gap)).filter((type) => type === 'ended').length).toBe(2);
  });

  it('ends an utterance that was open before it began', () => {
    const edges = open({}, { speaking: true, originMs: 5000 }).write(mix([[1, silence]]));
    expect(edges).toEqual([{ type: 'ended', lastVoiceAtMs: 5000 }]);
  });

  it('reports the same edges however the audio is cut into frames', () => {
    const samples = mix(
      [
        [0.5, silence],
        [1, speech(-20)],
        [1, silence],
        [0.6, speech(-30)],
        [1, silence],
      ],
      whiteNoise(-60),
    );
    const whole = open().write(samples, samples.length);
    expect(whole.length).toBeGreaterThanOrEqual(4);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), (length) => {
        expect(open().write(samples, length)).toEqual(whole);
      }),
      { numRuns: 30 },
    );
  });

  it('survives any samples', () => {
    fc.assert(
      fc.property(fc.int16Array({ maxLength: 4000 }), (samples) => {
        const { write, failures } = open();
        write(samples, 333);
        expect(failures).toEqual([]);
      }),
    );
  });

  it('is silent after close and after an abort', () => {
    const voice = mix([
      [0.5, silence],
      [1, speech(-20)],
    ]);
    const { stream, write } = open();
    stream.close();
    stream.close();
    expect(write(voice)).toEqual([]);
    const controller = new AbortController();
    const aborted = open({}, { signal: controller.signal });
    controller.abort();
    expect(aborted.write(voice)).toEqual([]);
    expect(open({}, { signal: controller.signal }).write(voice)).toEqual([]);
  });

  it('fails once, without throwing, when a frame is malformed or the listener throws', () => {
    const { stream, failures } = open();
    const bad: AudioFrame = { samples: new Int16Array(3), sampleRateHz: RATE, channels: 2 };
    stream.write(bad);
    stream.write(bad);
    expect(failures).toMatchObject([{ code: 'ERR_AUDIO_FRAME' }]);
    const thrown = new Error('listener');
    const throwing = open(
      {},
      {
        report: () => {
          throw thrown;
        },
      },
    );
    throwing.write(
      mix([
        [0.5, silence],
        [1, speech(-20)],
      ]),
    );
    expect(throwing.failures).toEqual([thrown]);
  });

  it.each([
    ['threshold', { threshold: 1.1 }],
    ['threshold', { threshold: Number.NaN }],
    ['minSpeechDurationMs', { minSpeechDurationMs: -1 }],
    ['maxSilenceDurationMs', { maxSilenceDurationMs: 10_001 }],
  ])('refuses a bad %s', (field, options) => {
    expect(() => new SimpleEnergyVad(options)).toThrow(expect.objectContaining({ code: 'ERR_OPTION', field }));
  });
});
