import { expect, it } from 'vitest';
import { FRAME_SAMPLES, voicedFrames } from './voiced-frames.ts';

/** Frames of a tone: L loud, q 20 dB under it, n 50 dB under it. */
function frames(pattern: string): Int16Array {
  const levels: Record<string, number> = { L: 10_000, q: 1000, n: 30 };
  const all = [...pattern].flatMap((letter) =>
    Array.from({ length: FRAME_SAMPLES }, (_, i) => (levels[letter] ?? 0) * Math.sin(i)),
  );
  return Int16Array.from(all);
}
const voiced = (pattern: string) =>
  voicedFrames(frames(pattern))
    .map((is) => (is ? 'v' : '.'))
    .join('');

it.each([
  ['quiet voice counts, the noise of the room does not', 'nnnnLLqqLLnnnn', '....vvvvvv....'],
  ['a closure of 60 ms belongs to the voice around it', 'nnnnnLLnnnLLnnnnn', '.....vvvvvvv.....'],
  ['a longer pause does not', 'nnnnnLLnnnnnnLLnn', '.....vv......vv..'],
  ['a lone frame is a click', 'nnnnnLnnnnnnLLnnn', '............vv...'],
])('%s', (_, pattern, expected) => expect(voiced(pattern)).toBe(expected));
