// A LiveKit server with rooms, dispatches and any number of workers, all on one virtual clock: what the real one does, as a script.
import {
  AvailabilityRequest,
  Job,
  JobAssignment,
  JobStatus,
  JobTermination,
  RegisterWorkerResponse,
  Room,
  ServerMessage,
  WorkerMessage,
  WorkerPong,
  WorkerStatus,
} from '@livekit/protocol';
import { type Clock, sleep } from '../../../src/clock.ts';
import { AgentError } from '../../../src/errors.ts';
import { type Ids, seededIds } from '../../../src/ids.ts';
import { defineWorker, type WorkerOptions } from '../../../src/worker/define-worker.ts';
import type { AssignedJob, JobRun, JobRunner, Presence, RunReport } from '../../../src/worker/runner.ts';
import type { OpenSocket, SocketListener } from '../../../src/worker/server/agent-socket.ts';
import type { ServerApi, ServerDispatch, ServerJob, ServerParticipant } from '../../../src/worker/server/server-api.ts';
import { WorkerManager } from '../../../src/worker/worker-manager.ts';
import { CONNECTION, type LogLine, recorder } from '../test-worker.ts';

const NAME = 'test-agent';
/** The server selects a worker for as long. */
const SELECTION_MS = 200;
const OFFER_MS = 3_000;
const JOIN_MS = 300;
/** An agent whose dispatch was deleted is sent away when it has not left by then. */
const LEAVING_MS = 3_000;
/** A participant whose process was killed is seen in the room for as long. */
const ZOMBIE_MS = 12_000;

interface SimDispatch extends Omit<ServerDispatch, 'jobs'> {
  readonly jobs: ServerJob[];
}

interface Agent {
  readonly identity: string;
  readonly agentName: string;
  readonly dispatchId: string;
  isLiving: boolean;
  /** Asked to go by the server. */
  readonly leave: (reason: string) => void;
}

export interface SimRoom {
  readonly name: string;
  /** Another one after a restart of the server. */
  sid: string;
  createdAtEpochMs: number;
  readonly users: Set<string>;
  readonly agents: Map<string, Agent>;
  readonly dispatches: SimDispatch[];
  isClosed: boolean;
}

/** How the API of the server behaves for one worker. */
export interface ApiScript {
  latencyMs: number;
  isDown: boolean;
}

export class SimWorker {
  readonly api: ApiScript = { latencyMs: 5, isDown: false };
  readonly lines: LogLine[] = [];
  readonly manager: WorkerManager;
  isDead = false;
  /** Calls of the API. */
  asked = 0;
  /** What its jobs do before they join. */
  joinMs = JOIN_MS;
  /** From the leave of an agent to the end of its job; null: at once, in the same breath. */
  shutdownMs: number | null = null;
  status = WorkerStatus.WS_AVAILABLE;
  listener: SocketListener | null = null;
  isRegistered = false;
  readonly answers = new Map<string, (answer: { isTaken: boolean; terminate: boolean; identity: string }) => void>();
  readonly running = new Set<string>();
  readonly runs = new Map<
    string,
    {
      readonly crash: () => void;
      /** Its agent leaves by itself, and the entry function goes on. */
      readonly leave: () => void;
      readonly finish: (error: string | null) => void;
    }
  >();
  readonly #cluster: Cluster;

  constructor(cluster: Cluster, options: Partial<WorkerOptions>, ids: Ids) {
    this.#cluster = cluster;
    this.manager = new WorkerManager(defineWorker({ entry: () => {}, agentName: NAME, ...options }), {
      ...CONNECTION,
      clock: cluster.clock,
      ids,
      logger: recorder(this.lines),
      cpu: () => 0,
      openSocket: this.#open,
      runner: this.#runner(),
      api: cluster.apiFor(this),
    });
  }

  /** Its process is killed, and so are those of its jobs. */
  die(): void {
    this.isDead = true;
    this.isRegistered = false;
    this.listener = null;
    this.crash();
  }

  /** The processes of its jobs are killed. */
  crash(): void {
    for (const run of [...this.runs.values()]) run.crash();
  }

  /** The network between it and the server is cut for a moment. */
  cut(): void {
    this.listener?.onClosed('cut');
  }

  say(message: ServerMessage['message']): void {
    const { listener } = this;
    queueMicrotask(() => {
      if (this.listener === listener) listener?.onMessage(new ServerMessage({ message }).toBinary());
    });
  }

  readonly #open: OpenSocket = async (_, listener) => {
    if (this.isDead || this.#cluster.isDown) throw new AgentError('ERR_TRANSPORT', 'dead');
    this.listener = listener;
    const gone = () => {
      if (this.listener !== listener) return;
      this.listener = null;
      this.isRegistered = false;
      this.running.clear();
    };
    return {
      send: (bytes) => {
        if (this.listener === listener) this.#receive(WorkerMessage.fromBinary(bytes).message);
      },
      close: gone,
    };
  };

