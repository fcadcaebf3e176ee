// What a worker remembers of the rooms it has looked at, and what it makes of what it sees now. Plain decisions, no calls.
import type { ServerDispatch, ServerJob, ServerParticipant, ServerRoom } from '../server/server-api.ts';
import { lineageOf, winnerOf } from './lineage.ts';

export interface RoomFacts {
  readonly room: Pick<ServerRoom, 'name' | 'sid'>;
  /** Those for this worker's agent. */
  readonly dispatches: readonly ServerDispatch[];
  readonly participants: readonly ServerParticipant[];
  /** Room jobs that run in this worker, by the id of their dispatch. */
  readonly ownJobs: ReadonlyMap<string, string>;
  /** Of this worker. */
  readonly agentName: string;
  /** Monotonic. */
  readonly nowMs: number;
  readonly wallMs: number;
}

export type Verdict =
  /** The room waits for an agent. */
  | { readonly kind: 'redispatch'; readonly dispatchId: string }
  /** Another dispatch has taken its place. */
  | { readonly kind: 'remove'; readonly dispatchId: string }
  /** A job of this worker whose dispatch was deleted, which the server could not tell. */
  | { readonly kind: 'end'; readonly jobId: string };

type Trouble = 'untaken' | 'absent' | 'replaced' | 'deleted';

interface Sighting {
  readonly trouble: Trouble;
  readonly sinceMs: number;
  readonly looks: number;
  /** It was there once: its agent was seen here, or the server says that its job has ended. */
  readonly hasBegun: boolean;
}

interface WatchedRoom {
  readonly name: string;
  checkedAtMs: number;
  /** By dispatch id, or job id for `deleted`. */
  sightings: ReadonlyMap<string, Sighting>;
  /** Dispatches whose agents were seen in the room. */
  readonly served: Set<string>;
}

/** The server needs up to 5 s to find out who serves a name and 3 s to hand a job out; later it does not try any more. */
const UNTAKEN_MS = 8_000;
/** An agent may be joining anew. One that only lost its connection is still listed by the server, for some 20 s. */
const ABSENT_MS = 2_000;
/**
 * Dispatched -> in the room, for an agent that nobody has seen yet: jobs may look something up first, or call a telephone,
 * which rings for 30 s. One that dies in that time is missed for as long; any other one has been seen: a dead one is listed
 * for some 20 s, which is eight looks.
 */
const JOIN_MS = 60_000;
/** Rooms with something odd that are looked at in one look. */
const MAX_SUSPECTS = 64;
/** Other rooms that are looked at in one look, in turn; two calls each. */
const MAX_OTHERS = 10;

/** Given by the server to the agents of its dispatches. */
const AGENT_NAME = 'lk.agent_name';

export class RoomWatch {
  /** By sid. */
  readonly #rooms = new Map<string, WatchedRoom>();

