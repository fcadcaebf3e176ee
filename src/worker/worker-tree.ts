// The supervision tree of a worker, and the slots of its charts filled for one worker.
import { type ActorRefFrom, type AnyActorRef, fromCallback, fromPromise } from 'xstate';
import { sleep } from '../clock.ts';
import { textOf } from '../errors.ts';
import { type ConnectionEvent, type ConnectionFailure, connectionMachine } from '../machines/connection.machine.ts';
import { type JobOutput, jobMachine } from '../machines/job.machine.ts';
import { type WorkerOutput, workerMachine } from '../machines/worker.machine.ts';
import {
  type ChildSpec,
  type Down,
  describeReason,
  dynamicSupervisor,
  monitor,
  type SupervisorLogic,
  startChildNow,
  supervisor,
} from '../supervisor/index.ts';
import type { JobDecision } from './define-worker.ts';
import type { JobInfo } from './job/job-info.ts';
import { awaitedBy, RETURN_CHECK_MS, withSessionFor } from './job/returned-user.ts';
import type { JobRecord } from './job-table.ts';
import { endDeleted, isDispatchGone } from './reconciler/dispatch-gone.ts';
import { statedLineage } from './reconciler/lineage.ts';
import { OFFER_CHECK_MS, type Reconciler } from './reconciler/reconciler.ts';
import { survivorOf } from './reconciler/survivor.ts';
import { unheardJobsSpec } from './reconciler/unheard-jobs.ts';
import { OPEN_TIMEOUT_MS } from './server/open-in-time.ts';
import { Registration } from './server/registration.ts';
import { lookAgain, RECHECK_MS } from './server/termination.ts';
import { idsOf, type WorkerScope } from './worker-scope.ts';

/** Never reached: the registration has its own deadline, which tells and counts the attempt. */
const CONNECT_TIMEOUT_MS = OPEN_TIMEOUT_MS + 1_000;
/** The server closes a socket that has not registered for this long. */
const REGISTRATION_MS = 10_000;
/** Both SDKs wait this long for an assignment. */
const ASSIGNMENT_MS = 7_500;
/** A host that was free a moment ago begins within milliseconds; a fork that was not prewarmed takes half a second. */
const START_MS = 10_000;
/**
 * A session that broke leaves as well, up to a second before its job has failed; other workers take a room 2 s after they
 * saw that its agent is gone.
 */
const DESERTED_MS = 1_500;
/** What the shutdown callbacks may take is theirs; this is for the way there and back. */
const END_MARGIN_MS = 2_000;

export interface WorkerTree {
  /** With what must be there before the first job: `hosts`, if there are any, and `jobs`. */
  readonly logic: SupervisorLogic<unknown>;
  /** What follows in its list, to be started when the runner is open: then the server may offer jobs. */
  readonly entrance: readonly ChildSpec<unknown>[];
}

/**
 * `hosts`, `jobs`, `registrations`, rest_for_one: a crash of the supervisor of the hosts or of the jobs ends the jobs and
 * registers anew. A crash of one registration hurts no job and no other registration. Stopped in reverse, the jobs end
 * while their hosts serve. With a reconciler its pool comes before the registrations, and its looks last. `onGaveUp` is told
 * why a registration, the first or one that was started anew, has given up.
 */
