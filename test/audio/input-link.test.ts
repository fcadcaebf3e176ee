import { describe, expect, test } from 'vitest';
import type { AudioFrame } from '../../src/audio/frame.ts';
import { InputLink } from '../../src/audio/input-link.ts';
import type { VadEdge } from '../../src/audio/segmenter.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';

const FRAME_MS = 20;
const PER_MS = 16;

/** A microphone whose samples count milliseconds from 1 on, a detector that the test speaks for, and a recogniser. */
function setUp(longestUtteranceMs?: number) {
  const clock = new VirtualClock();
  const told: string[] = [];
  let utterances = 0;
  const link = new InputLink({
    clock,
    ...(longestUtteranceMs !== undefined && { longestUtteranceMs }),
    events: {
      started: (atMs) => {
        told.push(`started ${Math.round(atMs)}`);
        return ++utterances;
      },
      sustained: () => told.push('sustained'),
      ended: (atMs) => told.push(`ended ${Math.round(atMs)}`),
      discarded: () => told.push('discarded'),
      received: () => {},
      refused: () => told.push('refused'),
      lost: (samples) => told.push(`lost ${samples / PER_MS}`),
    },
  });
  const write = link.attachSource();
  const vadFrames: AudioFrame[] = [];
  const attachVad = () => link.attachVad({ write: (frame) => vadFrames.push(frame) });
  let vad = attachVad();
  const speak = async (forMs: number) => {
    for (let i = 0; i < forMs / FRAME_MS; i++) {
      const fromMs = clock.now();
      await clock.advance(FRAME_MS);
      const samples = Int16Array.from({ length: FRAME_MS * PER_MS }, (_, k) => fromMs + Math.floor(k / PER_MS) + 1);
      write({ samples, sampleRateHz: 16_000, channels: 1 });
    }
  };
  return {
    clock,
    link,
    told,
    speak,
    write,
    vadFrames,
    edge: (edge: VadEdge) => vad.report(edge),
    restartVad: () => {
      vad = attachVad();
      return vad;
    },
    oldVad: vad,
  };
}

/** What a recogniser was given: by utterance, first and last millisecond of the audio, without a gap between. */
function recogniser(link: InputLink) {
  const heard = new Map<number, number[]>();
  const calls: string[] = [];
  let open = 0;
  const port = link.attachStt({
    begin: (utterance) => {
      open = utterance;
      heard.set(utterance, []);
      calls.push(`begin ${utterance}`);
    },
    write: ({ samples }) => {
      const list = heard.get(open);
      for (let i = 0; i < samples.length; i += PER_MS) list?.push(samples[i] ?? 0);
    },
    end: (utterance) => calls.push(`end ${utterance}`),
    discard: (utterance) => calls.push(`discard ${utterance}`),
  });
  const span = (utterance: number) => {
    const list = heard.get(utterance) ?? [];
    const isWhole = list.every((at, i) => i === 0 || at === (list[i - 1] ?? 0) + 1);
    return isWhole ? [list[0], list.at(-1)] : list;
  };
  return { calls, span, port };
}

describe('an utterance', () => {
  test('reaches the recogniser from its lead-in on, and ends with the voice', async () => {
    const { link, told, speak, edge } = setUp();
    const stt = recogniser(link);
    await speak(600);
    edge({ type: 'started', startedAtMs: 500 });
    await speak(400);
    edge({ type: 'ended', lastVoiceAtMs: 900 });
    await speak(100);
    expect(told).toEqual(['started 500', 'ended 900']);
    expect(stt.calls).toEqual(['begin 1', 'end 1']);
    expect(stt.span(1)).toEqual([301, 1_000]);
    link.release(1);
    expect(link.heldSamples).toBe(0);
  });

  test('that turned out to be noise is forgotten by everybody', async () => {
    const { link, told, speak, edge } = setUp();
    const stt = recogniser(link);
    await speak(300);
    edge({ type: 'started', startedAtMs: 200 });
    edge({ type: 'discarded' });
    expect(told).toEqual(['started 200', 'discarded']);
    expect(stt.calls).toEqual(['begin 1', 'discard 1']);
    expect(link.heldSamples).toBe(0);
  });

  test('is told as sustained once it is', async () => {
    const { told, speak, edge } = setUp();
    edge({ type: 'sustained', atMs: 0 });
    await speak(100);
    edge({ type: 'started', startedAtMs: 0 });
    edge({ type: 'sustained', atMs: 100 });
    expect(told).toEqual(['started 0', 'sustained']);
  });

  test('begins behind the one before, however early its detector dates it', async () => {
    const { link, speak, edge } = setUp();
    const stt = recogniser(link);
    await speak(600);
    edge({ type: 'started', startedAtMs: 500 });
    await speak(1_000);
    edge({ type: 'ended', lastVoiceAtMs: 400 });
    await speak(300);
    edge({ type: 'started', startedAtMs: 600 });
    await speak(100);
    expect(stt.span(1)).toEqual([301, 1_600]);
    // The lead-in is the silence by which the first one was known to be over.
    expect(stt.span(2)).toEqual([1_401, 2_000]);
    expect(recogniser(link).span(2)).toEqual([1_401, 2_000]);
  });

  test('that lasts too long is split, and no millisecond is in both parts or in none', async () => {
    const { link, told, speak, edge } = setUp(1_000);
    const stt = recogniser(link);
    await speak(300);
    edge({ type: 'started', startedAtMs: 200 });
    edge({ type: 'sustained', atMs: 300 });
    await speak(1_200);
    edge({ type: 'ended', lastVoiceAtMs: 1_450 });
    expect(told).toEqual(['started 200', 'sustained', 'ended 1200', 'started 1200', 'sustained', 'ended 1450']);
    expect(stt.span(1)).toEqual([1, 1_200]);
    expect(stt.span(2)).toEqual([1_201, 1_500]);
  });
});

