// Published as `livekitex-agent/worker`: a process that LiveKit dispatches calls to.

export type { LogLevel } from '../observer.ts';
export {
  defineWorker,
  type Entry,
  isWorker,
  type JobDecision,
  type Prewarm,
  type RequestFilter,
  type WorkerDefinition,
  type WorkerOptions,
} from './define-worker.ts';
export { HealthServer, type HealthServerOptions, type HealthSource, type KnownTool } from './health/health-server.ts';
export { forkHost } from './host/fork-host.ts';
export type { ForkHost, FromHost, HostLink, HostListener, ToHost } from './host/host-link.ts';
export type { HostOptions } from './host/host-options.ts';
export { HostPool, type HostPoolOptions } from './host/host-pool.ts';
export { InProcessRunner, type InProcessRunnerOptions } from './in-process-runner.ts';
export type { JobChannelOptions } from './job/job-channels.ts';
export type {
  DialOptions,
  JobContext,
  ParticipantEntry,
  SessionForParticipant,
  ShutdownCallback,
  TransferOptions,
} from './job/job-context.ts';
export type { JobInfo, JobKind, JobParticipant } from './job/job-info.ts';
export type { RoomParticipant } from './job/job-participants.ts';
export type { JobSession, JobSessionOptions } from './job/job-sessions.ts';
export type { ParticipantSessions, ParticipantSessionsOptions } from './job/participant-sessions.ts';
export type { SipCallStatus, SipDetails } from './job/sip-details.ts';
export type {
  CollectDtmfOptions,
  CollectedDtmf,
  DtmfListener,
  DtmfTone,
  SendDtmfOptions,
  WaitForSipOptions,
} from './job/telephone.ts';
export type { CpuMeter } from './load.ts';
export { type LogFields, type Logger, type PinoLoggerOptions, pinoLogger, silentLogger } from './logger.ts';
export type { ReconcilerStatus } from './reconciler/reconciler.ts';
export type {
  AssignedJob,
  CallbackResult,
  HostStatus,
  JobRun,
  JobRunner,
  LagReading,
  Presence,
  RunningSession,
  RunReport,
} from './runner.ts';
export type { AgentSocket, OpenSocket, SocketListener, SocketTarget } from './server/agent-socket.ts';
export type { ConnectionOptions } from './server/connection-options.ts';
export type { AgentPermissions } from './server/messages.ts';
export type {
  CallOptions,
  NewDispatch,
  NewSipParticipant,
  NewTransfer,
  ServerApi,
  ServerDispatch,
  ServerJob,
  ServerParticipant,
  ServerRoom,
  SipCall,
} from './server/server-api.ts';
export {
  type JobStatus,
  type RegistrationStatus,
  WorkerManager,
  type WorkerManagerOptions,
  type WorkerState,
  type WorkerStatus,
} from './worker-manager.ts';
export type { JobReport } from './worker-scope.ts';
