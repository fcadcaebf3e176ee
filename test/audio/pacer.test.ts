import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AudioFrame } from '../../src/audio/frame.ts';
import { Pacer, type PacerOptions } from '../../src/audio/pacer.ts';
import type { AgentError } from '../../src/errors.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import type { AudioSink } from '../../src/transports/transport.ts';

const RATE = 16_000;
const FRAME = 320;

function setup(options: Partial<PacerOptions> = {}, sampleRateHz = RATE) {
  const clock = new VirtualClock();
  const sent: Array<{ atMs: number; samples: Int16Array }> = [];
  const flushedAtMs: number[] = [];
  const sink = {
    pacesItself: false,
    canPause: true,
    sampleRateHz,
    write: (frame: AudioFrame) => void sent.push({ atMs: clock.now(), samples: frame.samples }),
    playedSamples: () => 0,
    flush: () => void flushedAtMs.push(clock.now()),
  } satisfies AudioSink;
  const pacer = new Pacer({ sink, clock, ...options });
  return { clock, sink, sent, flushedAtMs, pacer, times: () => sent.map(({ atMs }) => atMs) };
}

function audio(length: number, first = 1, sampleRateHz = RATE): AudioFrame {
  return { samples: Int16Array.from({ length }, (_, i) => ((first + i - 1) % 30_000) + 1), sampleRateHz, channels: 1 };
}

describe('Pacer: the grid', () => {
  it('is itself a sink that paces itself', () => {
    const { pacer } = setup();
    const sink: AudioSink = pacer;
    expect([sink.pacesItself, sink.canPause, sink.sampleRateHz]).toEqual([true, true, RATE]);
  });

  it('sends the first frame at once and the next ones every 20 ms', async () => {
    const { pacer, clock, times } = setup();
    await clock.advance(7);
    pacer.write(audio(FRAME * 4));
    expect(times()).toEqual([7]);
    await clock.advance(1000);
    expect(times()).toEqual([7, 27, 47, 67]);
  });

  it('has one timer while something is queued and none when nothing is', async () => {
    const { pacer, clock } = setup();
    expect(clock.pendingTimers).toBe(0);
    pacer.write(audio(FRAME * 3));
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(20);
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(20);
    expect(clock.pendingTimers).toBe(0);
  });

  it('does not drift when every timer is late', async () => {
    const clock = new VirtualClock();
    let late = 0;
    const lateClock = {
      now: () => clock.now(),
      setTimeout: (fn: () => void, ms: number) => clock.setTimeout(fn, ms + (late++ % 4) * 5),
      clearTimeout: (handle: unknown) => clock.clearTimeout(handle),
    };
    const { pacer, sent } = setup({ clock: lateClock });
    pacer.write(audio(FRAME * 500));
    await clock.advance(10_000);
    expect(sent.length).toBe(500);
    expect(clock.pendingTimers).toBe(0);
    expect(pacer.playedSamples()).toBe(FRAME * 500);
  });

  it('sends no burst after a stall of the process, and does not count the stall as played', async () => {
    const clock = new VirtualClock();
    const stalling = {
      now: () => clock.now(),
      setTimeout: (fn: () => void, ms: number) => clock.setTimeout(fn, clock.now() === 100 ? ms + 500 : ms),
      clearTimeout: (handle: unknown) => clock.clearTimeout(handle),
    };
    const played: number[] = [];
    const atMs: number[] = [];
    const pacer = new Pacer({
      sink: { sampleRateHz: RATE, canPause: true, write: () => void atMs.push(clock.now()), flush: () => {} },
      clock: stalling,
    });
    pacer.write(audio(FRAME * 10));
    await clock.advance(600);
    played.push(pacer.playedSamples());
    await clock.advance(40);
    played.push(pacer.playedSamples());
    expect(atMs).toEqual([0, 20, 40, 60, 80, 100, 620, 640]);
    expect(played).toEqual([FRAME * 6, FRAME * 7]);
  });

  it('sends ahead by leadMs and no more', async () => {
    const { pacer, clock, times } = setup({ leadMs: 60 });
    pacer.write(audio(FRAME * 6));
    expect(times()).toEqual([0, 0, 0, 0]);
    await clock.advance(1000);
    expect(times()).toEqual([0, 0, 0, 0, 20, 40]);
  });

  it('keeps the time of rates whose 20 ms are no whole samples', async () => {
    const { pacer, clock, sent } = setup({}, 11_025);
    pacer.write(audio(11_025 * 10, 1, 11_025));
    pacer.end();
    await clock.advance(10_000);
    expect(sent.length).toBe(Math.ceil(110_250 / 221));
    expect(sent.at(-1)?.atMs).toBeCloseTo(((sent.length - 1) * 221_000) / 11_025, -1);
    expect(pacer.playedSamples()).toBe(110_250);
  });

  it.each([-1, 61, Number.NaN])('refuses a lead of %d ms', (leadMs) => {
    expect(() => setup({ leadMs })).toThrow(expect.objectContaining({ code: 'ERR_OPTION', field: 'leadMs' }));
  });
});

