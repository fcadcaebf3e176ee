// The server API over HTTP: one Twirp call for each question, its answer read with LiveKit's own message classes.
import {
  AgentDispatch,
  type Job,
  JobStatus,
  ListAgentDispatchResponse,
  ListParticipantsResponse,
  ListRoomsResponse,
  type Room,
  SIPParticipantInfo,
} from '@livekit/protocol';
import type { Clock } from '../../clock.ts';
import { AgentError, textOf } from '../../errors.ts';
import { jobKindOf, jobParticipantOf } from '../job/job-info.ts';
import type { Connection } from './connection-options.ts';
import type { CallOptions, NewSipParticipant, ServerApi, ServerDispatch, ServerJob, ServerRoom } from './server-api.ts';
import { callTwirp, type HttpFetch, type TwirpCall } from './twirp.ts';

export interface ServerApiOptions {
  readonly connection: Connection;
  readonly clock: Clock;
  /** Default: that of the process; refused under a virtual clock. */
  readonly fetch?: HttpFetch;
}

const TIMEOUT_MS = 10_000;
/** The server lets a telephone ring for 30 s unless told otherwise, at most for 80 s. */
const DIAL_TIMEOUT_MS = 90_000;
/** Fields of newer servers are none of our business. */
const LENIENT = { ignoreUnknownFields: true };

/** @throws AgentError `ERR_REAL_IO` under a virtual clock without a `fetch` */
export function serverApi({ connection, clock, fetch }: ServerApiOptions): ServerApi {
  if (clock.isVirtual && fetch === undefined) {
    throw new AgentError('ERR_REAL_IO', 'the API of a LiveKit server needs the network', {
      field: 'fetch',
      fix: 'Give a scripted `fetch` under a virtual clock',
    });
  }
  const options = { connection, clock, fetch: fetch ?? globalThis.fetch };
  const ask = async <T>(
    method: Pick<TwirpCall, 'service' | 'method'> & { readonly video?: object; readonly sip?: object },
    body: object,
    read: (json: never) => T,
    { timeoutMs = TIMEOUT_MS, signal }: CallOptions = {},
  ): Promise<T> => {
    const { video, sip, ...name } = method;
    const call = { ...name, body, grants: { video, sip }, timeoutMs, signal };
    const json = await callTwirp(options, call);
    try {
      return read(json as never); // JSON of any kind; what does not fit makes `fromJson` throw
    } catch (error) {
      throw new AgentError('ERR_SERVER_API', `${call.method}: the answer could not be read: ${textOf(error)}`, {
        retryable: false,
      });
    }
  };
  const nothing = () => {};
  const inRoom = (service: string, method: string, room: string) => ({
    service,
    method,
    video: { roomAdmin: true, room },
  });

  return {
    listRooms: (names = [], call) =>
      ask(
        { service: 'RoomService', method: 'ListRooms', video: { roomList: true } },
        { names },
        (json) => ListRoomsResponse.fromJson(json, LENIENT).rooms.map(roomOf),
        call,
      ),
    listParticipants: (room, call) =>
      ask(
        inRoom('RoomService', 'ListParticipants', room),
        { room },
        (json) =>
          ListParticipantsResponse.fromJson(json, LENIENT).participants.map((participant) => ({
            ...jobParticipantOf(participant),
            joinedAtEpochMs: Number(participant.joinedAt) * 1000,
          })),
        call,
      ),
    listDispatch: (room, call) =>
      ask(
        inRoom('AgentDispatchService', 'ListDispatch', room),
        { room },
        (json) => ListAgentDispatchResponse.fromJson(json, LENIENT).agentDispatches.map(dispatchOf),
        call,
      ),
    createDispatch: ({ roomName, ...dispatch }, call) =>
      ask(
        inRoom('AgentDispatchService', 'CreateDispatch', roomName),
        { room: roomName, ...dispatch },
        (json) => dispatchOf(AgentDispatch.fromJson(json, LENIENT)),
        call,
      ),
    deleteDispatch: (dispatchId, room, call) =>
      ask(inRoom('AgentDispatchService', 'DeleteDispatch', room), { dispatchId, room }, nothing, call),
    deleteRoom: (room, call) =>
      ask({ service: 'RoomService', method: 'DeleteRoom', video: { roomCreate: true } }, { room }, nothing, call),
    removeParticipant: (room, identity, call) =>
      ask(inRoom('RoomService', 'RemoveParticipant', room), { room, identity }, nothing, call),
    createSipParticipant: (request, call) =>
      ask(
        { service: 'SIP', method: 'CreateSIPParticipant', sip: { call: true } },
        sipRequestOf(request),
        (json) => {
          const info = SIPParticipantInfo.fromJson(json, LENIENT);
          return {
            participantSid: info.participantId,
            identity: info.participantIdentity,
            roomName: info.roomName,
            callId: info.sipCallId,
          };
        },
        request.waitUntilAnswered === true ? { timeoutMs: DIAL_TIMEOUT_MS, ...call } : call,
      ),
    transferSipParticipant: ({ identity, to, ringingTimeoutMs, ...transfer }, call) =>
      ask(
        { ...inRoom('SIP', 'TransferSIPParticipant', transfer.roomName), sip: { call: true } },
        { ...transfer, participantIdentity: identity, transferTo: to, ringingTimeout: durationOf(ringingTimeoutMs) },
        nothing,
        { timeoutMs: DIAL_TIMEOUT_MS, ...call },
      ),
  };
}

