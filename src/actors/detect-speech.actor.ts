// Feeds microphone frames to a voice activity detector and its edges to the input link.
import type { InputLink } from '../audio/input-link.ts';
import type { Clock } from '../clock.ts';
import type { PipelineEvent } from '../events.ts';
import type { Vad, VadStream } from '../providers/vad.ts';
import type { StreamIo } from './stream.ts';

export interface DetectSpeechDeps {
  readonly vad: Vad;
  readonly link: InputLink;
  readonly clock: Clock;
  readonly sustainedAfterMs: number;
}

export function detectSpeech(
  { vad, link, clock, sustainedAfterMs }: DetectSpeechDeps,
  io: StreamIo<PipelineEvent>,
): () => void {
  let stream: VadStream | undefined;
  const port = link.attachVad({
    write: io.guard((frame) => stream?.write(frame)),
    pendingSamples: () => {
      let pending = 0;
      io.guard(() => {
        pending = stream?.pendingSamples ?? 0;
      })();
      return pending;
    },
  });
  stream = vad.open({
    originMs: port.originMs,
    speaking: port.speaking,
    sustainedAfterMs,
    clock: io.guardClock(clock),
    signal: io.signal,
    report: io.guard((edge) => port.report(edge)),
    fail: io.fail,
  });
  io.report({ type: 'pipeline.opened' });
  return () => stream?.close();
}
