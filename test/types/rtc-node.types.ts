// The types that stand for the library are a part of its own: fails to compile when they drift apart.
import type {
  AudioFrame,
  AudioSource,
  LocalAudioTrack,
  RemoteTrackPublication,
  Room,
  VideoFrameEvent,
} from '@livekit/rtc-node';
import { expectTypeOf } from 'vitest';
import type { Rtc, RtcPublication, RtcRoom, RtcTrack, RtcVideoEvent } from '../../src/transports/livekit/rtc.ts';

// All but `on`, which is generic over the names of the events.
expectTypeOf<Room>().toExtend<Omit<RtcRoom, 'on'>>();
expectTypeOf<AudioSource>().toExtend<InstanceType<Rtc['AudioSource']>>();
expectTypeOf<AudioFrame>().toExtend<InstanceType<Rtc['AudioFrame']>>();
expectTypeOf<LocalAudioTrack>().toExtend<RtcTrack>();
expectTypeOf<RemoteTrackPublication>().toExtend<RtcPublication>();
expectTypeOf<VideoFrameEvent>().toExtend<RtcVideoEvent>();
