// The contract of voice activity detection as rules that every adapter must pass.
import type { Vad, VadEdge } from '../../providers/vad.ts';
import { type ConformanceOptions, type ConformanceRule, must, settingOf, until } from './rule.ts';
import { framesOf, seen, stayQuiet } from './speech-frames.ts';

export interface VadConformanceOptions extends ConformanceOptions {
  /** Voice from its first to its last sample: 16 kHz mono, 1 to 3 s, without a pause the adapter would take for an end. */
  readonly speech: Int16Array;
  /** How far `startedAtMs` and `lastVoiceAtMs` may lie from the truth. Default 150 ms. */
  readonly toleranceMs?: number;
}

/** Clock time of the first sample: odd, so that an adapter which forgets it is seen. */
const ORIGIN_MS = 1_000_003;
/** Before the voice: time for an adaptive detector to learn the room. */
const LEAD_MS = 1500;
/** After the voice: longer than any default silence. */
const TAIL_MS = 2000;
const SUSTAINED_MS = 400;
const SILENCE_MS = 2000;

/** Rules of the {@link Vad} contract. `make` gives a new adapter each time; run every rule, in any order. */
export function vadConformance(make: () => Vad, options: VadConformanceOptions): readonly ConformanceRule[] {
  const setting = settingOf(options);
  const { speech, toleranceMs = 150 } = options;
  const voiceFrom = ORIGIN_MS + LEAD_MS;
  const voiceTo = voiceFrom + speech.length / 16;

  async function open(more: { speaking?: boolean; vad?: Vad } = {}) {
    const vad = more.vad ?? make();
    const edges: VadEdge[] = [];
    const failures: unknown[] = [];
    const stop = new AbortController();
    const stream = vad.open({
      originMs: ORIGIN_MS,
      speaking: more.speaking ?? false,
      sustainedAfterMs: SUSTAINED_MS,
      clock: setting.clock,
      signal: stop.signal,
      report: (edge) => edges.push(edge),
      fail: (error) => failures.push(error),
    });
    const play = (samples: Int16Array, frameMs = 20) => {
      for (const frame of framesOf(samples, frameMs)) stream.write(frame);
    };
    const over = async () => {
      const isOver = () => edges.some((edge) => edge.type === 'ended' || edge.type === 'discarded');
      await until(setting, () => isOver() || failures.length > 0, 'expected the end of speech');
      await stayQuiet(setting);
      must(failures.length === 0, seen('the stream must not fail', failures.map(String)));
    };
    return { vad, stream, edges, failures, stop, play, over };
  }
  type Opened = Awaited<ReturnType<typeof open>>;

  const rule = (name: string, check: (opened: Opened) => Promise<void>, speaking = false): ConformanceRule => ({
    rule: name,
    run: async () => {
      const opened = await open({ speaking });
      try {
        await check(opened);
      } finally {
        opened.stream.close();
      }
    },
  });

  const call = spoken(speech);
  const near = (seen: number, truth: number) => Math.abs(seen - truth) <= toleranceMs;

  return [
    rule('silence has no edges', async ({ edges, play, over }) => {
      play(new Int16Array(16 * SILENCE_MS));
      // The edges of a voice behind it: whatever time a detector takes, it has heard the silence before them.
      play(call);
      await over();
      const [first] = edges;
      must(
        first?.type === 'started' && near(first.startedAtMs, voiceFrom + SILENCE_MS),
        seen(`nobody spoke before ${voiceFrom + SILENCE_MS}`, edges),
      );
    }),
    rule(
      'an utterance is started, sustained and ended, each once, at the times of the audio',
      async ({ edges, play, over }) => {
        play(call);
        await over();
        const types = edges.map((edge) => edge.type).join();
        must(types === 'started,sustained,ended', seen('expected started, sustained, ended', edges));
        for (const edge of edges) {
          if (edge.type === 'started')
            must(near(edge.startedAtMs, voiceFrom), seen(`the voice starts at ${voiceFrom}`, edge));
          if (edge.type === 'ended')
            must(near(edge.lastVoiceAtMs, voiceTo), seen(`the voice ends at ${voiceTo}`, edge));
          if (edge.type === 'sustained')
            must(
              edge.atMs >= voiceFrom + SUSTAINED_MS - toleranceMs && edge.atMs <= voiceTo,
              seen('sustained within the voice', edge),
            );
        }
      },
    ),
    rule('edges depend on the samples only, not on how they are cut or how fast they come', async (first) => {
      first.play(call, 20);
      await first.over();
      const second = await open();
      second.play(call, 100);
      await second.over();
      second.stream.close();
      must(
        JSON.stringify(second.edges) === JSON.stringify(first.edges),
        seen('both cuts must agree', [first.edges, second.edges]),
      );
    }),
    rule('a second utterance has its own edges', async ({ edges, play, over }) => {
      play(call);
      await over();
      play(call);
      await until(setting, () => edges.filter((edge) => edge.type === 'ended').length === 2, 'expected a second end');
      const types = edges.map((edge) => edge.type).join();
      must(types === 'started,sustained,ended,started,sustained,ended', seen('expected two utterances', edges));
    }),
    rule(
      'a detector that takes over while the user speaks reports the end, not the start',
      async ({ edges, play, over }) => {
        play(speech);
        play(new Int16Array(16 * TAIL_MS));
        await over();
        must(
          edges.every((edge) => edge.type !== 'started'),
          seen('the start was already told', edges),
        );
        must(edges.at(-1)?.type === 'ended', seen('expected the end', edges));
      },
      true,
    ),
    rule(
      'a detector that takes over after the last word still reports the end',
      async ({ edges, play, over }) => {
        play(new Int16Array(16 * TAIL_MS));
        await over();
        must(edges.length === 1 && edges[0]?.type === 'ended', seen('expected the end', edges));
      },
      true,
    ),
    rule('streams of one adapter do not hear each other', async (loud) => {
      const quiet = await open({ vad: loud.vad });
      for (const frame of framesOf(call)) {
        loud.stream.write(frame);
        quiet.stream.write({ ...frame, samples: new Int16Array(frame.samples.length) });
      }
      await loud.over();
      quiet.stream.close();
      must(quiet.edges.length === 0, seen('the quiet stream heard something', quiet.edges));
    }),
    rule('close is final and may be repeated', async ({ stream, edges, failures, play }) => {
      play(call);
      stream.close();
      stream.close();
      const before = edges.length;
      play(call);
      await stayQuiet(setting);
      must(edges.length === before && failures.length === 0, seen('a closed stream is silent', edges));
    }),
    rule('an aborted signal closes the stream', async ({ edges, failures, stop, play }) => {
      stop.abort();
      play(call);
      await stayQuiet(setting);
      must(edges.length === 0 && failures.length === 0, seen('an aborted stream is silent', edges));
    }),
    rule('a frame of a wrong format does not throw', async ({ stream }) => {
      stream.write({ samples: new Int16Array(7), sampleRateHz: 48_000, channels: 1 });
    }),
  ];
}

function spoken(speech: Int16Array): Int16Array {
  const call = new Int16Array(16 * LEAD_MS + speech.length + 16 * TAIL_MS);
  call.set(speech, 16 * LEAD_MS);
  return call;
}
