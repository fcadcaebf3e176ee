// The public surface of livekitex-agent.

export { SimpleEnergyVad, type SimpleEnergyVadOptions } from './audio/energy-vad.ts';
export {
  type AudioFormat,
  type AudioFrame,
  durationMsOf,
  frameFromBytes,
  frameFromFloat,
  INPUT_FORMAT,
} from './audio/frame.ts';
export { readWav, type WavAudio } from './audio/wav.ts';
export { WavWriter, type WavWriterOptions, writeWav } from './audio/wav-writer.ts';
export { type Clock, realClock } from './clock.ts';
export { AgentError, ERRORS, type ErrorCode, type ErrorDetail } from './errors.ts';
export type {
  CancelCause,
  SessionEventMap,
  SessionEventName,
  SessionState,
  TurnLatency,
  TurnMode,
  TurnOutcome,
  UserState,
} from './events.ts';
export { type Ids, randomIds, seededIds } from './ids.ts';
export type { JsonSchema, JsonValue } from './json.ts';
export type { Problem, ProblemHandler } from './observer.ts';
export type {
  ChatChunk,
  ChatImage,
  ChatMessage,
  ChatRequest,
  ChatTool,
  ChatToolCall,
  ImageSource,
  Llm,
  LlmCapabilities,
} from './providers/llm.ts';
export type { Stt, SttCapabilities, SttOpenOptions, SttResult, SttStream } from './providers/stt.ts';
export type { Tts, TtsCapabilities, TtsOpenOptions, TtsResult, TtsStream } from './providers/tts.ts';
export type { TurnDetector, TurnDetectorInput } from './providers/turn-detector.ts';
export type { Vad, VadEdge, VadOpenOptions, VadOptions, VadStream } from './providers/vad.ts';
export { Agent, type AgentOptions, type AgentState } from './runtime/agent.ts';
export type { AgentSession, ReplyOptions, SessionEnd, SessionUsage } from './runtime/agent-session.ts';
export {
  type AgentSessionCommand,
  type AgentSessionContext,
  type AgentSessionEvent,
  type AgentSessionInput,
  type AgentSessionLogic,
  type AgentSessionOutput,
  type AgentSessionRef,
  type AgentSessionSnapshot,
  type AgentSessionTag,
  agentSession,
  sessionOf,
} from './runtime/agent-session-logic.ts';
export { type ChartName, charts } from './runtime/charts.ts';
export { createRuntime, type Runtime } from './runtime/create-runtime.ts';
export { type EmbeddedOptions, embeddedProviders, type ModelProgress } from './runtime/embedded-providers.ts';
export type { SupervisedEngines } from './runtime/engines.ts';
export type { AnySessionListener, SessionListener } from './runtime/event-hub.ts';
export type { ChatItem, ImageRef } from './runtime/ledger.ts';
export type { EmbeddedProviders, ProviderChoice } from './runtime/resolve-providers.ts';
export type { InspectionObserver, RuntimeOptions, SessionStartOptions } from './runtime/runtime-options.ts';
export type { SessionOptionsInput } from './runtime/session-options.ts';
export type { SpeechHandle, SpeechResult } from './speech-handle.ts';
export {
  defineTool,
  globalTools,
  RunContext,
  type RunContextInit,
  type Tool,
  type ToolArguments,
  type ToolBreakerLimits,
  type ToolDefinition,
  ToolError,
  type ToolLog,
  type ToolLogEntry,
  type ToolParameters,
  ToolRegistry,
  type ToolSession,
  tool,
  type UserData,
} from './tools/index.ts';
export {
  type AgentControl,
  type AgentControlOptions,
  agentControlOf,
  attachAgentControl,
  attachRoomIo,
  attachSessionChannel,
  CONTROL_VERBS,
  type ControlCounters,
  type ControlFields,
  type ControlHandler,
  type ControlVerb,
  disposeLivekit,
  type LivekitToken,
  type LivekitTransport,
  type LivekitTransportOptions,
  livekitTransport,
  type RoomConnection,
  type RoomSwitches,
  SAFE_VERBS,
  type SessionChannelOptions,
} from './transports/livekit/index.ts';
export { type LoopbackOptions, LoopbackTransport, type PlayedAudio } from './transports/loopback/index.ts';
export type {
  AudioSink,
  Transport,
  TransportConnection,
  TransportEvent,
  TransportOpenOptions,
  VideoRequest,
} from './transports/transport.ts';
