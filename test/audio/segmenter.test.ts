import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type SegmenterOptions, SpeechSegmenter } from '../../src/audio/segmenter.ts';
import type { VadEdge } from '../../src/providers/vad.ts';

const WINDOW_MS = 20;
const WINDOW = 320;

function setup(options: Partial<SegmenterOptions> = {}) {
  const edges: VadEdge[] = [];
  const segmenter = new SpeechSegmenter({
    originMs: 1000,
    threshold: 0.5,
    minSpeechDurationMs: 100,
    maxSilenceDurationMs: 200,
    sustainedAfterMs: 300,
    report: (edge) => void edges.push(edge),
    ...options,
  });
  /** Rows of [score, milliseconds]. */
  const feed = (...rows: Array<[number, number]>) => {
    for (const [score, ms] of rows) for (let t = 0; t < ms; t += WINDOW_MS) segmenter.push(score, WINDOW);
    return edges;
  };
  return { segmenter, edges, feed };
}

describe('SpeechSegmenter', () => {
  it('reports an utterance with the times of its audio', () => {
    const { feed } = setup();
    expect(feed([0, 100], [1, 400], [0, 300])).toEqual([
      { type: 'started', startedAtMs: 1100 },
      { type: 'sustained', atMs: 1400 },
      { type: 'ended', lastVoiceAtMs: 1500 },
    ]);
  });

  it('reports the start only after enough voice, dated back to the first of it', () => {
    const { feed } = setup();
    expect(feed([0, 40], [1, 80])).toEqual([]);
    expect(feed([1, 20])).toEqual([{ type: 'started', startedAtMs: 1040 }]);
  });

  it('reports nothing for a noise that is too short', () => {
    expect(setup().feed([1, 80], [0, 2000])).toEqual([]);
  });

  it('does not add up clicks that are further apart than a stop consonant', () => {
    expect(
      setup().feed(
        ...Array.from({ length: 20 }, () => [[1, 20] as [number, number], [0, 120] as [number, number]]).flat(),
      ),
    ).toEqual([]);
  });

  it('takes a stop consonant inside the onset for part of it', () => {
    expect(setup().feed([1, 60], [0, 80], [1, 40])).toEqual([{ type: 'started', startedAtMs: 1000 }]);
  });

  it('keeps the voice down to the threshold less 0.15 and no further', () => {
    expect(setup().feed([0.5, 20], [0.36, 200], [0.34, 200]).at(-1)).toEqual({ type: 'ended', lastVoiceAtMs: 1220 });
    expect(setup().feed([0.45, 1000])).toEqual([]);
  });

  it('counts sustained in voiced samples of this utterance alone', () => {
    const { feed } = setup();
    feed([1, 200], [0, 180], [1, 80], [0, 180]);
    expect(feed()).not.toContainEqual(expect.objectContaining({ type: 'sustained' }));
    expect(feed([1, 20]).at(-1)).toEqual({ type: 'sustained', atMs: 1660 });
    expect(feed([0, 200], [1, 280]).filter(({ type }) => type === 'sustained').length).toBe(1);
  });

  it('discards an utterance that was told early and had too little voice', () => {
    const { feed } = setup({ startedAfterMs: 40 });
    expect(feed([1, 60], [0, 200])).toEqual([{ type: 'started', startedAtMs: 1000 }, { type: 'discarded' }]);
    expect(feed([1, 100], [0, 200]).at(-1)).toEqual({ type: 'ended', lastVoiceAtMs: 1360 });
  });

  it('ends an utterance that was open before it began', () => {
    expect(setup({ speaking: true }).feed([0, 200])).toEqual([{ type: 'ended', lastVoiceAtMs: 1000 }]);
    expect(setup({ speaking: true }).feed([1, 40], [0, 200])).toEqual([{ type: 'ended', lastVoiceAtMs: 1040 }]);
  });

  it('tells sustained again for an open utterance, never its start', () => {
    expect(setup({ speaking: true }).feed([1, 300])).toEqual([{ type: 'sustained', atMs: 1300 }]);
  });

  it('takes a score that is not a number for silence', () => {
    expect(setup().feed([Number.NaN, 1000])).toEqual([]);
  });

  it('reports every window as voice at threshold 0', () => {
    expect(
      setup({ threshold: 0 })
        .feed([0, 1000])
        .map(({ type }) => type),
    ).toEqual(['started', 'sustained']);
  });

  it('keeps the order of edges and of times for any scores', () => {
    const rows = fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 1, max: 40 })), {
      maxLength: 60,
    });
    const ms = fc.integer({ min: 0, max: 400 });
    fc.assert(
      fc.property(rows, ms, ms, ms, ms, fc.boolean(), (scores, min, started, silence, sustained, speaking) => {
        const { feed } = setup({
          minSpeechDurationMs: min,
          startedAfterMs: started,
          maxSilenceDurationMs: silence,
          sustainedAfterMs: sustained,
          speaking,
        });
        const edges = feed(...scores.map(([score, windows]): [number, number] => [score, windows * WINDOW_MS]));
        let open = speaking;
        let wasSustained = false;
        let lastMs = 1000;
        for (const edge of edges) {
          expect(open).toBe(edge.type !== 'started');
          if (edge.type === 'sustained') expect(wasSustained).toBe(false);
          wasSustained = edge.type === 'sustained' || (wasSustained && edge.type !== 'started');
          open = edge.type === 'started' || edge.type === 'sustained';
          if (!open) wasSustained = false;
          const atMs =
            'startedAtMs' in edge
              ? edge.startedAtMs
              : 'atMs' in edge
                ? edge.atMs
                : 'lastVoiceAtMs' in edge
                  ? edge.lastVoiceAtMs
                  : lastMs;
          expect(atMs).toBeGreaterThanOrEqual(lastMs);
          lastMs = atMs;
        }
      }),
    );
  });
});
