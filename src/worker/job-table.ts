// The jobs of a worker and the slots they take. Outlives every actor of the worker: a restarted part finds them here.
import type { ActorRefFrom } from 'xstate';
import type { jobMachine } from '../machines/job.machine.ts';
import type { JobInfo } from './job/job-info.ts';
import type { CallbackResult, JobRun } from './runner.ts';

export interface JobRecord {
  readonly info: JobInfo;
  /** The dispatch that the job stands for, and its room: another one than it was made for after a restart of the server. */
  served: Pick<JobInfo, 'dispatchId' | 'roomName' | 'roomSid'>;
  /** Sid of the room in which a look saw its agent last. */
  seenIn: string | null;
  readonly registrationId: string;
  /** Id of the worker whom the server tells what becomes of the job; null when it thinks that it has ended. */
  toldBy: string | null;
  readonly offeredAtMs: number;
  /** `reserved` from the offer to the assignment, `running` after it. */
  phase: 'reserved' | 'running';
  actor: ActorRefFrom<typeof jobMachine> | null;
  run: JobRun | null;
  /** What the agent is called in the room. */
  identity: string;
  name: string;
  metadata: string;
  attributes: Readonly<Record<string, string>>;
  /** Refused for every worker. */
  terminate: boolean;
  url: string;
  token: string;
  callbacks: readonly CallbackResult[];
}

export class JobTable {
  readonly maxJobs: number;
  readonly #jobs = new Map<string, JobRecord>();
  readonly #onChange: () => void;

  constructor(maxJobs: number, onChange: () => void) {
    this.maxJobs = maxJobs;
    this.#onChange = onChange;
  }

  get size(): number {
    return this.#jobs.size;
  }

  get isFull(): boolean {
    return this.#jobs.size >= this.maxJobs;
  }

  get(jobId: string): JobRecord | undefined {
    return this.#jobs.get(jobId);
  }

  list(): readonly JobRecord[] {
    return [...this.#jobs.values()];
  }

  count(phase: JobRecord['phase']): number {
    let count = 0;
    for (const job of this.#jobs.values()) if (job.phase === phase) count++;
    return count;
  }

  /** Takes a slot, or returns undefined when there is none or the job already has one. */
  reserve(info: JobInfo, registrationId: string, atMs: number): JobRecord | undefined {
    if (this.isFull || this.#jobs.has(info.id)) return undefined;
    const { dispatchId, roomName, roomSid } = info;
    const record: JobRecord = {
      info,
      served: { dispatchId, roomName, roomSid },
      seenIn: null,
      registrationId,
      toldBy: null,
      offeredAtMs: atMs,
      phase: 'reserved',
      actor: null,
      run: null,
      identity: `agent-${info.id}`,
      name: '',
      metadata: '',
      attributes: {},
      terminate: false,
      url: '',
      token: '',
      callbacks: [],
    };
    this.#jobs.set(info.id, record);
    this.#onChange();
    return record;
  }

  /** Keeps what the assignment brought. */
  assign(record: JobRecord, url: string, token: string): void {
    record.phase = 'running';
    record.url = url;
    record.token = token;
    this.#onChange();
  }

  /** Gives the slot back. */
  release(record: JobRecord): void {
    if (this.#jobs.get(record.info.id) !== record) return;
    this.#jobs.delete(record.info.id);
    this.#onChange();
  }
}
