// A LiveKit room as transport, and what front ends see in it.
export { AgentControl, agentControlOf, attachAgentControl, type ControlCounters } from './channels/agent-control.ts';
export type { AgentControlOptions, ControlHandler } from './channels/control-options.ts';
export { CONTROL_VERBS, type ControlFields, type ControlVerb, SAFE_VERBS } from './channels/control-protocol.ts';
export { attachSessionChannel, type SessionChannelOptions } from './channels/session-channel.ts';
export {
  type LivekitToken,
  LivekitTransport,
  type LivekitTransportOptions,
  livekitTransport,
} from './livekit-transport.ts';
export type { RoomConnection } from './room/room-connection.ts';
export { attachRoomIo } from './room/room-io.ts';
export type { RoomSwitches } from './room/room-switches.ts';
export { disposeLivekit, type Rtc } from './rtc.ts';
