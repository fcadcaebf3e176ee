import { beforeAll, describe, expect, it } from 'vitest';
import { nextLoopTurn } from '../../../src/clock.ts';
import { AgentError } from '../../../src/errors.ts';
import type { FliteSpeaker } from '../../../src/providers/local/flite-speaker.ts';
import { flitePool, inThreadSpeaker, pooledSpeaker } from '../../../src/providers/local/flite-speaker.ts';
import { fliteTts } from '../../../src/providers/local/flite-tts.ts';
import type { FliteVoice } from '../../../src/providers/local/flite-voices.ts';
import type { TtsResult } from '../../../src/providers/tts.ts';
import { ttsConformance } from '../../../src/testing/conformance/tts.ts';
import { VirtualClock } from '../../../src/testing/virtual-clock.ts';

let speaker: FliteSpeaker;
beforeAll(async () => {
  speaker = await inThreadSpeaker();
});

/** Reads `text` with a given speaker and returns everything that was told. */
async function read(text: string, by: FliteSpeaker, voice?: string) {
  const results: TtsResult[] = [];
  const failures: unknown[] = [];
  await new Promise<void>((resolve) => {
    const stream = fliteTts({ speaker: by }).open({
      clock: new VirtualClock(),
      signal: new AbortController().signal,
      voice,
      ready: () => Promise.resolve(),
      report: (result) => {
        results.push(result);
        if (result.type === 'done') resolve();
      },
      fail: (error) => {
        failures.push(error);
        resolve();
      },
    });
    stream.write(text);
    stream.flush();
  });
  return { results, failures };
}

const silence = { samples: new Int16Array(160), sampleRateHz: 16_000, phoneEndsMs: [10] };
const codeOf = (error: unknown) => (error instanceof AgentError ? error.code : undefined);

describe('flite keeps the contract of a Tts', () => {
  for (const { rule, run } of ttsConformance(() => fliteTts({ speaker, voice: 'kal16' }), {
    clock: new VirtualClock(),
    settle: nextLoopTurn,
  }))
    it(rule, run);
});

describe('flite voices', () => {
  it.each<FliteVoice>(['slt', 'rms', 'awb', 'kal16', 'kal'])('%s speaks at 16 kHz with phone times', async (voice) => {
    const { samples, sampleRateHz, phoneEndsMs } = await speaker.speak(
      'The weather in Paris is sunny.',
      voice,
      new AbortController().signal,
    );
    const durationMs = samples.length / 16;
    expect(sampleRateHz).toBe(16_000);
    expect(durationMs).toBeGreaterThan(1200);
    expect(durationMs).toBeLessThan(3000);
    expect(Math.max(...samples)).toBeGreaterThan(2000);
    expect([...phoneEndsMs].sort((a, b) => a - b)).toEqual(phoneEndsMs);
    expect(phoneEndsMs.at(-1)).toBeLessThanOrEqual(durationMs + 1);
  });

  it('the same words give the same samples every time', async () => {
    const { signal } = new AbortController();
    const [one, two] = [await speaker.speak('Again.', 'slt', signal), await speaker.speak('Again.', 'slt', signal)];
    expect(one.samples).toEqual(two.samples);
  });

  it('an unknown voice is an option error, not a silent other voice', async () => {
    expect(codeOf((await read('Hello.', speaker, 'nobody')).failures[0])).toBe('ERR_OPTION');
    expect(() => fliteTts({ voice: 'nobody' as FliteVoice })).toThrow(AgentError); // what a JavaScript caller may pass
  });
});

describe('a worker that dies', () => {
  it('once: the clause is spoken by the next worker, and nothing is missing or doubled', async () => {
    const said: string[] = [];
    let deaths = 1;
    const dying: FliteSpeaker = {
      usesRealIo: false,
      speak: async (text) => {
        said.push(text);
        if (text.startsWith('Two') && deaths-- > 0) throw new AgentError('ERR_ENGINE', 'killed');
        return silence;
      },
    };
    const { results, failures } = await read('One. Two. Three.', dying);
    expect(said).toEqual(['One.', 'Two.', 'Two.', 'Three.']);
    expect(failures).toEqual([]);
    expect(results.flatMap((result) => (result.type === 'mark' ? [result.chars] : []))).toEqual([4, 9, 16]);
  });

  it('twice on the same clause: the stream fails after the marks of what was spoken', async () => {
    const dead: FliteSpeaker = {
      usesRealIo: false,
      speak: async (text) => {
        if (text.startsWith('Two')) throw new Error('killed');
        return silence;
      },
    };
    const { results, failures } = await read('One. Two. Three.', dead);
    expect(failures.map(codeOf)).toEqual(['ERR_ENGINE']);
    expect(results.at(-1)).toEqual({ type: 'mark', chars: 4 });
  });
});

describe('flite in a worker thread', () => {
  it('speaks the same samples as on this thread', async () => {
    const pool = flitePool();
    try {
      const { signal } = new AbortController();
      const there = await pooledSpeaker(pool).speak('Hello.', 'slt', signal);
      expect(there.samples).toEqual((await speaker.speak('Hello.', 'slt', signal)).samples);
    } finally {
      pool.stop();
    }
  });

  it('a worker killed in the middle of a clause costs nothing but time', async () => {
    const pool = flitePool();
    let kills = 0;
    const killing: FliteSpeaker = {
      usesRealIo: false,
      speak: async (text, voice, signal) => {
        // A deadline that cannot be met makes the host kill the thread while it synthesizes.
        if (kills++ === 0) await pool.request({ text, voice }, { signal, deadlineMs: 1 });
        return pooledSpeaker(pool).speak(text, voice, signal);
      },
    };
    try {
      const text = 'The weather in Paris is sunny today. The wind comes from the west.';
      const { results, failures } = await read(text, killing);
      const whole = await read(text, speaker);
      expect(failures).toEqual([]);
      expect(kills).toBe(3);
      expect(results).toEqual(whole.results);
    } finally {
      pool.stop();
    }
  });

  it('refuses a virtual clock', async () => {
    expect(codeOf((await read('Hello.', pooledSpeaker(flitePool()))).failures[0])).toBe('ERR_REAL_IO');
  });
});

describe('a megabyte of text', () => {
  it('is spoken to its last character', async () => {
    const instant: FliteSpeaker = { usesRealIo: false, speak: async () => silence };
    const text = 'word **and** more. '.repeat(55_000);
    const { results, failures } = await read(text, instant);
    expect(failures).toEqual([]);
    expect(results.at(-2)).toEqual({ type: 'mark', chars: text.length });
  });
});

describe('hostile listeners', () => {
  it('a report that throws ends the stream with one failure', async () => {
    const failures: unknown[] = [];
    const stream = fliteTts({ speaker }).open({
      clock: new VirtualClock(),
      signal: new AbortController().signal,
      ready: () => Promise.reject(new Error('not ready')),
      report: () => {
        throw new Error('listener');
      },
      fail: (error) => failures.push(error),
    });
    stream.write('😀');
    stream.flush();
    for (let i = 0; i < 5; i++) await nextLoopTurn();
    expect(failures.map(codeOf)).toEqual(['ERR_ENGINE']);
  });
});