describe('what is not on the tape any more is told, once for each utterance', () => {
  test('because no words came for longer than it holds', async () => {
    const { link, told, speak, edge } = setUp();
    await speak(500);
    edge({ type: 'started', startedAtMs: 500 });
    await speak(239_500);
    edge({ type: 'ended', lastVoiceAtMs: 240_000 });
    expect(told.filter((what) => what.startsWith('lost'))).toEqual(['lost 200', 'lost 59500']);
    expect(link.heldSamples / PER_MS).toBe(180_000);
  });

  test('because a detector told of its beginning too late', async () => {
    const { told, speak, edge } = setUp();
    await speak(2_000);
    edge({ type: 'started', startedAtMs: 1_400 });
    await speak(1_000);
    edge({ type: 'ended', lastVoiceAtMs: 3_000 });
    expect(told).toEqual(['started 1400', 'lost 100', 'ended 3000']);
  });
});

describe('a recogniser that takes over', () => {
  test('gets every utterance without a final, and what the one before still says is not for it', async () => {
    const { link, speak, edge } = setUp();
    const first = recogniser(link);
    await speak(500);
    edge({ type: 'started', startedAtMs: 400 });
    await speak(500);
    edge({ type: 'ended', lastVoiceAtMs: 900 });
    edge({ type: 'started', startedAtMs: 990 });
    await speak(200);
    const second = recogniser(link);
    await speak(200);
    expect(first.port.isCurrent()).toBe(false);
    expect(second.port.isCurrent()).toBe(true);
    expect(second.calls).toEqual(['begin 1', 'end 1', 'begin 2']);
    expect(second.span(1)).toEqual([201, 1_000]);
    expect(second.span(2)).toEqual([801, 1_400]);
    link.release(1);
    expect(recogniser(link).calls).toEqual(['begin 2']);
  });

  test('begins behind the words that are known', async () => {
    const { link, speak, edge } = setUp();
    recogniser(link);
    await speak(500);
    edge({ type: 'started', startedAtMs: 400 });
    await speak(1_000);
    link.trim(1, 800 * PER_MS);
    const second = recogniser(link);
    expect(second.span(1)).toEqual([1_001, 1_500]);
    link.trim(1, 300 * PER_MS);
    expect(recogniser(link).span(1)).toEqual([1_301, 1_500]);
    link.trim(1);
    expect(recogniser(link).span(1)).toEqual([undefined, undefined]);
  });
});

describe('a detector that takes over', () => {
  test('starts as speaking when an utterance is open, and the one before is not listened to', async () => {
    const { told, speak, edge, restartVad, oldVad } = setUp();
    expect(restartVad().speaking).toBe(false);
    await speak(200);
    oldVad.report({ type: 'started', startedAtMs: 100 });
    expect(told).toEqual([]);
    edge({ type: 'started', startedAtMs: 100 });
    const next = restartVad();
    expect(next.speaking).toBe(true);
    edge({ type: 'ended', lastVoiceAtMs: 180 });
    expect(told).toEqual(['started 100', 'ended 180']);
  });

  test('counts from its own first sample', async () => {
    const { speak, told, restartVad } = setUp();
    await speak(1_000);
    const next = restartVad();
    expect(next.originMs).toBe(1_000);
    await speak(500);
    next.report({ type: 'started', startedAtMs: 1_400 });
    expect(told).toEqual(['started 1400']);
  });
});

