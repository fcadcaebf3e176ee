// Reads one audio track of the room for as long as it lasts; always reads, because an unread stream grows without bound.
import { type AudioFrame, INPUT_FORMAT } from '../../../audio/frame.ts';
import { Port } from '../../../audio/port.ts';
import { nextLoopTurn } from '../../../clock.ts';
import { AgentError } from '../../../errors.ts';
import type { Rtc, RtcFrame, RtcTrack } from '../rtc.ts';
import { readTrack } from './read-track.ts';

/** After a stall of the process older audio than this is dropped and told; the rest comes in one burst. */
const CAPACITY_MS = 2_000;
const FRAME_MS = 20;

export interface MicrophoneOptions {
  readonly rtc: Pick<Rtc, 'AudioStream'>;
  readonly track: RtcTrack;
  onFrame(frame: AudioFrame): void;
  onError(error: unknown): void;
}

/** Returns a function that stops reading and releases the native stream. Idempotent. */
export function readMicrophone({ rtc, track, onFrame, onError }: MicrophoneOptions): () => void {
  // The library resamples at no cost and without delay, so it is asked for what the detectors hear.
  const { sampleRateHz, channels } = INPUT_FORMAT;
  const stream = new rtc.AudioStream(track, { sampleRate: sampleRateHz, numChannels: channels, frameSizeMs: FRAME_MS });
  const port = new Port({ capacityMs: CAPACITY_MS, drop: 'oldest' });
  let isOpen = true;
  let isDraining = false;
  let toldDropped = 0;

  const drain = async () => {
    isDraining = true;
    // All frames of a burst are read before this turn comes, so that the oldest can be dropped.
    await nextLoopTurn();
    isDraining = false;
    if (port.dropped > toldDropped) {
      const lostMs = (port.dropped - toldDropped) * FRAME_MS;
      toldDropped = port.dropped;
      onError(new AgentError('ERR_TRANSPORT', `the process stalled: the oldest ${lostMs} ms of the user were dropped`));
    }
    for (let frame = port.read(); frame !== undefined && isOpen; frame = port.read()) onFrame(frame);
  };

  const take = ({ data, sampleRate, channels }: RtcFrame) => {
    port.write({ samples: new Int16Array(data), sampleRateHz: sampleRate, channels });
    if (!isDraining) drain().catch(onError);
  };
  const stop = readTrack(stream, take, onError);
  return () => {
    isOpen = false;
    port.clear();
    stop();
  };
}
