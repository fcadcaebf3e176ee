// Contract: what workers and jobs ask of a LiveKit server beside joining its rooms: rooms, participants, dispatches, telephone calls.
import type { JobKind, JobParticipant } from '../job/job-info.ts';

export interface CallOptions {
  /** Milliseconds until the call is given up. Default 10 000; 90 000 for those that wait for a telephone to be answered. */
  readonly timeoutMs?: number;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal?: AbortSignal;
}

export interface ServerRoom {
  readonly sid: string;
  readonly name: string;
  readonly metadata: string;
  /** Agents, recorders and hidden ones are not counted by the server. */
  readonly participantCount: number;
  readonly createdAtEpochMs: number;
}

export interface ServerParticipant extends JobParticipant {
  readonly joinedAtEpochMs: number;
}

export interface ServerJob {
  readonly id: string;
  readonly kind: JobKind;
  readonly status: 'pending' | 'running' | 'success' | 'failed';
  readonly error: string;
  /** Identity of the agent in the room. */
  readonly agentIdentity: string;
  /** Whom the job is for; null for room jobs. */
  readonly participant: JobParticipant | null;
  readonly workerId: string;
  /** 0 when it has not ended. */
  readonly endedAtEpochMs: number;
}

export interface ServerDispatch {
  readonly id: string;
  readonly agentName: string;
  readonly roomName: string;
  readonly metadata: string;
  readonly deployment: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly createdAtEpochMs: number;
  /** 0 when it was not deleted. */
  readonly deletedAtEpochMs: number;
  readonly jobs: readonly ServerJob[];
}

export interface NewDispatch {
  readonly roomName: string;
  readonly agentName: string;
  readonly metadata?: string;
  readonly deployment?: string;
  /** Handed on to its jobs. */
  readonly attributes?: Readonly<Record<string, string>>;
}

export interface NewSipParticipant {
  readonly roomName: string;
  /** What the called one is called in the room; must be unique there. */
  readonly identity: string;
  readonly trunkId: string;
  /** Number or SIP user to call. */
  readonly to: string;
  /** Number to call from. Default: that of the trunk. */
  readonly from?: string;
  readonly name?: string;
  readonly metadata?: string;
  readonly attributes?: Readonly<Record<string, string>>;
  /** Tones sent as soon as the call is answered; `w` waits for half a second. */
  readonly dtmf?: string;
  /** The room hears a dial tone until the call is answered. Default false. */
  readonly playDialtone?: boolean;
  readonly hidePhoneNumber?: boolean;
  /** SIP headers of the call. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds of ringing until it is given up. Default: what the server has, 30 000 as a rule. */
  readonly ringingTimeoutMs?: number;
  /** Default: no limit. */
  readonly maxCallDurationMs?: number;
  /** The answer of the server comes when the call is answered, and an error when it is not. Default false: at once. */
  readonly waitUntilAnswered?: boolean;
}

export interface NewTransfer {
  readonly roomName: string;
  readonly identity: string;
  /** `tel:+123...` or `sip:user@host`. */
  readonly to: string;
  /** The caller hears a dial tone meanwhile. Default false. */
  readonly playDialtone?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly ringingTimeoutMs?: number;
}

export interface SipCall {
  readonly participantSid: string;
  readonly identity: string;
  readonly roomName: string;
  readonly callId: string;
}

/**
 * Every call rejects with `ERR_WORKER_AUTH` (refused key), `ERR_NOT_FOUND`, `ERR_SERVER_API`, `ERR_TIMEOUT`,
 * `ERR_TRANSPORT` or `ERR_CLOSED` (aborted); the telephone calls also with `ERR_SIP_UNAVAILABLE` and `ERR_SIP_CALL`.
 * No message holds a key, secret or token.
 */
export interface ServerApi {
  /** Rooms that exist; all of them unless names are given. */
  listRooms(names?: readonly string[], options?: CallOptions): Promise<readonly ServerRoom[]>;
  /** Everybody in a room, agents included. A room that does not exist is empty, or `ERR_NOT_FOUND`. */
  listParticipants(roomName: string, options?: CallOptions): Promise<readonly ServerParticipant[]>;
  listDispatch(roomName: string, options?: CallOptions): Promise<readonly ServerDispatch[]>;
  /** Creates the room if need be. */
  createDispatch(dispatch: NewDispatch, options?: CallOptions): Promise<ServerDispatch>;
  deleteDispatch(dispatchId: string, roomName: string, options?: CallOptions): Promise<void>;
  deleteRoom(roomName: string, options?: CallOptions): Promise<void>;
  removeParticipant(roomName: string, identity: string, options?: CallOptions): Promise<void>;
  createSipParticipant(call: NewSipParticipant, options?: CallOptions): Promise<SipCall>;
  /** Resolves when the other side has taken the call over. */
  transferSipParticipant(transfer: NewTransfer, options?: CallOptions): Promise<void>;
}
