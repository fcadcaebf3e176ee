// What a worker knows about a job, as plain data that can cross a process boundary.
import { type Job, JobType, type ParticipantInfo, ParticipantInfo_Kind } from '@livekit/protocol';

/** What a job is made for: a room, a participant that publishes, or each participant that joins. */
export type JobKind = 'room' | 'publisher' | 'participant';

/** A participant of a room as the server described it. */
export interface JobParticipant {
  readonly sid: string;
  readonly identity: string;
  readonly name: string;
  readonly metadata: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly kind: 'standard' | 'ingress' | 'egress' | 'sip' | 'agent' | 'connector' | 'other';
}

export interface JobInfo {
  readonly id: string;
  readonly dispatchId: string;
  readonly kind: JobKind;
  readonly roomName: string;
  readonly roomSid: string;
  readonly agentName: string;
  /** Text given with the dispatch. */
  readonly metadata: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly deployment: string;
  readonly enableRecording: boolean;
  /** Whom the job is for; null for room jobs. */
  readonly participant: JobParticipant | null;
}

export const JOB_TYPES: Readonly<Record<JobKind, JobType>> = {
  room: JobType.JT_ROOM,
  publisher: JobType.JT_PUBLISHER,
  participant: JobType.JT_PARTICIPANT,
};

export function jobInfoOf(job: Job): JobInfo {
  const { participant } = job;
  return {
    id: job.id,
    dispatchId: job.dispatchId,
    kind: jobKindOf(job.type),
    roomName: job.room?.name ?? '',
    roomSid: job.room?.sid ?? '',
    agentName: job.agentName,
    metadata: job.metadata,
    attributes: { ...job.attributes },
    deployment: job.deployment,
    enableRecording: job.enableRecording,
    participant: participant === undefined ? null : jobParticipantOf(participant),
  };
}

export function jobParticipantOf({ sid, identity, name, metadata, attributes, kind }: ParticipantInfo): JobParticipant {
  const known = PARTICIPANT_KINDS.get(kind) ?? 'other';
  return { sid, identity, name, metadata, attributes: { ...attributes }, kind: known };
}

const PARTICIPANT_KINDS: ReadonlyMap<ParticipantInfo_Kind, JobParticipant['kind']> = new Map([
  [ParticipantInfo_Kind.STANDARD, 'standard'],
  [ParticipantInfo_Kind.INGRESS, 'ingress'],
  [ParticipantInfo_Kind.EGRESS, 'egress'],
  [ParticipantInfo_Kind.SIP, 'sip'],
  [ParticipantInfo_Kind.AGENT, 'agent'],
  [ParticipantInfo_Kind.CONNECTOR, 'connector'],
] as const);

export function jobKindOf(type: JobType): JobKind {
  switch (type) {
    case JobType.JT_PUBLISHER:
      return 'publisher';
    case JobType.JT_PARTICIPANT:
      return 'participant';
    default:
      return 'room';
  }
}