describe('after the host ended the utterance', () => {
  async function forced() {
    const parts = setUp();
    const stt = recogniser(parts.link);
    await parts.speak(500);
    parts.edge({ type: 'started', startedAtMs: 300 });
    await parts.speak(200);
    parts.link.forceEnd();
    return { ...parts, stt };
  }

  test('silence is the end of it', async () => {
    const { speak, edge, told, stt } = await forced();
    await speak(400);
    edge({ type: 'ended', lastVoiceAtMs: 690 });
    expect(told).toEqual(['started 300', 'ended 700']);
    expect(stt.calls).toEqual(['begin 1', 'end 1']);
  });

  test('voice that ends soon is an utterance of its own, from the very sample', async () => {
    const { speak, edge, told, stt } = await forced();
    await speak(800);
    edge({ type: 'ended', lastVoiceAtMs: 1_000 });
    expect(told.slice(2)).toEqual(['started 700', 'ended 1000']);
    expect(stt.span(1)).toEqual([101, 700]);
    expect(stt.span(2)).toEqual([701, 1_500]);
  });

  test('voice that goes on is one after a second, and nothing of it is lost', async () => {
    const { speak, edge, told, stt } = await forced();
    edge({ type: 'sustained', atMs: 700 });
    await speak(1_000);
    expect(told.slice(2)).toEqual(['started 700', 'sustained']);
    await speak(2_000);
    edge({ type: 'ended', lastVoiceAtMs: 3_600 });
    expect(stt.span(2)).toEqual([701, 3_700]);
  });

  test('what is left of the voice is sustained only when it is long enough by itself', async () => {
    const { speak, edge, told } = await forced();
    edge({ type: 'sustained', atMs: 700 });
    await speak(800);
    edge({ type: 'ended', lastVoiceAtMs: 1_190 });
    expect(told.slice(2)).toEqual(['started 700', 'ended 1190']);
    const { speak: speakOn, edge: edgeOf, told: toldOn } = await forced();
    edgeOf({ type: 'sustained', atMs: 700 });
    await speakOn(800);
    edgeOf({ type: 'ended', lastVoiceAtMs: 1_210 });
    expect(toldOn.slice(2)).toEqual(['started 700', 'sustained', 'ended 1210']);
  });

  test('a second end takes what was said meanwhile', async () => {
    const { link, speak, told, stt } = await forced();
    await speak(300);
    link.forceEnd();
    expect(told.slice(2)).toEqual(['started 700', 'ended 1000']);
    expect(stt.span(2)).toEqual([701, 1_000]);
  });

  test('a second end at once is the same one, so that no word is cut twice', async () => {
    const { link, speak, told, stt } = await forced();
    await speak(280);
    link.forceEnd();
    expect(told.slice(2)).toEqual([]);
    await speak(20);
    link.forceEnd();
    expect(stt.span(2)).toEqual([701, 1_000]);
  });

  test('the end of the call takes what was said meanwhile, however short it is', async () => {
    const { link, speak, told, stt } = await forced();
    await speak(100);
    link.finish();
    expect(told.slice(2)).toEqual(['started 700', 'ended 800']);
    expect(stt.span(2)).toEqual([701, 800]);
  });

  test('nothing of it is in the next utterance, however early its detector dates it', async () => {
    const { speak, edge, stt } = await forced();
    await speak(100);
    edge({ type: 'ended', lastVoiceAtMs: 690 });
    edge({ type: 'started', startedAtMs: 400 });
    await speak(100);
    expect(stt.span(2)).toEqual([701, 900]);
  });

  test('a source that falls silent does not leave it waiting', async () => {
    const { clock, link, vadFrames } = await forced();
    const before = vadFrames.length;
    await clock.advance(2_000);
    expect(vadFrames.length).toBeGreaterThan(before + 10);
    link.close();
    expect(clock.pendingTimers).toBe(0);
  });

  test('and the same after it was thrown away', async () => {
    const { link, speak, edge, told, stt } = await forced();
    edge({ type: 'ended', lastVoiceAtMs: 600 });
    await speak(300);
    edge({ type: 'started', startedAtMs: 900 });
    await speak(100);
    link.discard([1, 2]);
    await speak(600);
    edge({ type: 'ended', lastVoiceAtMs: 1_400 });
    expect(stt.calls.slice(2)).toEqual(['begin 2', 'discard 1', 'discard 2', 'begin 3', 'end 3']);
    expect(told.slice(3)).toEqual(['started 1100', 'ended 1400']);
    expect(stt.span(3)).toEqual([1_101, 1_700]);
  });
});

test('a source that stops in mid-speech is filled with silence until the detector ends the utterance', async () => {
  const { clock, speak, edge, vadFrames } = setUp();
  await speak(200);
  edge({ type: 'started', startedAtMs: 100 });
  const before = vadFrames.length;
  await clock.advance(1_000);
  const filled = vadFrames.slice(before).flatMap(({ samples }) => [...samples]);
  expect(filled.length).toBeGreaterThan(600 * PER_MS);
  expect(filled.every((sample) => sample === 0)).toBe(true);
  edge({ type: 'ended', lastVoiceAtMs: 200 });
  await clock.advance(1_000);
  expect(clock.pendingTimers).toBe(0);
});