export function workerTree(
  scope: WorkerScope,
  reconciler: Reconciler | null,
  onGaveUp: (failure: ConnectionFailure) => void,
): WorkerTree {
  const jobs = dynamicSupervisor({ id: 'jobs', intensity: 1_000, periodMs: 5_000 });
  const parts: JobParts = { scope, reconciler, meant: new WeakSet() };
  const jobLogic = jobLogicOf(parts);
  const workerLogic = workerLogicOf(scope, reconciler);
  let jobsRef: AnyActorRef | null = null;

  const startJob = (registration: Registration, info: JobInfo): boolean => {
    const record = jobsRef === null ? undefined : scope.jobs.reserve(info, registration.id, scope.clock.now());
    if (record === undefined || jobsRef === null) return false;
    const answer = startChildNow(jobsRef, jobSpec(parts, jobLogic, record));
    if (answer === 'queued' || answer.ok) return true;
    scope.jobs.release(record);
    return false;
  };

  for (const kind of scope.definition.kinds) {
    const registration = new Registration(scope, kind, startJob);
    scope.registrations.set(registration.id, registration);
  }

  const jobsSpec: ChildSpec<unknown> = {
    id: 'jobs',
    type: 'supervisor',
    restart: 'permanent',
    shutdown: 'infinity',
    start: () => ({
      logic: jobs,
      onSpawn: (ref) => {
        jobsRef = ref;
      },
    }),
  };
  const registrationSpec = (registration: Registration): ChildSpec<unknown> => ({
    id: `registration:${registration.id}`,
    restart: 'transient',
    // It ends by itself when its drain is over, which has a deadline of its own.
    shutdown: 'infinity',
    start: () => ({
      logic: workerLogic,
      input: {
        registrationId: registration.id,
        registrationMs: REGISTRATION_MS,
        drainMs: scope.definition.drainTimeoutMs,
        forceMs: scope.definition.shutdownTimeoutMs + 2 * END_MARGIN_MS,
        connection: {
          name: 'worker',
          ownerId: registration.id,
          connectTimeoutMs: CONNECT_TIMEOUT_MS,
          baseDelayMs: 500,
          maxDelayMs: 10_000,
          maxAttempts: null,
          stableMs: 30_000,
          jitterSeed: Math.floor(scope.ids.random() * 2 ** 31),
        },
      },
      onSpawn: (ref) => {
        registration.actor = ref as ActorRefFrom<typeof workerLogic>; // made from the logic above
        monitor(ref, ({ output }) => {
          const { failure } = (output ?? { failure: null }) as WorkerOutput; // output of the logic above; none of one that was killed
          if (failure !== null) onGaveUp(failure);
        });
        // A new incarnation in the middle of a drain goes on draining.
        if (scope.isDraining) queueMicrotask(() => registration.tell({ type: 'worker.drain', jobs: scope.jobs.size }));
      },
    }),
  });
  const registrations = supervisor({
    id: 'registrations',
    intensity: 3,
    periodMs: 5_000,
    children: [...scope.registrations.values()].map(registrationSpec),
  });
  const registrationsSpec: ChildSpec<unknown> = {
    id: 'registrations',
    type: 'supervisor',
    restart: 'permanent',
    shutdown: 'infinity',
    start: () => ({ logic: registrations }),
  };
  const hosts = scope.runner.childSpec?.();
  const logic = supervisor({
    id: 'worker',
    strategy: 'rest_for_one',
    intensity: 3,
    periodMs: 5_000,
    children: [...(hosts === undefined ? [] : [hosts]), jobsSpec],
  });
  return {
    logic,
    entrance: [
      ...(reconciler === null ? [] : [reconciler.poolSpec()]),
      registrationsSpec,
      ...(reconciler !== null
        ? [reconciler.lookSpec()]
        : scope.api !== null
          ? [unheardJobsSpec(scope, scope.api)]
          : []),
    ],
  };
}

interface JobParts {
  readonly scope: WorkerScope;
  readonly reconciler: Reconciler | null;
  /** Jobs that were to end: whatever goes wrong with them afterwards, their rooms get no new agent. */
  readonly meant: WeakSet<JobRecord>;
}

function workerLogicOf(scope: WorkerScope, reconciler: Reconciler | null) {
  const registrationOf = (id: string): Registration => {
    const registration = scope.registrations.get(id);
    if (registration === undefined) throw new Error(`no registration ${id}`);
    return registration;
  };
  const connection = connectionMachine.provide({
    actors: {
      openConnection: fromPromise(({ input, signal }) => registrationOf(input.ownerId).open(signal)),
      holdConnection: fromCallback<ConnectionEvent, { name: string; ownerId: string }>(({ input, sendBack }) =>
        registrationOf(input.ownerId).hold(sendBack),
      ),
    },
  });
  return workerMachine.provide({
    actors: { connection },
    actions: {
      dropSocket: (_, { registrationId, why }) => registrationOf(registrationId).drop(why),
      showStatus: (_, { registrationId, status }) => {
        registrationOf(registrationId).show(status);
        if (status === 'available') reconciler?.nudge();
      },
      askForDrain: (_, { registrationId }) =>
        registrationOf(registrationId).tell({ type: 'worker.drain', jobs: scope.jobs.size }),
      endJobs: () => scope.endJobs('the worker stops'),
    },
  });
}

