// What a user shows in a test: a video of one colour, published and taken back.
import {
  type LocalParticipant,
  LocalVideoTrack,
  TrackPublishOptions,
  TrackSource,
  VideoBufferType,
  VideoFrame,
  VideoSource,
} from '@livekit/rtc-node';

export interface Show {
  readonly source: 'camera' | 'screen';
  readonly rgb: readonly [number, number, number];
  readonly widthPx: number;
  readonly heightPx: number;
  readonly fps: number;
}

/** Returns what takes it back. */
export async function show(
  participant: LocalParticipant,
  { source, rgb, widthPx, heightPx, fps }: Show,
): Promise<() => Promise<void>> {
  const video = new VideoSource(widthPx, heightPx);
  const track = LocalVideoTrack.createVideoTrack(source, video);
  const data = new Uint8Array(widthPx * heightPx * 4);
  for (let at = 0; at < data.length; at += 4) data.set([...rgb, 255], at);
  const picture = new VideoFrame(data, widthPx, heightPx, VideoBufferType.RGBA).convert(VideoBufferType.I420);
  let count = 0;
  const capture = () => video.captureFrame(picture, BigInt(Math.round((++count * 1e6) / fps)));
  capture(); // a source without a frame of its own shows black
  const timer = setInterval(capture, 1000 / fps);
  const kind = source === 'camera' ? TrackSource.SOURCE_CAMERA : TrackSource.SOURCE_SCREENSHARE;
  const { sid = '' } = await participant.publishTrack(track, new TrackPublishOptions({ source: kind }));
  return async () => {
    clearInterval(timer);
    await participant.unpublishTrack(sid);
    await track.close(true);
  };
}
