// What a worker is: whom it serves, under which name, with which limits. Plain and checked; it runs nothing.
import {
  fieldsOf,
  group,
  having,
  isFunction,
  isObject,
  listOf,
  milliseconds,
  type OptionsOf,
  parseOptions,
  textLike,
  textOfLength,
  trueOrFalse,
  wholeNumberFrom,
} from '../options.ts';
import type { RuntimeOptions } from '../runtime/runtime-options.ts';
import { type HostOptions, hostOptions } from './host/host-options.ts';
import type { JobContext } from './job/job-context.ts';
import type { JobInfo, JobKind } from './job/job-info.ts';
import type { AgentPermissions } from './server/messages.ts';

/** A yes with what the agent is called in the room, or a no; `terminate` refuses for every worker. */
export type JobDecision =
  | boolean
  | {
      readonly accept: true;
      /** Default `agent-<job id>`. Must be unique in the room. */
      readonly identity?: string;
      readonly name?: string;
      readonly metadata?: string;
      readonly attributes?: Readonly<Record<string, string>>;
    }
  | { readonly accept: false; readonly terminate?: boolean };

/** Serves one job; see {@link WorkerOptions.entry}. A throw fails the job. */
export type Entry = (job: JobContext) => unknown;
/** Takes or refuses an offer; see {@link WorkerOptions.requestFilter}. A throw refuses it. */
export type RequestFilter = (job: JobInfo) => JobDecision | Promise<JobDecision>;
/** Runs once in each process that runs jobs, before its first one. What it puts in is `job.processData`. */
export type Prewarm = (processData: Map<string, unknown>) => unknown;

export interface WorkerOptions {
  /** Serves one job. The job lasts until this and what it holds is over, or until somebody ends it. */
  readonly entry: Entry;
  /** Name for explicit dispatch. Default '': jobs of every room without a named agent. At most 128 characters. */
  readonly agentName?: string;
  /** For which events jobs are made; one registration each. Default `['room']`. */
  readonly kinds?: readonly JobKind[];
  /** Decides about an offer; see `filterTimeoutMs`. Default: takes every job there is room for. */
  readonly requestFilter?: RequestFilter;
  /** Default: nothing is prewarmed. */
  readonly prewarm?: Prewarm;
  /** Jobs at the same time, a hard limit. Default 10; 0 takes none. */
  readonly maxJobs?: number;
  /** Default: what the server gives, which is subscribe, publish, publish data and update metadata. */
  readonly permissions?: AgentPermissions;
  /** Label that dispatches can ask for. Default none. At most 64 bytes, no `_`, spaces or control characters. */
  readonly deployment?: string;
  /** Options of the runtime in which jobs start their sessions. */
  readonly runtime?: RuntimeOptions;
  /** How `livekitex-agent start` spreads jobs over host processes. */
  readonly hosts?: HostOptions;
  /**
   * Looks through the API of the server for rooms whose agent died or never came, and dispatches them again. Default
   * true; only for workers whose one kind is `room`.
   */
  readonly reconcile?: boolean;
  /** Milliseconds for the answer of an async request filter; later is a no. Default 50, 1 to 2 000 (the server stops waiting at 3 000). */
  readonly filterTimeoutMs?: number;
  /** Milliseconds for all shutdown callbacks of a job. Default 10 000, 0 to 600 000. */
  readonly shutdownTimeoutMs?: number;
  /** Milliseconds for `prewarm`. Default 30 000, 1 to 600 000. */
  readonly prewarmTimeoutMs?: number;
  /** Milliseconds a drain waits for running jobs before it ends them. Default 3 600 000; 0 ends them at once. */
  readonly drainTimeoutMs?: number;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what the server refuses
const CONTROL = /[\u0000-\u001f\u007f]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: see above
const DEPLOYMENT = /^[^_\s\u0000-\u001f\u007f]*$/;

const KINDS: readonly unknown[] = ['room', 'publisher', 'participant'] satisfies readonly JobKind[];
const isKind = (value: unknown) => KINDS.includes(value);
const flag = trueOrFalse().optional();

const schema = fieldsOf<WorkerOptions>()({
  entry: having<Entry>(isFunction, 'must be a function'),
  agentName: textOfLength(0, 128)
    .and((name) => !CONTROL.test(name), 'must have no control characters')
    .default(''),
  kinds: listOf(having<JobKind>(isKind, 'must be room, publisher or participant'))
    .and((kinds) => kinds.length > 0, 'must name at least one kind')
    .and((kinds) => new Set(kinds).size === kinds.length, 'must not name a kind twice')
    .default(['room']),
  requestFilter: having<RequestFilter>(isFunction, 'must be a function').optional(),
  prewarm: having<Prewarm>(isFunction, 'must be a function').optional(),
  maxJobs: wholeNumberFrom(0, Number.MAX_SAFE_INTEGER, 'must be a whole number >= 0').default(10),
  permissions: fieldsOf<AgentPermissions>()({
    canSubscribe: flag,
    canPublish: flag,
    canPublishData: flag,
    canUpdateMetadata: flag,
    hidden: flag,
    canSubscribeMetrics: flag,
    canManageAgentSession: flag,
  }).optional(),
  deployment: textLike(DEPLOYMENT, 'must be text without underscore, space or control character')
    .and((text) => Buffer.byteLength(text) <= 64, 'must have at most 64 bytes')
    .default(''),
  runtime: having<RuntimeOptions>(isObject, 'must be an object').default({}),
  hosts: group(hostOptions),
  reconcile: trueOrFalse().default(true),
  filterTimeoutMs: milliseconds(1, 2_000, 50),
  shutdownTimeoutMs: milliseconds(0, 600_000, 10_000),
  prewarmTimeoutMs: milliseconds(1, 600_000, 30_000),
  drainTimeoutMs: milliseconds(0, 86_400_000, 3_600_000),
});

const BRAND = Symbol.for('livekitex-agent.worker');

/** The options of a worker, checked, with their defaults. Made by {@link defineWorker}. */
export type WorkerDefinition = Readonly<OptionsOf<typeof schema>>;

/** @throws AgentError `ERR_OPTION` */
export function defineWorker(options: WorkerOptions): WorkerDefinition {
  const definition = parseOptions(schema, options, 'worker');
  return Object.freeze(Object.defineProperty(definition, BRAND, { value: true }));
}

/** Was this made by {@link defineWorker}, also by that of another copy of this package? */
export function isWorker(value: unknown): value is WorkerDefinition {
  return typeof value === 'object' && value !== null && BRAND in value;
}
