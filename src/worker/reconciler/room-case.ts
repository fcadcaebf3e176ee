// One room that waits for an agent: what the server says about it, and what is done for it. Slots of the redispatch chart.
import { AgentError } from '../../errors.ts';
import type { RoomFinding } from '../../machines/redispatch.machine.ts';
import type { JobInfo } from '../job/job-info.ts';
import type { CallOptions, ServerApi, ServerDispatch, ServerParticipant } from '../server/server-api.ts';
import { type Lineage, lineageOf, successorAttributes, winnerOf } from './lineage.ts';
import { isShared, needsAgent, roomJobOf } from './room-watch.ts';

export interface RoomCaseOptions {
  readonly api: ServerApi;
  readonly roomName: string;
  readonly roomSid: string;
  readonly dispatchId: string;
  /** What is left of the agent whose job died here; null when the room was found by looking. */
  readonly deadIdentity: string | null;
  /** That job, when it was one of a dispatch that a restart of the server may have lost; else null. */
  readonly deadJob: Pick<JobInfo, 'agentName' | 'metadata' | 'deployment' | 'attributes'> | null;
  /** Sid of the room in which that agent was seen last. */
  readonly seenIn: string | null;
  /** The job was ended so that another worker goes on: no death. */
  readonly isMoved: boolean;
  readonly wallNow: () => number;
}

/** Jobs that die one after the other, each within this time, are the same trouble again and again. */
const DEATH_WINDOW_MS = 60_000;
const MAX_DEATHS = 3;
/** For one call to the API of the server. */
export const CALL_MS = 3_000;

export class RoomCase {
  readonly options: RoomCaseOptions;
  #next: { readonly dispatch: ServerDispatch; readonly lineage: Lineage } | null = null;

  constructor(options: RoomCaseOptions) {
    this.options = options;
  }

  async check(signal: AbortSignal): Promise<RoomFinding> {
    const { api, roomName, dispatchId, deadIdentity, isMoved, wallNow } = this.options;
    const call: CallOptions = { signal, timeoutMs: CALL_MS };
    const facts = await orNull(Promise.all([api.listDispatch(roomName, call), api.listParticipants(roomName, call)]));
    if (facts === null) return 'served'; // there is no such room any more
    const [dispatches, participants] = facts;
    const listed = dispatches.find(({ id }) => id === dispatchId);
    const roomSid = listed === undefined ? await this.#sidAfterRestart(facts, call) : this.options.roomSid;
    const dispatch = listed ?? this.#forgotten();
    if (dispatch === null || roomSid === null) return 'served'; // ended on purpose, or dealt with by another worker
    if (isShared(dispatch)) return 'served';
    const stated = lineageOf(dispatch, roomSid);
    // One that the server forgot names, in what the dead job knows of it, the room as it was before the restart.
    const lineage = listed === undefined ? { ...stated, roomSid } : stated;
    if ((winnerOf(dispatches, lineage.root) ?? dispatch) !== dispatch) return 'replaced';
    // Creating a dispatch for a room that has just closed would open it again.
    if (!participants.some(needsAgent)) return 'served';
    const job = roomJobOf(dispatch);
    const isBack = participants.some(({ identity }) => identity === job?.agentIdentity && identity !== deadIdentity);
    if (isBack || (job?.status === 'success' && deadIdentity === null)) return 'served';
    const isRecent = wallNow() - dispatch.createdAtEpochMs < DEATH_WINDOW_MS;
    const hasDied = !isMoved && (job !== undefined || deadIdentity !== null);
    const deaths = (isRecent ? lineage.deaths : 0) + (hasDied ? 1 : 0);
    if (deaths > MAX_DEATHS) return 'hopeless';
    this.#next = { dispatch, lineage: { ...lineage, deaths } };
    return 'orphaned';
  }

  /** The sid under which the room was opened anew, if the agent is or was in it and nothing in it asks for another one. */
  async #sidAfterRestart(
    [dispatches, participants]: readonly [readonly ServerDispatch[], readonly ServerParticipant[]],
    call: CallOptions,
  ): Promise<string | null> {
    const { api, roomName, roomSid, deadIdentity, deadJob, seenIn } = this.options;
    if (dispatches.some(({ agentName }) => agentName === deadJob?.agentName)) return null;
    // One that failed or was handed over has left it.
    const isThere = participants.some(({ identity }) => identity === deadIdentity);
    if (!isThere && seenIn === null) return null;
    const [room] = await api.listRooms([roomName], call);
    return room !== undefined && room.sid !== roomSid && (isThere || room.sid === seenIn) ? room.sid : null;
  }

  /** What the server has forgotten: it makes dispatches anew only from tokens and for agents without a name. */
  #forgotten(): ServerDispatch | null {
    const { dispatchId, roomName, deadJob } = this.options;
    if (deadJob === null) return null;
    const { agentName, metadata, deployment, attributes } = deadJob;
    const asked = { agentName, roomName, metadata, deployment, attributes };
    return { id: dispatchId, ...asked, createdAtEpochMs: 0, deletedAtEpochMs: 0, jobs: [] };
  }

  async create(signal: AbortSignal): Promise<void> {
    if (this.#next === null) throw new AgentError('ERR_WORKER', 'the room was not checked');
    const { dispatch, lineage } = this.#next;
    const { agentName, metadata, deployment } = dispatch;
    const attributes = successorAttributes(dispatch, lineage);
    const { api, roomName } = this.options;
    await api.createDispatch({ roomName, agentName, metadata, deployment, attributes }, { signal, timeoutMs: CALL_MS });
  }

  async clear(signal: AbortSignal): Promise<void> {
    const { api, roomName, dispatchId, deadIdentity } = this.options;
    const call: CallOptions = { signal, timeoutMs: CALL_MS };
    // Front ends take the first agent they see for the one that talks.
    const removed = deadIdentity === null ? null : orNull(api.removeParticipant(roomName, deadIdentity, call));
    await Promise.all([orNull(api.deleteDispatch(dispatchId, roomName, call)), removed]);
  }
}

/** What is not there any more need not be dealt with. */
export async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof AgentError && error.code === 'ERR_NOT_FOUND') return null;
    throw error;
  }
}
