// What a user of a test says and hears: sines, and where sound begins and ends.
import { AudioFrame, type AudioSource, AudioStream } from '@livekit/rtc-node';

/** Rate of the sources that sines are written to. */
export const RATE = 48_000;

/** A sine; loud enough for any detector, and no faster than real time. Ends early when `isWanted` says no. */
export async function tone(
  source: AudioSource,
  { durationMs, hz, isWanted }: { durationMs: number; hz: number; isWanted: () => boolean },
): Promise<void> {
  for (let at = 0; at < durationMs && isWanted(); at += 20) {
    const data = new Int16Array((RATE * 20) / 1000);
    const from = (at * RATE) / 1000;
    for (let i = 0; i < data.length; i++) data[i] = Math.sin((2 * Math.PI * hz * (from + i)) / RATE) * 8_000;
    await source.captureFrame(new AudioFrame(data, RATE, 1, data.length));
  }
}

export interface Sound {
  readonly on: boolean;
  /** Of full scale 1: of the first 20 ms when it begins, the loudest 20 ms of all when it ends. */
  readonly rms: number;
  readonly atMs: number;
  /** Where in the stream, by its samples: unlike `atMs` the same however late a busy process looks. */
  readonly positionMs: number;
}

/** Tells when sound begins and ends, with its level. */
export async function listen(
  remote: ConstructorParameters<typeof AudioStream>[0],
  tell: (sound: Sound) => void,
): Promise<void> {
  let isLoud = false;
  let quiet = 0;
  let loudest = 0;
  let positionMs = -20;
  for await (const { data } of new AudioStream(remote, { sampleRate: 16_000, numChannels: 1, frameSizeMs: 20 })) {
    positionMs += 20;
    let energy = 0;
    for (const sample of data) energy += sample * sample;
    const rms = Math.sqrt(energy / data.length) / 32_768;
    quiet = rms > 0.01 ? 0 : quiet + 20;
    loudest = isLoud ? Math.max(loudest, rms) : rms;
    if (!isLoud && rms > 0.02) tell({ on: true, rms, atMs: Date.now(), positionMs });
    if (isLoud && quiet >= 100)
      tell({ on: false, rms: loudest, atMs: Date.now() - quiet, positionMs: positionMs + 20 - quiet });
    isLoud = isLoud ? quiet < 100 : rms > 0.02;
  }
}
