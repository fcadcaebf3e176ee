import { describe, expect, it } from 'vitest';
import { decodeG722 } from './g722.ts';

describe('the G.722 decoder', () => {
  it('gives two samples for a byte and comes to rest on codes of alternating sign', () => {
    // The smallest difference up and down in both bands, which is how an encoder holds a silent line.
    const bytes = Uint8Array.from({ length: 800 }, (_, i) => (i % 2 === 0 ? 0xfe : 0x7c | 0x03));
    const samples = decodeG722(bytes);
    expect(samples.length).toBe(1600);
    expect(Math.max(...samples.slice(800).map(Math.abs))).toBeLessThan(100);
  });

  it('follows large steps without leaving 16 bits', () => {
    const bytes = Uint8Array.from({ length: 4000 }, (_, i) => (i % 16 < 8 ? 0x04 : 0x24));
    const samples = decodeG722(bytes);
    expect(Math.max(...samples)).toBeGreaterThan(5000);
    expect(Math.min(...samples)).toBeLessThan(-5000);
  });

  it('keeps its state from byte to byte only within one call', () => {
    const bytes = Uint8Array.from({ length: 500 }, (_, i) => (i * 37) % 256);
    expect(decodeG722(bytes)).toEqual(decodeG722(bytes));
  });
});