function jobLogicOf(parts: JobParts) {
  const { scope, reconciler, meant } = parts;
  const withRecord = (jobId: string, act: (record: JobRecord) => void) => {
    const record = scope.jobs.get(jobId);
    if (record !== undefined) act(record);
  };
  const registrationOf = (record: JobRecord) => scope.registrations.get(record.registrationId);
  return jobMachine.provide({
    actors: {
      decideJob: fromPromise(async ({ input: { jobId }, signal }) => {
        const record = scope.jobs.get(jobId);
        return record !== undefined && decide(parts, record, signal);
      }),
    },
    actions: {
      answerYes: (_, { jobId }) =>
        withRecord(jobId, (record) => {
          const { identity, name, metadata, attributes } = record;
          registrationOf(record)?.answer({ jobId, isAvailable: true, identity, name, metadata, attributes });
        }),
      answerNo: (_, { jobId }) =>
        withRecord(jobId, (record) => {
          registrationOf(record)?.answer({ jobId, isAvailable: false, terminate: record.terminate });
        }),
      startRun: (_, { jobId }) => withRecord(jobId, (record) => startRun(parts, record)),
      showRunning: (_, { jobId }) =>
        withRecord(jobId, (record) => {
          scope.logger.info(idsOf(record), 'job running');
          scope.tellStatus({ jobId, registrationId: record.registrationId }, 'running', null);
        }),
      lookAgain: (_, { jobId }) =>
        withRecord(jobId, (record) => {
          const seen = lookAgain(record.run?.presence(), scope.clock.now());
          if (seen === 'inRoom' || seen === 'left')
            scope.logger.info(
              { ...idsOf(record), seen },
              'the server took a leave of the agent for the end of the job',
            );
          if (seen === 'away') record.actor?.send({ type: 'job.terminate', isDoubtful: true });
          else if (seen === 'removed') record.actor?.send({ type: 'job.stop', reason: 'terminated by the server' });
          else if (seen === 'left') reconciler?.left(record);
          else if (seen === 'lost')
            record.actor?.send({
              type: 'job.finished',
              reason: 'the room was lost',
              error: 'the agent did not get back into its room',
            });
        }),
      askServer: (_, { jobId }) => withRecord(jobId, (record) => void askServer(scope, record)),
      stopRun: (_, { jobId, reason, hasFailed }) =>
        withRecord(jobId, (record) => {
          if (!hasFailed) meant.add(record);
          record.run?.stop(reason);
          releaseLeft(parts, record);
        }),
    },
  });
}

function jobSpec(parts: JobParts, logic: ReturnType<typeof jobLogicOf>, record: JobRecord): ChildSpec<unknown> {
  const { scope, reconciler, meant } = parts;
  const { filterTimeoutMs, shutdownTimeoutMs } = scope.definition;
  const settings = {
    // Whether a room that was dispatched again is still free is asked of the server.
    decisionMs:
      filterTimeoutMs +
      (reconciler !== null && statedLineage(record.info) !== null ? OFFER_CHECK_MS : 0) +
      (withSessionFor(scope, record.info) === undefined ? 0 : RETURN_CHECK_MS),
    assignmentMs: ASSIGNMENT_MS,
    startMs: START_MS,
    recheckMs: RECHECK_MS,
    endMs: shutdownTimeoutMs + END_MARGIN_MS,
  };
  return {
    id: `job:${record.info.id}`,
    restart: 'temporary', // what the job has said and done cannot be done again
    shutdown: 'brutal_kill', // an orderly end goes through the drain
    start: () => ({
      logic,
      input: { jobId: record.info.id, settings },
      onSpawn: (ref) => {
        record.actor = ref as ActorRefFrom<typeof logic>; // made from the logic above
        monitor(ref, (down) => {
          const end = endOf(down);
          scope.finish(record, end);
          reconciler?.ended(record, end, meant.has(record));
        });
      },
    }),
  };
}