  /** The rooms to look at now: those with something odd or urgent first, then those not looked at for longest. */
  choose(rooms: readonly ServerRoom[], isUrgent: (room: ServerRoom) => boolean = () => false): readonly ServerRoom[] {
    const listed = new Set(rooms.map(({ sid }) => sid));
    for (const sid of this.#rooms.keys()) if (!listed.has(sid)) this.#rooms.delete(sid);
    const waiting = rooms.filter((room) => room.participantCount > 0);
    const odd = new Set(
      waiting.filter((room) => (this.#rooms.get(room.sid)?.sightings.size ?? 0) > 0 || isUrgent(room)),
    );
    const checkedAt = ({ sid }: ServerRoom) => this.#rooms.get(sid)?.checkedAtMs ?? Number.NEGATIVE_INFINITY;
    const inTurn = (a: ServerRoom, b: ServerRoom) => Math.sign(checkedAt(a) - checkedAt(b)) || 0;
    const suspects = [...odd].sort(inTurn).slice(0, MAX_SUSPECTS);
    const others = waiting.filter((room) => !odd.has(room)).sort(inTurn);
    return [...suspects, ...others.slice(0, MAX_OTHERS)];
  }

  /** Nothing is concluded from one look: a room must look the same twice in a row. */
  judge(facts: RoomFacts): readonly Verdict[] {
    const { room, dispatches, participants, ownJobs, nowMs } = facts;
    const { sightings: before, served = new Set<string>() } = this.#rooms.get(room.sid) ?? {};
    const sightings = new Map<string, Sighting>();
    const verdicts: Verdict[] = [];
    const see = (id: string, trouble: Trouble): Sighting => {
      const known = before?.get(id);
      const isSame = known?.trouble === trouble;
      const hasBegun = served.has(id);
      const sighting = {
        trouble,
        hasBegun,
        sinceMs: isSame ? known.sinceMs : nowMs,
        looks: isSame ? known.looks + 1 : 1,
      };
      sightings.set(id, sighting);
      return sighting;
    };
    for (const dispatch of dispatches) {
      const job = roomJobOf(dispatch);
      const isThere = participants.some(({ identity }) => identity === job?.agentIdentity);
      if (isThere || job?.status === 'failed') served.add(dispatch.id);
    }
    for (const dispatch of participants.some(needsAgent) ? dispatches : []) {
      const trouble = this.#troubleOf(dispatch, facts);
      if (trouble === null) continue;
      const sighting = see(dispatch.id, trouble);
      if (sighting.looks < 2 || !isOldEnough(sighting, dispatch, facts)) continue;
      verdicts.push({ kind: trouble === 'replaced' ? 'remove' : 'redispatch', dispatchId: dispatch.id });
    }
    const listed = new Set(dispatches.map(({ id }) => id));
    for (const [dispatchId, jobId] of ownJobs) {
      if (listed.has(dispatchId)) continue;
      if (see(jobId, 'deleted').looks >= 2) verdicts.push({ kind: 'end', jobId });
    }
    this.#rooms.set(room.sid, { name: room.name, checkedAtMs: nowMs, sightings, served });
    return verdicts;
  }

  #troubleOf(dispatch: ServerDispatch, facts: RoomFacts): Trouble | null {
    const { room, dispatches, participants, ownJobs } = facts;
    if (isShared(dispatch)) return null;
    if (winnerOf(dispatches, lineageOf(dispatch, room.sid).root) !== dispatch) return 'replaced';
    if (ownJobs.has(dispatch.id) || hasSurvivor(facts)) return null;
    const job = roomJobOf(dispatch);
    if (job === undefined) return 'untaken';
    // Ended without an agent: refused on purpose.
    if (job.status === 'success') return null;
    return participants.some(({ identity }) => identity === job.agentIdentity) ? null : 'absent';
  }
}

/** The newest job of a dispatch for the room as a whole. */
export function roomJobOf({ jobs }: ServerDispatch): ServerJob | undefined {
  return jobs.findLast(({ kind }) => kind === 'room');
}

/**
 * A dispatch of which other workers have jobs for single participants. Deleting it would end those, and another one makes
 * jobs for everybody: it is left as it is.
 */
export function isShared({ jobs }: ServerDispatch): boolean {
  return jobs.some(({ kind }) => kind !== 'room');
}

/** An agent of ours that no dispatch accounts for: its call outlived the server, which has made the dispatches of the room anew. */
function hasSurvivor({ dispatches, participants, agentName }: RoomFacts): boolean {
  const accounted = new Set(dispatches.flatMap(({ jobs }) => jobs.map(({ agentIdentity }) => agentIdentity)));
  return participants.some(
    ({ kind, identity, attributes }) =>
      kind === 'agent' && attributes[AGENT_NAME] === agentName && !accounted.has(identity),
  );
}

/** A room with people, telephones or streams in it is worth an agent; one with agents and recorders alone is not. */
export function needsAgent({ kind }: ServerParticipant): boolean {
  return kind !== 'agent' && kind !== 'egress';
}

function isOldEnough(
  { trouble, sinceMs, hasBegun }: Sighting,
  dispatch: ServerDispatch,
  { nowMs, wallMs }: RoomFacts,
): boolean {
  const seenMs = nowMs - sinceMs;
  // The clock of the server may be off; what was seen here for long enough counts as well.
  const ageMs = Math.max(seenMs, wallMs - dispatch.createdAtEpochMs);
  if (trouble === 'untaken') return ageMs >= UNTAKEN_MS;
  return trouble === 'replaced' || (seenMs >= ABSENT_MS && (hasBegun || ageMs >= JOIN_MS));
}