describe('Pacer: lengths', () => {
  it('waits for the rest of a frame and joins it without a hole', async () => {
    const { pacer, clock, sent } = setup();
    pacer.write(audio(FRAME + 100));
    await clock.advance(30);
    expect(sent.length).toBe(1);
    pacer.write(audio(FRAME - 100, FRAME + 101));
    expect(sent[1]).toEqual({ atMs: 30, samples: audio(FRAME, FRAME + 1).samples });
  });

  it('pads the last frame at its edge when the end was told', async () => {
    const { pacer, clock, sent } = setup();
    pacer.write(audio(FRAME + 100));
    pacer.end();
    await clock.advance(100);
    expect(sent.map(({ atMs }) => atMs)).toEqual([0, 20]);
    expect([...(sent[1]?.samples ?? [])].filter((value) => value !== 0).length).toBe(100);
    expect(sent[1]?.samples.length).toBe(FRAME);
    expect(pacer.playedSamples()).toBe(FRAME + 100);
  });

  it('pads the last frame 20 ms after its edge when nobody told the end', async () => {
    const { pacer, clock, times } = setup();
    pacer.write(audio(FRAME + 100));
    await clock.advance(100);
    expect(times()).toEqual([0, 40]);
    expect(pacer.playedSamples()).toBe(FRAME + 100);
  });

  it('plays less than a frame too', async () => {
    const { pacer, clock, times } = setup();
    pacer.write(audio(5));
    expect(times()).toEqual([]);
    await clock.advance(100);
    expect(times()).toEqual([20]);
    expect(pacer.playedSamples()).toBe(5);
  });
});

describe('Pacer: position', () => {
  it('follows the clock sample by sample and stops with the audio', async () => {
    const { pacer, clock } = setup();
    pacer.write(audio(FRAME * 2));
    expect(pacer.playedSamples()).toBe(0);
    await clock.advance(5);
    expect(pacer.playedSamples()).toBe(80);
    await clock.advance(25);
    expect(pacer.playedSamples()).toBe(480);
    await clock.advance(500);
    expect(pacer.playedSamples()).toBe(640);
  });

  it('does not count an underrun as played speech', async () => {
    const { pacer, clock, times } = setup();
    pacer.write(audio(FRAME));
    await clock.advance(100);
    pacer.write(audio(FRAME));
    expect(times()).toEqual([0, 100]);
    expect(pacer.playedSamples()).toBe(FRAME);
    await clock.advance(10);
    expect(pacer.playedSamples()).toBe(FRAME + 160);
  });

  it('keeps its grid when audio comes just in time', async () => {
    const { pacer, clock, times } = setup();
    pacer.write(audio(FRAME));
    await clock.advance(13);
    pacer.write(audio(FRAME));
    await clock.advance(7);
    expect(times()).toEqual([0, 20]);
  });
});

describe('Pacer: flush', () => {
  it('lets nothing written before out and flushes the sink in the same tick', async () => {
    const { pacer, clock, sent, flushedAtMs } = setup();
    pacer.write(audio(FRAME * 50));
    await clock.advance(50);
    pacer.flush();
    expect(flushedAtMs).toEqual([50]);
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(2000);
    expect(sent.length).toBe(3);
    expect(pacer.queuedSamples).toBe(0);
  });

  it('counts the frame that is out as heard, so that a pause neither repeats nor skips a sample', async () => {
    const { pacer, clock, sent } = setup();
    const all = audio(FRAME * 10).samples;
    pacer.write({ samples: all, sampleRateHz: RATE, channels: 1 });
    await clock.advance(50);
    pacer.flush();
    const played = pacer.playedSamples();
    expect(played).toBe(FRAME * 3);
    await clock.advance(1000);
    expect(pacer.playedSamples()).toBe(played);
    pacer.write({ samples: all.slice(played), sampleRateHz: RATE, channels: 1 });
    await clock.advance(1000);
    expect(sent.flatMap(({ samples }) => [...samples])).toEqual([...all]);
  });

  it('does not send faster than real time when it is flushed and written again at once', async () => {
    const { pacer, clock, times } = setup();
    pacer.write(audio(FRAME * 5));
    await clock.advance(25);
    pacer.flush();
    pacer.write(audio(FRAME * 2));
    await clock.advance(100);
    expect(times()).toEqual([0, 20, 40, 60]);
  });

  it('takes the lead back into account: what a flushed sink dropped was not heard', async () => {
    const { pacer, clock } = setup({ leadMs: 60 });
    pacer.write(audio(FRAME * 10));
    await clock.advance(5);
    pacer.flush();
    expect(pacer.playedSamples()).toBe(FRAME);
  });

  it('may be called by the sink in the middle of a catch-up', async () => {
    const { pacer, clock, sink, sent } = setup({ leadMs: 60 });
    sink.write = (frame) => {
      sent.push({ atMs: clock.now(), samples: frame.samples });
      if (sent.length === 2) pacer.flush();
    };
    pacer.write(audio(FRAME * 10));
    await clock.advance(1000);
    expect(sent.length).toBe(2);
  });

  it('refuses writes after close', async () => {
    const { pacer, clock, sent } = setup();
    pacer.write(audio(FRAME * 2));
    pacer.close();
    pacer.close();
    pacer.write(audio(FRAME * 2));
    await clock.advance(1000);
    expect(sent.length).toBe(1);
  });
});

