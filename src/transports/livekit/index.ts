// A LiveKit room as transport, and what front ends see in it.
export { AgentControl, agentControlOf, attachAgentControl, type ControlCounters } from './agent-control.ts';
export type { AgentControlOptions, ControlHandler } from './control-options.ts';
export { CONTROL_VERBS, type ControlFields, type ControlVerb, SAFE_VERBS } from './control-protocol.ts';
export {
  type LivekitToken,
  LivekitTransport,
  type LivekitTransportOptions,
  livekitTransport,
} from './livekit-transport.ts';
export type { RoomConnection } from './room-connection.ts';
export { attachRoomIo } from './room-io.ts';
export type { RoomSwitches } from './room-switches.ts';
export { disposeLivekit, type Rtc } from './rtc.ts';
export { attachSessionChannel, type SessionChannelOptions } from './session-channel.ts';
