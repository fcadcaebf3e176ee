import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AudioFrame } from '../../src/audio/frame.ts';
import { Tape, type TapeOptions } from '../../src/audio/tape.ts';

const MS = 16;

/** Sample values tell their own position. */
function at(position: number): number {
  return (position % 60_000) - 30_000;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => at(from + i));
}

function setup(options: TapeOptions = {}) {
  const tape = new Tape(options);
  const write = (samples: number, frame = 20 * MS) => {
    for (const end = tape.position + samples; tape.position < end; ) {
      const length = Math.min(frame, end - tape.position);
      tape.write({
        samples: Int16Array.from(range(tape.position, tape.position + length)),
        sampleRateHz: 16_000,
        channels: 1,
      });
    }
  };
  const frames = (id: number) => {
    const out: AudioFrame[] = [];
    tape.replay(id, (frame) => void out.push(frame));
    return out;
  };
  const replay = (id: number) => frames(id).flatMap(({ samples }) => [...samples]);
  return { tape, write, replay, frames };
}

describe('Tape', () => {
  it('holds nothing but its pre-roll while nobody speaks', () => {
    const { tape, write } = setup();
    write(60_000 * MS);
    expect([tape.heldSamples, tape.position]).toEqual([0, 60_000 * MS]);
  });

  it('replays an utterance from 200 ms before its voice up to now', () => {
    const { tape, write, replay } = setup();
    write(1000 * MS);
    tape.openUtterance(1, 700 * MS);
    expect(replay(1)).toEqual(range(500 * MS, 1000 * MS));
    write(330 * MS);
    expect(replay(1)).toEqual(range(500 * MS, 1330 * MS));
  });

  it('replays in frames of 100 ms, the last one shorter, as often as it is asked', () => {
    const { tape, write, frames } = setup();
    write(300 * MS);
    tape.openUtterance(1, 250 * MS);
    write(170 * MS);
    for (let again = 0; again < 2; again++) {
      expect(frames(1).map(({ samples }) => samples.length / MS)).toEqual([100, 100, 100, 100, 20]);
      expect(frames(1)[0]).toMatchObject({ sampleRateHz: 16_000, channels: 1 });
    }
  });

  it('gives frames to their receiver: changing them does not change the tape', () => {
    const { tape, write, frames, replay } = setup();
    write(300 * MS);
    tape.openUtterance(1, 250 * MS);
    for (const { samples } of frames(1)) samples.fill(0);
    expect(replay(1)).toEqual(range(50 * MS, 300 * MS));
  });

  it('takes frames that stay with their writer', () => {
    const tape = new Tape();
    tape.openUtterance(1, 0);
    const samples = Int16Array.of(1, 2, 3);
    tape.write({ samples, sampleRateHz: 16_000, channels: 1 });
    samples.fill(0);
    tape.replay(1, (frame) => expect([...frame.samples]).toEqual([1, 2, 3]));
  });

  it('clips a start that the pre-roll no longer holds, and counts it', () => {
    const { tape, write, replay } = setup();
    write(2000 * MS);
    tape.openUtterance(1, 1400 * MS);
    expect(replay(1)).toEqual(range(1500 * MS, 2000 * MS));
    expect(tape.lostOf(1)).toBe(100 * MS);
  });

  it('counts nothing as lost where only the silence before the voice is missing', () => {
    const { tape, write, replay } = setup();
    write(2000 * MS);
    tape.openUtterance(1, 1600 * MS);
    expect(replay(1)).toEqual(range(1500 * MS, 2000 * MS));
    expect(tape.lostOf(1)).toBe(0);
  });

  it('keeps an ended utterance for replays and lets go of it at its release', () => {
    const { tape, write, replay } = setup();
    write(1000 * MS);
    tape.openUtterance(1, 900 * MS);
    write(500 * MS);
    tape.endUtterance(1, 1400 * MS);
    write(5000 * MS);
    expect(replay(1)).toEqual(range(700 * MS, 1400 * MS));
    expect(tape.heldSamples).toBe(700 * MS);
    tape.release(1);
    expect(tape.heldSamples).toBe(0);
    expect(replay(1)).toEqual([]);
  });

  it('shares the audio of utterances that overlap, and each outlives the other', () => {
    for (const first of [1, 2]) {
      const { tape, write, replay } = setup();
      write(1000 * MS);
      tape.openUtterance(1, 900 * MS);
      write(500 * MS);
      tape.endUtterance(1, 1500 * MS);
      tape.openUtterance(2, 1500 * MS);
      write(500 * MS);
      tape.release(first);
      const [from, to] = first === 1 ? [1300, 2000] : [700, 1500];
      expect(replay(3 - first)).toEqual(range(from * MS, to * MS));
      tape.release(3 - first);
      expect(tape.heldSamples).toBe(0);
    }
  });

  it('finds a lead-in that left the pre-roll on the tape of the utterance before', () => {
    const { tape, write, replay } = setup();
    write(1000 * MS);
    tape.openUtterance(1, 1000 * MS);
    write(3000 * MS);
    tape.endUtterance(1, 4000 * MS);
    tape.openUtterance(2, 2000 * MS);
    expect(replay(2)).toEqual(range(1800 * MS, 4000 * MS));
    expect(tape.lostOf(2)).toBe(0);
  });

  it('costs 32 KB per second of an open utterance', () => {
    const { tape, write } = setup();
    tape.openUtterance(1, 0);
    write(60_000 * MS);
    expect((tape.heldSamples * 2) / 60).toBe(32_000);
  });

  it('is bounded: what does not fit is counted and replays as silence in its place', () => {
    const { tape, write, replay } = setup({ capacityMs: 1000 });
    tape.openUtterance(1, 0);
    write(1500 * MS);
    expect(tape.heldSamples).toBe(1000 * MS);
    expect(tape.lostOf(1)).toBe(500 * MS);
    expect(replay(1)).toEqual([...range(0, 1000 * MS), ...new Array(500 * MS).fill(0)]);
  });

  it('ignores unknown ids and what was said twice', () => {
    const { tape, write, replay } = setup();
    tape.endUtterance(9, 5);
    tape.release(9);
    tape.openUtterance(1, 0);
    write(500 * MS);
    tape.openUtterance(1, 400 * MS);
    tape.endUtterance(1, 300 * MS);
    tape.endUtterance(1, 500 * MS);
    expect(replay(1)).toEqual(range(0, 300 * MS));
    tape.release(1);
    tape.release(1);
    expect(tape.heldSamples).toBe(0);
  });

  it('refuses another format', () => {
    const { tape } = setup();
    const other: AudioFrame = { samples: new Int16Array(2), sampleRateHz: 48_000, channels: 1 };
    expect(() => tape.write(other)).toThrow(
      expect.objectContaining({ code: 'ERR_AUDIO_FRAME', field: 'sampleRateHz' }),
    );
  });

  it('replays every held sample in its place, whatever happens', () => {
    const id = fc.integer({ min: 1, max: 4 });
    const step = fc.oneof(
      fc.record({ write: fc.integer({ min: 0, max: 12_000 }) }),
      fc.record({ open: id, backMs: fc.integer({ min: 0, max: 900 }) }),
      fc.record({ end: id, backMs: fc.integer({ min: 0, max: 300 }) }),
      fc.record({ release: id }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const { tape, write, replay } = setup();
        const held = new Map<number, { from: number; to: number }>();
        for (const action of steps) {
          const now = tape.position;
          if ('write' in action) write(action.write);
          else if ('open' in action) {
            tape.openUtterance(action.open, Math.max(0, now - action.backMs * MS));
            if (!held.has(action.open)) held.set(action.open, { from: now - replay(action.open).length, to: Infinity });
          } else if ('end' in action) {
            const utterance = held.get(action.end);
            tape.endUtterance(action.end, now - action.backMs * MS);
            if (utterance?.to === Infinity) utterance.to = Math.max(utterance.from, now - action.backMs * MS);
          } else {
            tape.release(action.release);
            held.delete(action.release);
          }
          for (const [utterance, { from, to }] of held)
            expect(replay(utterance)).toEqual(range(from, Math.min(to, tape.position)));
        }
        for (const utterance of held.keys()) tape.release(utterance);
        expect(tape.heldSamples).toBe(0);
      }),
      { numRuns: 60 },
    );
  });
});