  #receive(message: WorkerMessage['message']): void {
    switch (message.case) {
      case 'register':
        this.isRegistered = true;
        this.say({ case: 'register', value: new RegisterWorkerResponse({ workerId: this.#cluster.nextWorkerId() }) });
        return;
      case 'ping':
        this.say({ case: 'pong', value: new WorkerPong({}) });
        return;
      case 'updateWorker':
        this.status = message.value.status ?? this.status;
        return;
      case 'availability': {
        const { jobId, available, terminate, participantIdentity: identity } = message.value;
        this.answers.get(jobId)?.({ isTaken: available, terminate, identity });
        return;
      }
      case 'updateJob':
        if (message.value.status !== JobStatus.JS_RUNNING) this.running.delete(message.value.jobId);
        return;
      default:
        return;
    }
  }

  #runner(): JobRunner {
    return {
      hosts: [],
      open: async () => {},
      freeSlots: () => Number.POSITIVE_INFINITY,
      start: (job, report) => this.#start(job, report),
      sessions: () => [],
      close: async () => {},
    };
  }

  #start({ info, identity }: AssignedJob, report: (report: RunReport) => void): JobRun {
    const { clock } = this.#cluster;
    let presence: { state: Presence; sinceMs: number } = { state: 'none', sinceMs: 0 };
    const be = (state: Presence) => {
      presence = { state, sinceMs: clock.now() };
    };
    let agent: Agent | null = null;
    let isOver = false;
    const over = () => {
      isOver = true;
      this.runs.delete(info.id);
    };
    const leave = () => {
      const joined = agent;
      agent = null;
      be('left');
      if (joined !== null) this.#cluster.left(info.roomName, joined);
    };
    const finish = (error: string | null) => {
      if (!isOver) report({ type: 'job.finished', reason: error ?? 'over', error });
    };
    this.runs.set(info.id, {
      finish,
      leave: () => {
        leave();
        report({ type: 'job.presence', state: 'left' });
      },
      crash: () => {
        if (isOver) return;
        over();
        if (agent !== null) this.#cluster.killed(info.roomName, agent);
        agent = null;
        if (!this.isDead) report({ type: 'job.died', error: 'the host process ended' });
      },
    });
    report({ type: 'job.started' });
    void sleep(clock, this.joinMs).then(() => {
      if (isOver) return;
      const joining = {
        identity,
        agentName: info.agentName,
        dispatchId: info.dispatchId,
        isLiving: true,
        leave: () => {
          be('removed');
          finish(null);
        },
      };
      if (!this.#cluster.joined(info.roomName, joining)) return finish(null);
      agent = joining;
      be('joined');
    });
    return {
      stop: () => {
        if (isOver) return;
        over();
        leave();
        report({ type: 'job.presence', state: 'left' });
        const ended = () => report({ type: 'job.ended', error: null, callbacks: [] });
        if (this.shutdownMs === null) ended();
        else void sleep(clock, this.shutdownMs).then(ended);
      },
      kill: () => {
        over();
        leave();
      },
      presence: () => presence,
    };
  }
}

export class Cluster {
  readonly clock: Clock;
  readonly rooms = new Map<string, SimRoom>();
  readonly workers: SimWorker[] = [];
  /** Dispatches that were made through the API. */
  created = 0;
  isDown = false;
  readonly #ids = seededIds(7);

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Workers of one `seed` look at the same moments. */
  async addWorker(options: Partial<WorkerOptions> = {}, seed = this.workers.length + 1): Promise<SimWorker> {
    const worker = new SimWorker(this, options, seededIds(seed));
    this.workers.push(worker);
    await worker.manager.start();
    return worker;
  }

  nextWorkerId(): string {
    return this.#ids.next('AW');
  }

  /** A user joins, which opens the room and asks for the agent. */
  open(name: string, agentName = NAME): SimRoom {
    const room: SimRoom = {
      name,
      sid: this.#ids.next('RM'),
      createdAtEpochMs: this.clock.wallNow(),
      users: new Set(['user']),
      agents: new Map(),
      dispatches: [],
      isClosed: false,
    };
    this.rooms.set(name, room);
    this.#dispatch(room, { agentName, metadata: `for ${name}`, deployment: '', attributes: {} });
    return room;
  }

  /** Somebody creates a dispatch. */
  ask(room: SimRoom, attributes: Readonly<Record<string, string>> = {}): ServerDispatch {
    return this.#dispatch(room, { agentName: NAME, metadata: '', deployment: '', attributes });
  }

  /** Another worker, for single participants, has a job of the dispatch. Returns the identity of its agent. */
  share(room: SimRoom): string {
    const identity = `agent-of-user-${room.name}`;
    const agent = {
      identity,
      agentName: NAME,
      dispatchId: room.dispatches[0]?.id ?? '',
      isLiving: true,
      leave: () => {},
    };
    room.agents.set(identity, agent);
    const job = { id: this.#ids.next('AJ'), kind: 'participant', error: '', participant: null, workerId: '' } as const;
    room.dispatches[0]?.jobs.push({ ...job, status: 'running', endedAtEpochMs: 0, agentIdentity: identity });
    return identity;
  }

  /** The last user leaves: agents hear of it, the room closes. */
  userLeaves(room: SimRoom): void {
    room.users.clear();
    for (const agent of room.agents.values()) if (agent.isLiving) agent.leave('the user left');
    void sleep(this.clock, 1_000).then(() => {
      room.isClosed = true;
      if (this.rooms.get(room.name) === room) this.rooms.delete(room.name);
    });
  }

  living(room: SimRoom): readonly Agent[] {
    return [...room.agents.values()].filter((agent) => agent.isLiving);
  }

  joined(roomName: string, agent: Agent): boolean {
    const room = this.rooms.get(roomName);
    if (room === undefined || room.users.size === 0) return false;
    room.agents.set(agent.identity, agent);
    return true;
  }

  left(roomName: string, agent: Agent): void {
    agent.isLiving = false;
    const room = this.rooms.get(roomName);
    if (room?.agents.delete(agent.identity)) this.#terminate(room, agent.identity);
  }

  /** Its connection is made anew in full: for the server it leaves, and joins again later. */
  async reconnect(room: SimRoom, agent: Agent, awayMs: number): Promise<void> {
    room.agents.delete(agent.identity);
    this.#terminate(room, agent.identity);
    await sleep(this.clock, awayMs);
    if (agent.isLiving) room.agents.set(agent.identity, agent);
  }

  /**
   * The server ends and is there again 2 s later. Rooms are opened anew with the first who comes back, users after 1 s;
   * their dispatches are made anew when their tokens say so (`implicit`), else forgotten. Agents are back after `agentsMs`.
   */
  async restart(agentsMs: number, isImplicit: boolean): Promise<void> {
    this.isDown = true;
    for (const worker of this.workers) worker.cut();
    const before = [...this.rooms.values()].map((room) => {
      const agents = this.living(room);
      const { agentName = NAME, metadata = '' } = room.dispatches[0] ?? {};
      room.sid = this.#ids.next('RM');
      room.createdAtEpochMs = this.clock.wallNow();
      room.agents.clear();
      room.dispatches.length = 0;
      return { room, agents, agentName, metadata };
    });
    await sleep(this.clock, 2_000);
    this.isDown = false;
    await Promise.all([
      sleep(this.clock, 1_000).then(() => {
        for (const { room, agentName, metadata } of isImplicit ? before : [])
          this.#dispatch(room, { agentName, metadata, deployment: '', attributes: {} });
      }),
      sleep(this.clock, agentsMs).then(() => {
        for (const { room, agents } of before)
          for (const agent of agents) if (agent.isLiving) room.agents.set(agent.identity, agent);
      }),
    ]);
  }

  /** Every agent that leaves is the end of its job, as the server sees it. */
  #terminate(room: SimRoom, identity: string): void {
    for (const { jobs } of room.dispatches) {
      const at = jobs.findIndex((job) => job.agentIdentity === identity);
      const job = jobs[at];
      const worker = this.workers.find((each) => job !== undefined && each.running.delete(job.id));
      if (job === undefined || worker === undefined) continue;
      jobs[at] = { ...job, status: 'failed' };
      worker.say({ case: 'termination', value: new JobTermination({ jobId: job.id }) });
    }
  }

  killed(roomName: string, agent: Agent): void {
    agent.isLiving = false;
    const room = this.rooms.get(roomName);
    void sleep(this.clock, ZOMBIE_MS).then(() => {
      if (room?.agents.get(agent.identity) !== agent) return;
      room.agents.delete(agent.identity);
      this.#terminate(room, agent.identity);
    });
  }

  apiFor(worker: SimWorker): ServerApi {
    const call = async <T>(act: () => T): Promise<T> => {
      const { latencyMs, isDown } = worker.api;
      worker.asked++;
      await sleep(this.clock, latencyMs);
      if (isDown || worker.isDead) throw new AgentError('ERR_TRANSPORT', 'the LiveKit server could not be reached');
      const answer = act();
      await sleep(this.clock, latencyMs);
      return answer;
    };
    const roomOf = (name: string): SimRoom => {
      const room = this.rooms.get(name);
      if (room === undefined) throw new AgentError('ERR_NOT_FOUND', 'no such room');
      return room;
    };
    const unused = () => Promise.reject(new Error('not part of this script'));
    return {
      listRooms: () =>
        call(() =>
          [...this.rooms.values()].map(({ name, sid, users, createdAtEpochMs }) => ({
            name,
            sid,
            metadata: '',
            participantCount: users.size,
            createdAtEpochMs,
          })),
        ),
      listParticipants: (name) =>
        call(() => {
          const { users, agents } = roomOf(name);
          const people = [...users].map((identity) => ({ identity, kind: 'standard', attributes: {} }));
          const others = [...agents.values()].map(({ identity, agentName }) => ({
            identity,
            kind: 'agent',
            attributes: { 'lk.agent_name': agentName },
          }));
          return [...people, ...others] as unknown as ServerParticipant[]; // what the reconciler reads
        }),
      listDispatch: (name) => call(() => roomOf(name).dispatches.map((each) => ({ ...each, jobs: [...each.jobs] }))),
      createDispatch: ({ roomName, agentName, metadata = '', deployment = '', attributes = {} }) =>
        call(() => {
          this.created++;
          return this.#dispatch(roomOf(roomName), { agentName, metadata, deployment, attributes });
        }),
      deleteDispatch: (dispatchId, roomName) => call(() => this.deleteDispatch(roomOf(roomName), dispatchId)),
      removeParticipant: (roomName, identity) =>
        call(() => {
          const agent = roomOf(roomName).agents.get(identity);
          if (agent === undefined) throw new AgentError('ERR_NOT_FOUND', 'no such participant');
          roomOf(roomName).agents.delete(identity);
          if (agent.isLiving) agent.leave('removed');
          agent.isLiving = false;
        }),
      deleteRoom: unused,
      createSipParticipant: unused,
      transferSipParticipant: unused,
    };
  }

  deleteDispatch(room: SimRoom, dispatchId: string): void {
    const at = room.dispatches.findIndex(({ id }) => id === dispatchId);
    const [deleted] = at < 0 ? [] : room.dispatches.splice(at, 1);
    if (deleted === undefined) throw new AgentError('ERR_NOT_FOUND', 'no such dispatch');
    for (const { id, agentIdentity } of deleted.jobs) {
      const worker = this.workers.find((each) => each.running.delete(id));
      if (worker === undefined) continue;
      worker.say({ case: 'termination', value: new JobTermination({ jobId: id }) });
      void sleep(this.clock, LEAVING_MS).then(() => {
        const agent = room.agents.get(agentIdentity);
        if (room.agents.delete(agentIdentity) && agent?.isLiving) agent.leave('removed');
      });
    }
  }

  #dispatch(
    room: SimRoom,
    given: Pick<ServerDispatch, 'agentName' | 'metadata' | 'deployment' | 'attributes'>,
  ): SimDispatch {
    const dispatch: SimDispatch = {
      ...given,
      id: this.#ids.next('AD'),
      roomName: room.name,
      createdAtEpochMs: this.clock.wallNow(),
      deletedAtEpochMs: 0,
      jobs: [],
    };
    room.dispatches.push(dispatch);
    void this.#launch(room, dispatch);
    return dispatch;
  }

  /** One attempt, as the server has it: nobody there means nobody for ever. */
  async #launch(room: SimRoom, dispatch: SimDispatch): Promise<void> {
    await sleep(this.clock, SELECTION_MS);
    const id = this.#ids.next('AJ');
    const tried = new Set<SimWorker>();
    const { agentName, metadata, attributes, id: dispatchId } = dispatch;
    const job = new Job({
      id,
      dispatchId,
      agentName,
      metadata,
      attributes: { ...attributes },
      room: new Room({ name: room.name, sid: room.sid }),
    });
    for (;;) {
      const open = this.workers.filter(
        (each) =>
          each.isRegistered &&
          each.status === WorkerStatus.WS_AVAILABLE &&
          each.manager.status.agentName === agentName &&
          !tried.has(each),
      );
      const worker = open[Math.floor(this.#ids.random() * open.length)];
      if (worker === undefined) return;
      tried.add(worker);
      const answered = new Promise<{ isTaken: boolean; terminate: boolean; identity: string }>((resolve) =>
        worker.answers.set(id, resolve),
      );
      worker.say({ case: 'availability', value: new AvailabilityRequest({ job }) });
      const answer = await Promise.race([answered, sleep(this.clock, OFFER_MS)]);
      worker.answers.delete(id);
      if (answer === undefined) return;
      const entry = { id, kind: 'room', error: '', participant: null, workerId: '', endedAtEpochMs: 0 } as const;
      if (answer.terminate) {
        dispatch.jobs.push({ ...entry, status: 'success', agentIdentity: '' });
        return;
      }
      if (!answer.isTaken) continue;
      worker.running.add(id);
      worker.say({ case: 'assignment', value: new JobAssignment({ job, token: 'token' }) });
      dispatch.jobs.push({ ...entry, status: 'running', agentIdentity: answer.identity });
      return;
    }
  }
}