describe('Pacer: bad sinks and frames', () => {
  it('tells once of a sink that throws, and keeps time', async () => {
    const errors: AgentError[] = [];
    const { pacer, clock, sink } = setup({ onError: (error) => void errors.push(error) });
    const fail = () => {
      throw new Error('socket closed');
    };
    sink.write = fail;
    sink.flush = fail;
    pacer.write(audio(FRAME * 3));
    await clock.advance(1000);
    pacer.flush();
    expect(errors.map(({ code }) => code)).toEqual(['ERR_TRANSPORT']);
    expect(pacer.playedSamples()).toBe(FRAME * 3);
  });

  it('survives a listener that throws', () => {
    const { pacer, sink } = setup({
      onError: () => {
        throw new Error('listener');
      },
    });
    sink.write = () => {
      throw new Error('socket closed');
    };
    expect(() => pacer.write(audio(FRAME * 3))).not.toThrow();
  });

  it('refuses a frame of another format without throwing', () => {
    const errors: AgentError[] = [];
    const { pacer, sent } = setup({ onError: (error) => void errors.push(error) });
    pacer.write(audio(FRAME, 1, 48_000));
    pacer.write({ samples: new Int16Array(2), sampleRateHz: RATE, channels: 2 });
    expect(errors).toMatchObject([{ code: 'ERR_AUDIO_FRAME', field: 'sampleRateHz' }]);
    expect(sent).toEqual([]);
  });
});

describe('Pacer: always', () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ write: fc.integer({ min: 0, max: 1500 }) }) },
    { weight: 4, arbitrary: fc.record({ advanceMs: fc.integer({ min: 0, max: 90 }) }) },
    { weight: 1, arbitrary: fc.constant({ flush: true }) },
    { weight: 1, arbitrary: fc.constant({ end: true }) },
  );

  it('never loses, repeats, reorders or rushes a sample, and the position never falls or passes what was sent', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.constantFrom(0, 20, 45), async (steps, leadMs) => {
        const { pacer, clock, sent } = setup({ leadMs });
        let written = 0;
        let position = 0;
        const expected: number[] = [];
        const heard = () => sent.flatMap(({ samples }) => [...samples]).filter((value) => value !== 0);
        for (const action of steps) {
          if ('write' in action) {
            pacer.write(audio(action.write, written + 1));
            for (let i = 0; i < action.write; i++) expected.push(((written + i) % 30_000) + 1);
            written += action.write;
          } else if ('advanceMs' in action) await clock.advance(action.advanceMs);
          else if ('end' in action) pacer.end();
          else {
            pacer.flush();
            expected.length = heard().length;
          }
          expect(pacer.playedSamples()).toBeGreaterThanOrEqual(position);
          position = pacer.playedSamples();
          expect(position).toBeLessThanOrEqual(heard().length);
        }
        await clock.advance(30_000);
        expect(heard()).toEqual(expected);
        expect(clock.pendingTimers).toBe(0);
        for (const { samples } of sent) expect(samples.length).toBe(FRAME);
        // No window of time holds more frames than its length and the lead allow; a flush lets the lead begin anew.
        if (leadMs === 0)
          sent.forEach(({ atMs }, i) => {
            expect(i === 0 ? true : atMs - (sent[i - 1]?.atMs ?? 0) >= 20 - 1e-6).toBe(true);
          });
      }),
      { numRuns: 150 },
    );
  });
});
