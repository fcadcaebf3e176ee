import { describe, expect, it } from 'vitest';
import { LevelMeter } from '../../src/audio/level-meter.ts';

const WINDOW = 320;

function setup() {
  const levels: number[] = [];
  const meter = new LevelMeter(WINDOW, (aboveFloorDb) => void levels.push(aboveFloorDb));
  let phase = 0;
  /** A tone at a level in dBFS (of its peak); returns what was metered. */
  const tone = (hz: number, levelDb: number, ms: number) => {
    const before = levels.length;
    const amplitude = 32_768 * 10 ** (levelDb / 20);
    const samples = Int16Array.from({ length: ms * 16 }, () =>
      Math.round(amplitude * Math.sin((2 * Math.PI * hz * phase++) / 16_000)),
    );
    meter.write(samples);
    return levels.slice(before);
  };
  return { meter, levels, tone };
}

describe('LevelMeter', () => {
  it('reports once per full window, however the audio is cut', () => {
    const { meter, levels } = setup();
    for (const length of [1, 318, 1, 640, 100]) meter.write(new Int16Array(length));
    expect(levels.length).toBe(3);
  });

  it('reports how far a voice lies above the floor, in dB', () => {
    const { tone } = setup();
    tone(1000, -50, 3000);
    expect(tone(1000, -20, 200).at(-1)).toBeCloseTo(30 - 1.5, 0);
  });

  it('follows a falling floor at once and a rising one within two seconds and a quarter', () => {
    const { tone } = setup();
    tone(1000, -20, 3000);
    tone(1000, -50, 400);
    expect(tone(1000, -20, 20)[0]).toBeGreaterThan(25);
    const rising = tone(1000, -20, 3000);
    expect(rising[Math.floor(1500 / 20)]).toBeGreaterThan(25);
    expect(rising[Math.floor(2260 / 20)]).toBeLessThan(0);
  });

  it('hears the band of the voice and little of what lies around it', () => {
    const above = (hz: number) => {
      const { tone } = setup();
      tone(hz, -90, 3000); // under the lowest floor
      return tone(hz, -20, 300).at(-1) ?? 0;
    };
    const voice = above(700);
    expect(above(50)).toBeLessThan(voice - 9);
    expect(above(7000)).toBeLessThan(voice - 5);
    expect(Math.abs(above(1500) - voice)).toBeLessThan(2);
  });

  it('never reports more above the floor than silence allows: the floor stays at -65 dBFS', () => {
    const { tone } = setup();
    tone(1000, -100, 5000);
    expect(tone(1000, -20, 200).at(-1)).toBeLessThan(65 - 20);
  });
});
