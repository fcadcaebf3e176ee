// Reads one video track of the room and hands over the images that the session wants.
import { nextLoopTurn } from '../../../clock.ts';
import { AgentError, toAgentError } from '../../../errors.ts';
import type { ImageSource } from '../../../providers/llm.ts';
import type { ImageRate } from '../../image-rate.ts';
import type { VideoRequest } from '../../transport.ts';
import { readTrack } from '../room/read-track.ts';
import type { Rtc, RtcTrack, RtcVideoEvent } from '../rtc.ts';
import type { ImageEncoder } from './image-encoder.ts';
import { type YuvFrame, yuvLength } from './yuv.ts';

export interface VideoTrackOptions {
  readonly rtc: Pick<Rtc, 'VideoStream' | 'VideoBufferType'>;
  readonly track: RtcTrack;
  readonly source: ImageSource;
  readonly rate: ImageRate;
  readonly video: VideoRequest;
  readonly encoder: ImageEncoder;
  /** False while the track is muted. */
  isShown(): boolean;
  /** Told of the first of several failures in a row. */
  onError(error: AgentError): void;
}

/** Larger than any camera; a size from outside is not trusted. */
const MAX_SIDE_PX = 8_192;

/**
 * Every frame is read and almost every one dropped, untouched. To open the stream only when an image is due would be
 * cheaper by 4 % of a core, but a frame that is on its way when a stream is closed is never freed: 1.4 MB for each
 * thirtieth image, and for each fourth on a busy machine. Returns a function that stops reading. Idempotent.
 */
export function readVideo({
  rtc,
  track,
  source,
  rate,
  video,
  encoder,
  isShown,
  onError,
}: VideoTrackOptions): () => void {
  let isOpen = true;
  let newest: RtcVideoEvent | null = null;
  let isTaking = false;
  let hasFailed = false;

  const take = async () => {
    isTaking = true;
    try {
      // After a stall the frames come in one burst; the last of them shows what is.
      await nextLoopTurn();
      const event = newest;
      if (event === null || !isOpen) return;
      rate.take(source);
      const { longestSidePx, quality } = video;
      const { data, widthPx, heightPx } = await encoder.encode(frameOf(rtc, event), { longestSidePx, quality });
      if (!isOpen || !isShown()) return;
      hasFailed = false;
      video.onImage({ mimeType: 'image/jpeg', data, widthPx, heightPx, source });
    } catch (error) {
      if (isOpen && !hasFailed) onError(toAgentError(error, 'ERR_VIDEO', `a frame of the ${source} could not be used`));
      hasFailed = true;
    } finally {
      newest = null;
      isTaking = false;
    }
  };

  const see = (event: RtcVideoEvent) => {
    if (!isShown() || !rate.isDue(source)) return;
    newest = event;
    if (!isTaking) void take();
  };
  const stop = readTrack(new rtc.VideoStream(track), see, onError);
  return () => {
    isOpen = false;
    stop();
  };
}

/** A copy: the encoder works on it in another thread. */
function frameOf(rtc: Pick<Rtc, 'VideoBufferType'>, { frame, rotation }: RtcVideoEvent): YuvFrame {
  const { I420 } = rtc.VideoBufferType;
  const { data, width, height } = frame.type === I420 ? frame : frame.convert(I420);
  const isSize = (side: number) => Number.isInteger(side) && side > 0 && side <= MAX_SIDE_PX;
  if (!isSize(width) || !isSize(height) || data.length < yuvLength(width, height))
    throw new AgentError('ERR_VIDEO', `a frame says ${width} x ${height} and has ${data.length} bytes`);
  const degrees = ([0, 90, 180, 270] as const)[rotation] ?? 0;
  return { data: new Uint8Array(data), widthPx: width, heightPx: height, rotationDegrees: degrees };
}
