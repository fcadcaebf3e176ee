// Which video of the room is looked at: that of the user the agent talks to, of the sources that the session asked for.
import type { AgentError } from '../../../errors.ts';
import type { ImageSource } from '../../../providers/llm.ts';
import { ImageRate } from '../../image-rate.ts';
import type { VideoRequest } from '../../transport.ts';
import type { RoomConnection } from '../room/room-connection.ts';
import { subscribe, unsubscribe } from '../room/subscriptions.ts';
import type { Rtc, RtcPublication, RtcTrack } from '../rtc.ts';
import { type ImageEncoder, openImageEncoder } from './image-encoder.ts';
import { readVideo } from './video-track.ts';

export interface CameraOptions {
  readonly rtc: Rtc;
  /** Before the room is joined. */
  readonly connection: RoomConnection;
  readonly video: VideoRequest;
  /** Default: a thread shared by all rooms of the process, started with the first frame. */
  readonly openEncoder?: () => ImageEncoder;
}

interface Watched {
  readonly publication: RtcPublication;
  readonly track: RtcTrack;
  readonly stop: () => void;
}

export function watchVideo({
  rtc,
  connection,
  video,
  openEncoder = () => openImageEncoder(connection.clock),
}: CameraOptions): void {
  const { room } = connection;
  const rate = new ImageRate(video, connection.clock);
  const watched = new Map<ImageSource, Watched>();
  const asked = new Map<ImageSource, RtcPublication>();
  const { SOURCE_CAMERA, SOURCE_SCREENSHARE } = rtc.TrackSource;
  const kinds: Readonly<Record<ImageSource, number>> = { camera: SOURCE_CAMERA, screen: SOURCE_SCREENSHARE };
  let encoder: ImageEncoder | null = null;
  let isOver = false;

  const unwatch = (source: ImageSource) => {
    const seen = watched.get(source);
    if (seen === undefined) return;
    watched.delete(source);
    seen.stop();
    video.onGone(source);
  };

  /** The newest: who switches cameras may publish the next one before the last one is gone. */
  const shown = (source: ImageSource): RtcPublication | undefined =>
    [...(connection.user?.trackPublications.values() ?? [])].findLast((each) => each.source === kinds[source]);

  const watch = (source: ImageSource, publication: RtcPublication, track: RtcTrack) => {
    encoder ??= openEncoder();
    let isForgotten = false;
    /** Asked for every frame: what was turned off is forgotten with the next one, and not looked at until it is on again. */
    const isShown = () => {
      const isOn = connection.switches.videoInput;
      if (!isOn && !isForgotten) video.onGone(source);
      isForgotten = !isOn;
      return isOn && publication.muted !== true;
    };
    const stop = readVideo({
      rtc,
      track,
      source,
      rate,
      video,
      encoder,
      isShown,
      onError: (error: AgentError) => connection.problem(source, error),
    });
    watched.set(source, { publication, track, stop });
  };

  /** What is not looked at any more would be decoded for nobody. */
  const letGo = (source: ImageSource) => {
    const publication = asked.get(source);
    asked.delete(source);
    const isThere = [...room.remoteParticipants.values()].some(({ trackPublications }) =>
      [...trackPublications.values()].some((each) => each === publication),
    );
    if (publication !== undefined && isThere) unsubscribe(publication, asked, connection.clock);
  };

  const look = () => {
    if (isOver) return;
    for (const source of video.sources) {
      const publication = shown(source);
      const track = publication?.track;
      if (asked.get(source) !== publication) letGo(source);
      if (watched.get(source)?.track !== track) unwatch(source);
      if (publication === undefined) continue;
      asked.set(source, publication);
      subscribe(publication, asked);
      if (track !== undefined && !watched.has(source)) watch(source, publication, track);
    }
  };

  const mute = (publication: RtcPublication) => {
    for (const [source, seen] of watched) if (seen.publication === publication) video.onGone(source);
  };

  const end = async () => {
    isOver = true;
    for (const source of video.sources) unwatch(source);
    encoder?.close();
    encoder = null;
  };

  for (const event of [
    'participantConnected',
    'participantDisconnected',
    'trackPublished',
    'trackUnpublished',
    'trackSubscribed',
    // A stream does not end with the subscription by itself.
    'trackUnsubscribed',
    'reconnected',
  ] as const)
    room.on(event, look);
  room.on('trackMuted', mute);
  room.on('disconnected', end);
  connection.beforeLeaving(async () => {
    for (const source of video.sources) letGo(source);
    await end();
  });
  connection.onUser(look);
}
