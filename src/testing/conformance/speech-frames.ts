// Audio and waiting as the speech suites need them.
import type { AudioFrame } from '../../audio/frame.ts';
import type { Setting } from './rule.ts';

/** 16 kHz mono audio as frames of `frameMs`, each with samples of its own. */
export function framesOf(samples: Int16Array, frameMs = 20): AudioFrame[] {
  const size = frameMs * 16;
  const frames: AudioFrame[] = [];
  for (let at = 0; at < samples.length; at += size)
    frames.push({ samples: samples.slice(at, at + size), sampleRateHz: 16_000, channels: 1 });
  return frames;
}

/** Enough settling for an answer that must not come. */
const QUIET_SETTLES = 12;

export async function stayQuiet(setting: Setting): Promise<void> {
  for (let i = 0; i < QUIET_SETTLES; i++) await setting.settle();
}

/** What was seen, for the reason of a failed rule. */
export function seen(what: string, value: unknown): string {
  return `${what}; saw ${JSON.stringify(value)}`;
}
