import { describe, expect, it } from 'vitest';
import { sincTable } from '../../src/audio/sinc-table.ts';

describe('sincTable', () => {
  it.each([
    [48_000, 16_000, 1, 3],
    [16_000, 48_000, 3, 1],
    [44_100, 16_000, 160, 441],
    [47_999, 16_000, 16_000, 47_999],
  ])('%i -> %i Hz has the ratio in lowest terms', (from, to, interpolation, decimation) => {
    expect(sincTable(from, to)).toMatchObject({ interpolation, decimation });
  });

  it.each([
    [48_000, 16_000],
    [22_050, 24_000],
    [8000, 191_999],
  ])('%i -> %i Hz passes a constant level unchanged in every phase', (from, to) => {
    const { coefficients, taps, phases } = sincTable(from, to);
    expect(taps % 4).toBe(0);
    expect(coefficients.length).toBe((phases + 1) * taps);
    for (let phase = 0; phase <= phases; phase++) {
      const sum = coefficients.subarray(phase * taps, (phase + 1) * taps).reduce((total, value) => total + value, 0);
      expect(Math.abs(sum - 1)).toBeLessThan(1e-12);
    }
  });

  it('holds every phase of the usual rates and stays under 1 MB for any', () => {
    for (const from of [8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
      for (const to of [8000, 16_000, 24_000, 48_000])
        expect(sincTable(from, to)).toMatchObject({ phases: sincTable(from, to).interpolation });
    for (const [from, to] of [
      [191_999, 8000],
      [8000, 191_999],
      [47_999, 16_000],
      [16_001, 16_000],
    ] as const)
      expect(sincTable(from, to).coefficients.byteLength).toBeLessThan(1_000_000);
  });

  it('is shared by streams of the same ratio', () => {
    expect(sincTable(48_000, 16_000)).toBe(sincTable(24_000, 8000));
  });

  it('keeps only the pairs used lately', () => {
    const used = sincTable(48_000, 16_000);
    const unused = sincTable(44_100, 16_000);
    for (let i = 0; i < 20; i++) {
      sincTable(8000 + i * 8, 8000);
      expect(sincTable(48_000, 16_000)).toBe(used);
    }
    expect(sincTable(44_100, 16_000)).not.toBe(unused);
  });
});
