// Finds rooms that wait for an agent of this worker and dispatches them again, once, however many workers look.
import { type ActorRefFrom, type AnyActorRef, fromPromise } from 'xstate';
import { textOf } from '../../errors.ts';
import type { ReconcilerEvent, reconcilerMachine } from '../../machines/reconciler.machine.ts';
import { type RedispatchOutput, redispatchMachine } from '../../machines/redispatch.machine.ts';
import {
  type ChildSpec,
  describeReason,
  dynamicSupervisor,
  handlesExit,
  monitor,
  startChildNow,
} from '../../supervisor/index.ts';
import type { JobInfo } from '../job/job-info.ts';
import type { JobRecord } from '../job-table.ts';
import type { CallOptions, ServerApi, ServerDispatch, ServerRoom } from '../server/server-api.ts';
import type { JobReport, WorkerScope } from '../worker-scope.ts';
import { endDeleted } from './dispatch-gone.ts';
import { type Lineage, lineageOf, statedLineage, winnerOf } from './lineage.ts';
import { lookSpecOf } from './look-spec.ts';
import { releaseRoom } from './release.ts';
import { CALL_MS, orNull, RoomCase, type RoomCaseOptions } from './room-case.ts';
import { isShared, RoomWatch, roomJobOf, type Verdict } from './room-watch.ts';
import { survivorOf, wasInRoom } from './survivor.ts';

export interface ReconcilerStatus {
  /** `backingOff`: the API of the server does not answer; calls go on, but lost rooms are not found. */
  readonly state: 'off' | 'resting' | 'looking' | 'backingOff';
  /** Rooms that were dispatched again. */
  readonly redispatched: number;
  /** Rooms that were left alone because their jobs died again and again. */
  readonly givenUp: number;
}

/** What to say to an offer. `terminate`: nobody else is to be asked either. */
export type OfferVerdict = 'take' | 'refuse' | 'terminate';

/** The server waits for 3 s for the answer to an offer. */
export const OFFER_CHECK_MS = 1_500;
/** A filter that said no is not asked about the same room again at once. */
const REFUSED_MS = 60_000;
/** After a restart users come back for as long, and with them the dispatches that are made anew. */
const REOPENED_MS = 60_000;
const MAX_REMEMBERED = 1_000;
/** Rooms that one look asks about at the same time. */
const AT_ONCE = 8;

type CaseGiven = Omit<RoomCaseOptions, 'api' | 'wallNow'>;

export class Reconciler {
  readonly #scope: WorkerScope;
  readonly #api: ServerApi;
  readonly #watch = new RoomWatch();
  readonly #cases = new Map<string, RoomCase>();
  /** Jobs that died here and whose rooms could not be dispatched again yet. */
  readonly #dead = new Map<string, CaseGiven>();
  /** Dispatches whose jobs ended on purpose. */
  readonly #released = new Map<string, true>();
  /** Lineages that the request filter refused, and until when that counts. */
  readonly #refused = new Map<string, number>();
  /** Offered jobs that were refused because another dispatch has the room. */
  readonly #outvoted = new Set<string>();
  /** Jobs that end here so that another worker goes on with their rooms. */
  readonly #moved = new Set<string>();
  readonly #pending = new Set<Promise<unknown>>();
  readonly #logic;
  #actor: ActorRefFrom<typeof reconcilerMachine> | null = null;
  #pool: AnyActorRef | null = null;
  #isTroubled = false;
  #redispatched = 0;
  #givenUp = 0;

  constructor(scope: WorkerScope, api: ServerApi) {
    this.#scope = scope;
    this.#api = api;
    const caseOf = (dispatchId: string): RoomCase => {
      const found = this.#cases.get(dispatchId);
      if (found === undefined) throw new Error(`no case ${dispatchId}`);
      return found;
    };
    const logic = redispatchMachine.provide({
      actors: {
        checkRoom: fromPromise(({ input, signal }) => caseOf(input.dispatchId).check(signal)),
        createDispatch: fromPromise(({ input, signal }) => caseOf(input.dispatchId).create(signal)),
        clearRoom: fromPromise(({ input, signal }) => caseOf(input.dispatchId).clear(signal)),
      },
    });
    // A worker that stops lets it end, which takes three steps at most.
    this.#logic = handlesExit(logic);
  }