function endOf({ reason, output }: Down): Pick<JobOutput, 'outcome' | 'reason' | 'error'> {
  if (reason === 'normal' && isJobOutput(output)) return output;
  return { outcome: 'failed', reason: 'crashed', error: `the job's actor ended: ${describeReason(reason)}` };
}

function isJobOutput(output: unknown): output is JobOutput {
  return typeof output === 'object' && output !== null && 'outcome' in output;
}

/** Shutdown callbacks may take seconds after the agent has left on purpose: no worker is to find its room deserted meanwhile. */
function releaseLeft({ reconciler, meant }: JobParts, record: JobRecord): void {
  if (meant.has(record) && record.run?.presence().state === 'left') reconciler?.left(record);
}

/** An agent that left by itself, while its entry function goes on. */
async function releaseDeserted({ scope, reconciler }: JobParts, record: JobRecord): Promise<void> {
  const isDeserted = () =>
    record.run?.presence().state === 'left' && record.actor?.getSnapshot().hasTag('rest') === true;
  if (reconciler === null || !isDeserted()) return;
  await sleep(scope.clock, DESERTED_MS);
  if (isDeserted()) reconciler.left(record);
}

function startRun(parts: JobParts, record: JobRecord): void {
  const { scope } = parts;
  const { info, url, token, identity } = record;
  const { actor } = record;
  // Reports may come while the chart is still in the middle of the entry action that called us.
  record.run = scope.runner.start({ info, url, token, identity, server: scope.connection }, (report) =>
    queueMicrotask(() => {
      if (report.type === 'job.presence') {
        releaseLeft(parts, record);
        if (report.state === 'left') void releaseDeserted(parts, record);
        return;
      }
      if (report.type === 'job.ended') {
        record.callbacks = report.callbacks;
        for (const { name, outcome, error } of report.callbacks) {
          if (outcome !== 'done')
            scope.logger.error({ ...idsOf(record), callback: name, outcome, error }, 'shutdown callback');
        }
      }
      if (actor?.getSnapshot().status === 'active') actor.send(report);
    }),
  );
}

/** A dispatch that was deleted is no reason to wait for the second look. */
async function askServer({ api, logger }: WorkerScope, record: JobRecord): Promise<void> {
  try {
    if (api !== null && (await isDispatchGone(api, record.served))) endDeleted(record);
  } catch (error) {
    logger.debug({ ...idsOf(record), error: textOf(error) }, 'a termination could not be checked');
  }
}

async function decide({ scope, reconciler }: JobParts, record: JobRecord, signal: AbortSignal): Promise<boolean> {
  const { dispatchId, roomName, roomSid } = record.info;
  const survivor = reconciler === null ? survivorOf(scope.jobs.list(), record.info, true) : undefined;
  const waiting = await awaitedBy(scope, record.info);
  if (waiting !== undefined) scope.logger.info(idsOf(record), 'the session that this participant had goes on');
  const serving = survivor ?? waiting;
  // It ends when this dispatch is deleted, which may be another one than its own after a restart of the server.
  if (serving !== undefined) serving.served = { dispatchId, roomName, roomSid };
  const verdict = serving === undefined ? ((await reconciler?.offered(record.info)) ?? 'take') : 'terminate';
  if (verdict !== 'take') {
    record.terminate = verdict === 'terminate';
    return false;
  }
  const { requestFilter } = scope.definition;
  if (requestFilter === undefined) return true;
  let decision: JobDecision;
  try {
    decision = await requestFilter(record.info);
  } catch (error) {
    scope.logger.error({ ...idsOf(record), error: textOf(error) }, 'the request filter threw');
    throw error;
  }
  if (signal.aborted) return false;
  if (typeof decision === 'boolean') return decision;
  if (!decision.accept) {
    record.terminate = decision.terminate ?? false;
    return false;
  }
  record.identity = nonEmpty(decision.identity) ?? record.identity;
  record.name = decision.name ?? '';
  record.metadata = decision.metadata ?? '';
  record.attributes = { ...decision.attributes };
  return true;
}

/** An empty identity is refused by the room, long after the job was taken. */
function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
