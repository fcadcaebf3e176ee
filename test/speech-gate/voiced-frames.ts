// Which 20 ms of a clean recording are voice: the reference a detector is measured against.

export const FRAME_SAMPLES = 320;
/** The recordings are studio clean, 60 dB above their noise; a frame this far under the loud ones is no longer heard. */
const BELOW_LOUD_DB = 30;

/**
 * One truth value per frame. Loud is the level that one frame in ten exceeds. A lone frame is a click, not voice, and
 * the closure of a stop (up to 60 ms between voiced frames) belongs to the voice around it.
 */
export function voicedFrames(samples: Int16Array): readonly boolean[] {
  const count = Math.floor(samples.length / FRAME_SAMPLES);
  const levels = Array.from({ length: count }, (_, frame) => {
    let sum = 1;
    for (let i = 0; i < FRAME_SAMPLES; i++) sum += (samples[frame * FRAME_SAMPLES + i] ?? 0) ** 2;
    return 10 * Math.log10(sum / FRAME_SAMPLES);
  });
  const loud = [...levels].sort((a, b) => b - a)[Math.floor(count / 10)] ?? 0;
  const voiced = levels.map((level) => level > loud - BELOW_LOUD_DB);
  const steady = voiced.map((is, i) => is && (voiced[i - 1] === true || voiced[i + 1] === true));
  return steady.map(
    (is, i) => is || ([1, 2, 3].some((d) => steady[i - d] === true) && [1, 2, 3].some((d) => steady[i + d] === true)),
  );
}
