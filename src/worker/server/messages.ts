// LiveKit's agent protocol as bytes: what a worker says, and what a server says to it.
import {
  AvailabilityResponse,
  JobStatus,
  MigrateJobRequest,
  ParticipantPermission,
  RegisterWorkerRequest,
  ServerMessage,
  UpdateJobStatus,
  UpdateWorkerStatus,
  WorkerMessage,
  WorkerPing,
  WorkerStatus,
} from '@livekit/protocol';
import { textOf } from '../../errors.ts';
import { JOB_TYPES, type JobInfo, type JobKind, jobInfoOf } from '../job/job-info.ts';

/** What agents of this worker may do in a room; missing fields are false. */
export type AgentPermissions = Readonly<
  Partial<
    Record<
      | 'canSubscribe'
      | 'canPublish'
      | 'canPublishData'
      | 'canUpdateMetadata'
      | 'hidden'
      | 'canSubscribeMetrics'
      | 'canManageAgentSession',
      boolean | undefined
    >
  >
>;

export interface Registering {
  readonly kind: JobKind;
  readonly agentName: string;
  readonly version: string;
  readonly deployment: string;
  readonly permissions: AgentPermissions | null;
}

export interface Answer {
  readonly jobId: string;
  readonly isAvailable: boolean;
  /** Refuses for every worker: the job is not offered to anyone else. */
  readonly terminate?: boolean;
  readonly identity?: string;
  readonly name?: string;
  readonly metadata?: string;
  readonly attributes?: Readonly<Record<string, string>>;
}

export type ReportedStatus = 'running' | 'success' | 'failed';

export type ServerSaid =
  | { readonly kind: 'registered'; readonly workerId: string; readonly serverVersion: string }
  | { readonly kind: 'offer'; readonly job: JobInfo }
  | { readonly kind: 'assignment'; readonly job: JobInfo; readonly url: string; readonly token: string }
  | { readonly kind: 'termination'; readonly jobId: string }
  | { readonly kind: 'pong' }
  /** Not a message of this protocol, or one without its necessary parts. */
  | { readonly kind: 'bad'; readonly why: string };

const STATUS: Readonly<Record<ReportedStatus, JobStatus>> = {
  running: JobStatus.JS_RUNNING,
  success: JobStatus.JS_SUCCESS,
  failed: JobStatus.JS_FAILED,
};

/** Longest error text that is sent; the rest belongs into the log. */
const MAX_ERROR_CHARS = 500;

const bytesOf = (message: WorkerMessage['message']): Uint8Array => new WorkerMessage({ message }).toBinary();

export function registerBytes({ kind, agentName, version, deployment, permissions }: Registering): Uint8Array {
  const value = new RegisterWorkerRequest({ type: JOB_TYPES[kind], agentName, version, deployment });
  if (permissions !== null) {
    const granted = Object.entries(permissions).filter(([, isGranted]) => isGranted === true);
    value.allowedPermissions = new ParticipantPermission(Object.fromEntries(granted));
  }
  return bytesOf({ case: 'register', value });
}

export function answerBytes({
  jobId,
  isAvailable,
  terminate,
  identity,
  name,
  metadata,
  attributes,
}: Answer): Uint8Array {
  return bytesOf({
    case: 'availability',
    value: new AvailabilityResponse({
      jobId,
      available: isAvailable,
      terminate: terminate ?? false,
      participantIdentity: identity ?? '',
      participantName: name ?? '',
      participantMetadata: metadata ?? '',
      participantAttributes: { ...attributes },
    }),
  });
}

/** The load goes along always: a status without it would say 0. */
export function workerStatusBytes(isOpen: boolean, load: number, jobCount: number): Uint8Array {
  const status = isOpen ? WorkerStatus.WS_AVAILABLE : WorkerStatus.WS_FULL;
  return bytesOf({ case: 'updateWorker', value: new UpdateWorkerStatus({ status, load, jobCount }) });
}

export function jobStatusBytes(jobId: string, status: ReportedStatus, error: string | null): Uint8Array {
  const value = new UpdateJobStatus({
    jobId,
    status: STATUS[status],
    error: (error ?? '').slice(0, MAX_ERROR_CHARS),
  });
  return bytesOf({ case: 'updateJob', value });
}

export function pingBytes(atEpochMs: number): Uint8Array {
  return bytesOf({ case: 'ping', value: new WorkerPing({ timestamp: BigInt(Math.floor(atEpochMs)) }) });
}

/** Announces jobs that went on while the socket was gone. The open-source server ignores it; others do not. */
export function migrateBytes(jobIds: readonly string[]): Uint8Array {
  return bytesOf({ case: 'migrateJob', value: new MigrateJobRequest({ jobIds: [...jobIds] }) });
}

/** Never throws, whatever the bytes are. */
export function readServer(data: Uint8Array | string): ServerSaid {
  if (typeof data === 'string') return { kind: 'bad', why: 'a text frame' };
  let message: ServerMessage['message'];
  try {
    ({ message } = ServerMessage.fromBinary(data));
  } catch (error) {
    return { kind: 'bad', why: textOf(error) };
  }
  switch (message.case) {
    case 'register':
      return {
        kind: 'registered',
        workerId: message.value.workerId,
        serverVersion: message.value.serverInfo?.version ?? '',
      };
    case 'availability': {
      const { job } = message.value;
      if (job === undefined || job.id === '') return { kind: 'bad', why: 'an offer without a job' };
      return { kind: 'offer', job: jobInfoOf(job) };
    }
    case 'assignment': {
      const { job, url, token } = message.value;
      if (job === undefined || job.id === '') return { kind: 'bad', why: 'an assignment without a job' };
      if (token === '') return { kind: 'bad', why: 'an assignment without a token' };
      return { kind: 'assignment', job: jobInfoOf(job), url: url ?? '', token };
    }
    case 'termination':
      return { kind: 'termination', jobId: message.value.jobId };
    case 'pong':
      return { kind: 'pong' };
    default:
      return { kind: 'bad', why: 'a message of no known kind' };
  }
}
