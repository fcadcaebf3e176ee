// A LiveKit room as transport, and what front ends see in it.
export {
  type LivekitToken,
  LivekitTransport,
  type LivekitTransportOptions,
  livekitTransport,
} from './livekit-transport.ts';
export { RoomConnection } from './room-connection.ts';
export { attachRoomIo, type ObservedSession, type ShownAgentState } from './room-io.ts';
export { disposeLivekit, type Rtc } from './rtc.ts';