  /** Runs what is done for single rooms. Stands before the registrations in the tree: a drain needs it to its end. */
  poolSpec(): ChildSpec<unknown> {
    const logic = dynamicSupervisor({ id: 'redispatches', intensity: 1_000, periodMs: 5_000 });
    return {
      id: 'redispatches',
      type: 'supervisor',
      restart: 'permanent',
      start: () => ({
        logic,
        onSpawn: (ref) => {
          this.#pool = ref;
        },
      }),
    };
  }

  lookSpec(): ChildSpec<unknown> {
    return lookSpecOf({
      id: 'reconciler',
      ids: this.#scope.ids,
      look: (signal) => this.#lookAndTell(signal),
      onSpawn: (ref) => {
        this.#actor = ref;
      },
    });
  }

  get status(): ReconcilerStatus {
    const value = this.#actor?.getSnapshot().value;
    const state = value === 'looking' || value === 'backingOff' ? value : 'resting';
    return { state, redispatched: this.#redispatched, givenUp: this.#givenUp };
  }

  /** There is a slot to fill, or a room that must not wait. */
  nudge(): void {
    const event: ReconcilerEvent = { type: 'worker.look' };
    // From a later tick: this is called in actions of other charts.
    queueMicrotask(() => {
      if (this.#actor?.getSnapshot().status === 'active') this.#actor.send(event);
    });
  }

  /** What a worker says to the offer of a job that was dispatched again; null: to be decided without us. */
  offered(info: JobInfo): Promise<OfferVerdict> | null {
    const lineage = statedLineage(info);
    if (lineage === null) return this.#isServed(info) ? Promise.resolve('terminate') : null;
    const asked = this.#isWinner(info, lineage).catch((error: unknown): OfferVerdict => {
      this.#scope.logger.warn({ jobId: info.id, error: textOf(error) }, 'an offer could not be checked');
      return 'refuse';
    });
    this.#outvoted.add(info.id);
    return asked.then((verdict) => {
      if (verdict !== 'take') return verdict;
      if (this.#isServed(info)) return 'terminate';
      this.#outvoted.delete(info.id);
      return 'take';
    });
  }

  /** A job that outlived the server stands for the dispatch of the new room from now on. */
  #isServed(info: JobInfo): boolean {
    const { id, roomName, roomSid, dispatchId } = info;
    const survivor = survivorOf(this.#scope.jobs.list(), info, false);
    if (survivor === undefined) return false;
    this.#outvoted.add(id);
    survivor.served = { dispatchId, roomName, roomSid };
    this.nudge();
    this.#scope.logger.info({ jobId: survivor.info.id, room: roomName, dispatchId }, 'the call outlived its server');
    return true;
  }

  /** Called once for every job, when nothing of it is left. `isMeant`: it was to end, whatever went wrong on the way. */
  ended(record: JobRecord, { outcome }: Pick<JobReport, 'outcome'>, isMeant: boolean): void {
    const { info, identity, phase, served, seenIn } = record;
    const isOutvoted = this.#outvoted.delete(info.id);
    if (outcome === 'refused' && !isOutvoted) this.#filtered(info);
    const { dispatchId, roomName, roomSid } = served;
    if (info.kind !== 'room' || dispatchId === '' || phase !== 'running') return;
    // What ended on purpose in the room before may never have come into this one.
    const isMoved = this.#moved.delete(info.id) || !wasInRoom(record);
    if (!isMoved && (outcome === 'succeeded' || isMeant)) {
      this.#release(served);
      return;
    }
    const given = { dispatchId, roomName, roomSid, deadIdentity: identity, deadJob: info, seenIn, isMoved };
    remember(this.#dead, dispatchId, given);
    this.#redispatch(given);
  }

  /** The agent of a job has left its room by itself, although something of the job goes on: the room gets no other one. */
  left(record: JobRecord): void {
    const { info, served } = record;
    if (this.#moved.has(info.id) || !wasInRoom(record) || this.#released.has(served.dispatchId)) return;
    if (info.kind === 'room' && served.dispatchId !== '') this.#release(served);
  }

  /** Ends the running jobs, with their shutdown callbacks, and has their rooms dispatched again. */
  handOver(): void {
    for (const { info, phase, actor } of this.#scope.jobs.list()) {
      if (phase === 'running') this.#moved.add(info.id);
      actor?.send({ type: 'job.stop', reason: 'handed over to another worker' });
    }
  }

  /** The request filter does not want this room: this worker does not ask for it again soon. */
  #filtered(info: JobInfo): void {
    const until = this.#scope.clock.now() + REFUSED_MS;
    remember(this.#refused, statedLineage(info)?.root ?? info.dispatchId, until);
  }

  /** Resolves when the server has been told what it is to forget. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#pending);
  }

  async #isWinner({ id, dispatchId, roomName, roomSid }: JobInfo, lineage: Lineage): Promise<OfferVerdict> {
    // The room has closed meanwhile, and creating the dispatch has opened another one of the same name.
    if (lineage.roomSid !== roomSid) return 'terminate';
    const dispatches = await orNull(this.#api.listDispatch(roomName, { timeoutMs: OFFER_CHECK_MS }));
    if (winnerOf((dispatches ?? []).filter(this.#isOurs), lineage.root)?.id === dispatchId) return 'take';
    this.#scope.logger.info({ jobId: id, room: roomName, dispatchId }, 'another dispatch has the room');
    return 'terminate';
  }

  readonly #isOurs = ({ agentName, deployment }: ServerDispatch): boolean => {
    const { definition } = this.#scope;
    return agentName === definition.agentName && deployment === definition.deployment;
  };

  /** Slot `look`. Trouble is told when it begins and when it is over. */
  async #lookAndTell(signal: AbortSignal): Promise<void> {
    const { logger } = this.#scope;
    try {
      await this.#look(signal);
      if (this.#isTroubled) logger.info({}, 'rooms can be looked through again');
      this.#isTroubled = false;
    } catch (error) {
      if (!this.#isTroubled) logger.warn({ error: textOf(error) }, 'the rooms could not be looked through');
      this.#isTroubled = true;
      throw error;
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { registrations, isDraining } = this.#scope;
    if (isDraining || ![...registrations.values()].some((each) => each.isRegistered)) return;
    for (const given of this.#dead.values()) this.#redispatch(given);
    const listed = await this.#api.listRooms([], { signal, timeoutMs: CALL_MS });
    const rooms = [...this.#watch.choose(listed, this.#isReopened)];
    const failures: unknown[] = [];
    const count = rooms.length;
    const worker = async () => {
      for (let room = rooms.shift(); room !== undefined && !signal.aborted; room = rooms.shift()) {
        await this.#lookAt(room, signal).catch((error: unknown) => failures.push(error));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    if (failures.length > 0 && failures.length === count) throw failures[0];
  }

  async #lookAt(room: ServerRoom, signal: AbortSignal): Promise<void> {
    const call: CallOptions = { signal, timeoutMs: CALL_MS };
    const { clock, jobs } = this.#scope;
    const facts = await orNull(
      Promise.all([this.#api.listDispatch(room.name, call), this.#api.listParticipants(room.name, call)]),
    );
    if (facts === null || signal.aborted) return;
    const [dispatches, participants] = facts;
    const own = jobs
      .list()
      .filter(
        ({ served: { roomSid, dispatchId } }) =>
          roomSid === room.sid && dispatchId !== '' && !this.#released.has(dispatchId),
      );
    for (const record of jobs.list()) {
      if (record.info.roomName !== room.name || !participants.some(({ identity }) => identity === record.identity))
        continue;
      record.seenIn = room.sid;
      if (record.phase === 'running' && record.served.roomSid !== room.sid) this.#keepCall(record, room, dispatches);
    }
    const verdicts = this.#watch.judge({
      room,
      dispatches: dispatches.filter(this.#isOurs),
      participants,
      ownJobs: new Map(own.map(({ info, served }) => [served.dispatchId, info.id])),
      agentName: this.#scope.definition.agentName,
      nowMs: clock.now(),
      wallMs: clock.wallNow(),
    });
    for (const verdict of verdicts) this.#act(verdict, room, dispatches);
  }

  /** The server has opened it anew around a call of this worker, whose agent or whose next dispatch may still be on its way. */
  readonly #isReopened = ({ name, sid, createdAtEpochMs }: ServerRoom): boolean => {
    const { jobs, clock } = this.#scope;
    const isNew = clock.wallNow() - createdAtEpochMs < REOPENED_MS;
    return jobs
      .list()
      .some(
        ({ phase, info, seenIn }) =>
          phase === 'running' && info.roomName === name && info.roomSid !== sid && (isNew || seenIn !== sid),
      );
  };

  /** Another worker, which did not see the agent of this call, was offered the dispatch that a restarted server made anew. */
  #keepCall({ info }: JobRecord, room: ServerRoom, dispatches: readonly ServerDispatch[]): void {
    for (const dispatch of dispatches.filter(this.#isOurs)) {
      const { id: dispatchId, createdAtEpochMs } = dispatch;
      const isAnew = statedLineage(dispatch) === null && createdAtEpochMs - room.createdAtEpochMs < REOPENED_MS;
      const isTaken = roomJobOf(dispatch)?.status === 'running';
      if (!isAnew || !isTaken || isShared(dispatch) || this.#released.has(dispatchId)) continue;
      this.#scope.logger.warn({ jobId: info.id, room: room.name, dispatchId }, 'the call had two agents');
      this.#release({ dispatchId, roomName: room.name });
    }
  }

  #act(verdict: Verdict, room: ServerRoom, dispatches: readonly ServerDispatch[]): void {
    const { jobs, clock, logger } = this.#scope;
    if (verdict.kind === 'end') {
      logger.warn({ jobId: verdict.jobId, room: room.name }, 'the dispatch of a running job is gone');
      endDeleted(jobs.get(verdict.jobId));
      return;
    }
    const { dispatchId } = verdict;
    const dispatch = dispatches.find(({ id }) => id === dispatchId);
    if (dispatch === undefined) return;
    // What the server could not be told when it ended is found here, and told again.
    if (verdict.kind === 'remove' || this.#released.has(dispatchId)) {
      this.#release({ dispatchId, roomName: room.name });
      return;
    }
    const refusedUntil = this.#refused.get(lineageOf(dispatch, room.sid).root) ?? 0;
    // Nobody asks for work that it could not do itself; another worker will see the same room.
    if (clock.now() < refusedUntil || !this.#canTake()) return;
    this.#redispatch({
      dispatchId,
      roomName: room.name,
      roomSid: room.sid,
      deadIdentity: null,
      deadJob: null,
      seenIn: null,
      isMoved: false,
    });
  }

  #canTake(): boolean {
    const { isFull, isDraining, runner, jobs } = this.#scope;
    return !isFull && !isDraining && runner.freeSlots() > jobs.count('reserved');
  }

  #redispatch(given: CaseGiven): void {
    const { dispatchId } = given;
    const { clock } = this.#scope;
    if (this.#pool === null || this.#cases.has(dispatchId)) return;
    this.#cases.set(dispatchId, new RoomCase({ ...given, api: this.#api, wallNow: () => clock.wallNow() }));
    const answer = startChildNow(this.#pool, {
      id: `redispatch:${dispatchId}`,
      restart: 'temporary', // a later look sees whether anything is left to do
      shutdown: 3 * CALL_MS,
      start: () => ({
        logic: this.#logic,
        input: { dispatchId, stepMs: CALL_MS },
        onSpawn: (ref) => monitor(ref, ({ output, reason }) => this.#redispatchEnded(given, outputOf(output, reason))),
      }),
    });
    if (answer !== 'queued' && !answer.ok) this.#cases.delete(dispatchId);
  }

  #redispatchEnded(given: CaseGiven, { outcome, error }: RedispatchOutput): void {
    const { dispatchId, roomName, deadIdentity, isMoved } = given;
    const { logger } = this.#scope;
    this.#cases.delete(dispatchId);
    const fields = {
      room: roomName,
      dispatchId,
      why: isMoved ? 'handed over' : deadIdentity === null ? 'no agent' : 'the job died',
      error,
    };
    switch (outcome) {
      case 'redispatched':
        this.#redispatched++;
        logger[isMoved ? 'info' : 'warn'](fields, 'room dispatched again');
        break;
      case 'givenUp':
        this.#givenUp++;
        logger.error(fields, 'room given up: its jobs die again and again');
        break;
      case 'needless':
        logger.info(fields, 'room needs no new agent');
        break;
      case 'failed':
        logger.warn(fields, 'room could not be dispatched again yet');
        return;
    }
    this.#dead.delete(dispatchId);
  }

  #release({ dispatchId, roomName }: Pick<JobInfo, 'dispatchId' | 'roomName'>): void {
    const { clock, logger } = this.#scope;
    remember(this.#released, dispatchId, true);
    const released = releaseRoom({ api: this.#api, clock, logger, dispatchId, roomName }).then(() => {
      this.#pending.delete(released);
    });
    this.#pending.add(released);
  }
}

/** The oldest is forgotten first. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > MAX_REMEMBERED) map.delete(map.keys().next().value ?? '');
}

function outputOf(output: unknown, reason: Parameters<typeof describeReason>[0]): RedispatchOutput {
  if (typeof output === 'object' && output !== null && 'outcome' in output) return output as RedispatchOutput; // that of the chart
  return { outcome: 'failed', error: describeReason(reason) };
}
