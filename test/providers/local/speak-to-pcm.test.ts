import { describe, expect, it } from 'vitest';
import { inThreadSpeaker } from '../../../src/providers/local/flite-speaker.ts';
import { speakToPcm } from '../../../src/providers/local/speak-to-pcm.ts';

describe('a synthetic user', () => {
  it('speaks in whole frames of 20 ms at 16 kHz, silent in the pause and loud around it', async () => {
    const speaker = await inThreadSpeaker();
    const frames = await speakToPcm(['Hello.', { pauseMs: 1000 }, 'Goodbye.'], { speaker });
    const alone = await speakToPcm('Hello.', { speaker });
    expect(frames.every(({ samples, sampleRateHz }) => samples.length === 320 && sampleRateHz === 16_000)).toBe(true);
    const loud = frames.map(({ samples }) => samples.some((sample) => Math.abs(sample) > 500));
    expect(loud.slice(alone.length, alone.length + 48)).not.toContain(true);
    expect(loud.slice(0, alone.length)).toContain(true);
    expect(loud.slice(alone.length + 50)).toContain(true);
  });

  it('speaks in a worker of its own when none is given, and gives nothing for nothing', async () => {
    expect(await speakToPcm('')).toEqual([]);
    expect((await speakToPcm('Hi.')).length).toBeGreaterThan(10);
  });
});