function sipRequestOf(call: NewSipParticipant): object {
  const { identity, trunkId, to, from, name, metadata, attributes, ringingTimeoutMs, maxCallDurationMs, ...same } =
    call;
  return {
    ...same,
    participantIdentity: identity,
    sipTrunkId: trunkId,
    sipCallTo: to,
    sipNumber: from,
    participantName: name,
    participantMetadata: metadata,
    participantAttributes: attributes,
    ringingTimeout: durationOf(ringingTimeoutMs),
    maxCallDuration: durationOf(maxCallDurationMs),
  };
}

/** The JSON of a protobuf duration. */
function durationOf(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : `${Math.ceil(ms / 1000)}s`;
}

function roomOf({ sid, name, metadata, numParticipants, creationTime }: Room): ServerRoom {
  return {
    sid,
    name,
    metadata,
    participantCount: numParticipants,
    createdAtEpochMs: Number(creationTime) * 1000,
  };
}

function dispatchOf(dispatch: AgentDispatch): ServerDispatch {
  const { id, agentName, room, metadata, deployment, attributes, state } = dispatch;
  return {
    id,
    agentName,
    roomName: room,
    metadata,
    deployment,
    attributes: { ...attributes },
    createdAtEpochMs: epochMsOf(state?.createdAt),
    deletedAtEpochMs: epochMsOf(state?.deletedAt),
    jobs: (state?.jobs ?? []).map(jobOf),
  };
}

const STATUSES: Readonly<Record<JobStatus, ServerJob['status']>> = {
  [JobStatus.JS_PENDING]: 'pending',
  [JobStatus.JS_RUNNING]: 'running',
  [JobStatus.JS_SUCCESS]: 'success',
  [JobStatus.JS_FAILED]: 'failed',
};

function jobOf({ id, type, participant, state }: Job): ServerJob {
  return {
    id,
    kind: jobKindOf(type),
    status: STATUSES[state?.status ?? JobStatus.JS_PENDING],
    error: state?.error ?? '',
    agentIdentity: state?.participantIdentity ?? '',
    participant: participant === undefined ? null : jobParticipantOf(participant),
    workerId: state?.workerId ?? '',
    endedAtEpochMs: epochMsOf(state?.endedAt),
  };
}

/** The server counts these in nanoseconds. */
function epochMsOf(ns: bigint | undefined): number {
  return Number((ns ?? 0n) / 1_000_000n);
}