test('a malformed frame is refused and the next one is heard', () => {
  const { write, told, vadFrames } = setUp();
  write({ samples: new Int16Array(10), sampleRateHz: 1, channels: 1 });
  write({ samples: new Int16Array(10), sampleRateHz: 16_000, channels: 1 });
  expect(told).toEqual(['refused']);
  expect(vadFrames).toHaveLength(1);
});

test('after a source was replaced the old one is not listened to, and after the close nobody', async () => {
  const { link, write, vadFrames, edge, told } = setUp();
  const frame = { samples: new Int16Array(160), sampleRateHz: 16_000, channels: 1 as const };
  const next = link.attachSource();
  write(frame);
  expect(vadFrames).toHaveLength(0);
  next(frame);
  expect(vadFrames).toHaveLength(1);
  link.close();
  next(frame);
  edge({ type: 'started', startedAtMs: 0 });
  expect(vadFrames).toHaveLength(1);
  expect(told).toEqual([]);
});

describe('audio that comes faster than it was spoken', () => {
  /** Samples that count milliseconds, as of a microphone; the last one is spoken now. */
  const burst = (fromMs: number, forMs: number) => ({
    samples: Int16Array.from({ length: forMs * PER_MS }, (_, k) => fromMs + Math.floor(k / PER_MS) + 1),
    sampleRateHz: 16_000,
    channels: 1,
  });

  /** A detector that judges `perLook` samples each time it is let; voice is every second in which a test speaks. */
  function slowDetector(link: InputLink, voice: readonly (readonly [number, number])[]) {
    let pending: number[] = [];
    let judged = 0;
    const edges = voice.flatMap(([from, to]) => [
      { at: (from + 60) * PER_MS, edge: { type: 'started', startedAtMs: from } as const },
      { at: (to + 300) * PER_MS, edge: { type: 'ended', lastVoiceAtMs: to } as const },
    ]);
    const port = link.attachVad({
      write: ({ samples }) => pending.push(samples.length),
      pendingSamples: () => pending.reduce((sum, length) => sum + length, 0),
    });
    return {
      pendingMs: () => pending.reduce((sum, length) => sum + length, 0) / PER_MS,
      /** Judges all that was written. */
      judge: () => {
        judged += pending.reduce((sum, length) => sum + length, 0);
        pending = [];
        for (let next = edges[0]; next !== undefined && next.at <= judged; next = edges[0]) {
          edges.shift();
          const { edge } = next;
          const shift = (atMs: number) => port.originMs + atMs;
          if (edge.type === 'started') port.report({ type: 'started', startedAtMs: shift(edge.startedAtMs) });
          else port.report({ type: 'ended', lastVoiceAtMs: shift(edge.lastVoiceAtMs) });
        }
      },
    };
  }

  test('in one long frame is dated back: its last sample is spoken now', async () => {
    const { clock, told, write, edge } = setUp();
    await clock.advance(5_000);
    write(burst(0, 3_000));
    edge({ type: 'started', startedAtMs: 500 }); // by the detector, which counts from its own origin
    edge({ type: 'ended', lastVoiceAtMs: 900 });
    expect(told).toEqual(['started 2500', 'lost 2000', 'ended 2900']);
  });

  test('waits for a detector that is behind: nothing is clipped, and no word is in two utterances', async () => {
    const { clock, link, told, write } = setUp();
    const stt = recogniser(link);
    const vad = slowDetector(link, [
      [300, 1_500],
      [2_000, 3_200],
    ]);
    await clock.advance(4_000);
    write(burst(0, 4_000));
    for (let looks = 0; looks < 30; looks++) {
      expect(vad.pendingMs()).toBeLessThanOrEqual(300);
      vad.judge();
      await clock.advance(10);
    }
    expect(stt.calls).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2']);
    expect(told).toEqual(['started 300', 'ended 1500', 'started 2000', 'ended 3200']);
    const [first, second] = [stt.span(1), stt.span(2)];
    expect(first[0]).toBeLessThanOrEqual(301);
    expect(first[1]).toBeLessThan(second[0] ?? 0);
    expect(second[0]).toBeLessThanOrEqual(2_001);
    expect(link.heldSamples).toBeGreaterThan(0);
  });

  test('that still waits when the host ends the utterance belongs to it', async () => {
    const { clock, link, write } = setUp();
    const stt = recogniser(link);
    const vad = slowDetector(link, [[0, 9_000]]);
    await clock.advance(2_000);
    write(burst(0, 200));
    vad.judge();
    write(burst(200, 1_800));
    link.forceEnd();
    expect(stt.span(1)).toEqual([1, 2_000]);
  });
});
