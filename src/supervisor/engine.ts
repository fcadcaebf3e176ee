// One running supervisor: its children, its flags, and the mailbox through which everything happens to it.
import type { ActorScope, AnyActorRef, Snapshot } from 'xstate';
import { reportProblem } from '../observer.ts';
import { nextDelayMs } from './backoff.ts';
import type { FullChildSpec } from './child-spec.ts';
import { type ChildRecord, ChildTable } from './child-table.ts';
import { Exit, type ExitReason } from './exit-reason.ts';
import type { Flags } from './flags.ts';
import type { ExitEvent, Request, SupervisorEvent } from './messages.ts';
import { operationFor } from './operations.ts';
import { OwnedTimers } from './owned-timers.ts';
import type { Registry } from './registry.ts';
import { pathOf, type Report, type ReportHandler, type ReportKind } from './report.ts';
import { RestartWindow } from './restart-window.ts';
import { type Operation, SelectiveMailbox } from './selective-mailbox.ts';
import type { SupervisorSnapshot } from './snapshot.ts';
import { startOwn } from './start-child.ts';
import { terminateAll } from './strategy.ts';
import { type ChildOwner, guardActor, killTree, type SystemServices, servicesOf } from './system-services.ts';
import { type AnyActorSystem, afterObservers, hasListeners } from './xstate-internals.ts';

export type SupervisorScope = ActorScope<
  SupervisorSnapshot & Snapshot<unknown>,
  SupervisorEvent,
  AnyActorSystem,
  Report
>;

export interface EngineOptions {
  readonly flags: Flags;
  readonly input: unknown;
  /** Checked; a list that was written down once is shared by all supervisors of its kind. */
  readonly children: readonly FullChildSpec[] | 'ignore';
  readonly registry: Registry | undefined;
  readonly onReport: ReportHandler | undefined;
}

/** How the supervisor ended by itself. Giving up is an error, so that a plain machine above it gets `onError`. */
export type End =
  | { readonly kind: 'done'; readonly reason: ExitReason }
  | { readonly kind: 'error'; readonly exit: Exit };

const engines = new WeakMap<AnyActorRef, Engine>();

export function engineOf(ref: AnyActorRef): Engine | undefined {
  return engines.get(ref);
}

export class Engine implements ChildOwner {
  readonly scope: SupervisorScope;
  readonly services: SystemServices;
  readonly input: unknown;
  readonly children = new ChildTable();
  readonly window = new RestartWindow();
  flags: Flags;
  phase: 'created' | 'starting' | 'running' | 'terminating' | 'ended' = 'created';
  /** Its list of children said that there is nothing to supervise. */
  readonly isIgnored: boolean;
  /** True from the moment all children have started for the first time. */
  hasStarted = false;
  end: End | undefined;
  /** It was told to end while it waited for a child to become ready. */
  exitRequested: ExitEvent | undefined;
  readonly onReport: ReportHandler | undefined;
  readonly #registry: Registry | undefined;
  /** Made with the first call: most supervisors get none. */
  #requests: Set<Request> | undefined;
  readonly #timers: OwnedTimers;
  readonly #mailbox: SelectiveMailbox;

  constructor(scope: SupervisorScope, { flags, input, children, registry, onReport }: EngineOptions) {
    this.scope = scope;
    this.flags = flags;
    this.input = input;
    this.services = servicesOf(scope.system);
    this.#timers = new OwnedTimers(this.services.clock);
    this.#mailbox = new SelectiveMailbox(
      (event) => operationFor(this, event),
      () => this.end !== undefined,
    );
    const above = engineAbove(scope.self);
    this.#registry = registry ?? above?.registry;
    this.onReport = onReport ?? above?.onReport;
    this.isIgnored = children === 'ignore';
    if (children === 'ignore') this.end = { kind: 'done', reason: 'normal' };
    else for (const spec of children) this.children.add(spec);
    engines.set(scope.self, this);
    this.services.owners.set(scope.self, this);
    guardActor(scope.self);
  }

  /** Read late: `startRoot` can name the default only after the root, which is this actor or above it, was created. */
  get registry(): Registry | undefined {
    return this.#registry ?? this.services.registry;
  }

  /** Starts the children. Throws when one fails and nothing has to be waited for: the supervisor itself failed to start. */
  start(): void {
    this.phase = 'starting';
    this.#mailbox.run(this.#startAll());
    if (this.end?.kind === 'error') {
      const { exit } = this.end;
      this.#close();
      throw exit;
    }
  }

  /** Handles one event of the mailbox, and all that were put off before it can be handled. */
  receive(event: SupervisorEvent): void {
    this.#mailbox.receive(event);
    if (this.end !== undefined) this.#close();
  }

  /** Registers an API call; it is answered `noproc` when the supervisor ends before it comes to it. */
  enqueue(request: Request): void {
    if (this.phase === 'ended') {
      request.answer({ ok: false, reason: 'noproc' });
      return;
    }
    this.#requests ??= new Set();
    this.#requests.add(request);
    this.scope.self.send({ type: 'supervisor.request', request });
  }

  answer(request: Request, reply: unknown): void {
    if (this.#requests?.delete(request)) request.answer(reply);
  }

  childEnded(ref: AnyActorRef): void {
    this.registry?.clear(ref);
    const record = this.children.byActor(ref);
    if (record === undefined || this.phase === 'ended') return;
    // xstate tells a parent about done and error; an actor that was stopped from outside leaves without a word.
    const { status } = ref.getSnapshot();
    if (status === 'done' || status === 'error') return;
    // Monitors hear of the end before the supervisor acts on it, as they do for the other two.
    afterObservers(ref, () => {
      if (this.phase !== 'ended' && record.ref === ref) this.scope.self.send({ type: 'supervisor.down', ref });
    });
  }

  ownerEnded(): void {
    this.abort();
  }

  /** Stops everything at once: the supervisor was killed, or its own code failed. */
  abort(): void {
    this.#mailbox.abandon();
    this.#close();
    for (const record of this.children.list().reverse()) {
      this.cancelRetry(record);
      const { ref } = record;
      if (ref === undefined) continue;
      killTree(ref, 'killed');
      this.children.detach(record);
      record.state = 'stopped';
    }
  }

  /** The supervisor gives up or ends: all children first, then itself. */
  *finish(end: End): Operation<void> {
    this.phase = 'terminating';
    yield* terminateAll(this);
    this.end = end;
  }

  /** Arms a timer that comes back as an event with `token`. All timers of a supervisor end with it. */
  timer(token: object, delayMs: number): void {
    this.#timers.arm(token, delayMs, () => this.scope.self.send({ type: 'supervisor.timer', token }));
  }

  disarm(token: object): void {
    this.#timers.disarm(token);
  }

  /** Posts the next restart of `record` to the own mailbox, behind what is already there; later with a backoff. */
  retryLater(record: ChildRecord): void {
    record.state = 'restarting';
    const token = {};
    record.retryToken = token;
    const retry = { type: 'supervisor.retry', record, token } as const;
    const delayMs = nextDelayMs(record, this.services);
    if (delayMs === 0) this.scope.self.send(retry);
    else this.#timers.arm(token, delayMs, () => this.scope.self.send(retry));
  }

  cancelRetry(record: ChildRecord): void {
    if (record.retryToken !== undefined) this.#timers.disarm(record.retryToken);
    record.retryToken = undefined;
  }

  isIgnoredSupervisor(ref: AnyActorRef): boolean {
    return engineOf(ref)?.isIgnored === true;
  }

  isStartingSupervisor(ref: AnyActorRef): boolean {
    return engineOf(ref)?.hasStarted === false;
  }

  report(kind: ReportKind, record: ChildRecord, reason?: Report['reason'], count?: number): void {
    const handler = this.onReport ?? this.services.onReport;
    if (handler === undefined && !hasListeners(this.scope.self)) return;
    const { id, type, restart, shutdown, significant } = record.spec;
    const report: Report = {
      type: 'report',
      kind,
      supervisor: pathOf(this.scope.self),
      child: { id, type, restart, shutdown, significant, ref: record.ref },
      ...(reason !== undefined && { reason }),
      ...(count !== undefined && { count }),
    };
    try {
      handler?.(report);
    } catch (error) {
      reportProblem(this.services.onProblem, { where: 'onReport', error });
    }
    this.scope.emit(report);
  }

  *#startAll(): Operation<void> {
    for (const record of this.children.list()) {
      const outcome = yield* startOwn(this, record);
      if (outcome.kind === 'failed') {
        const cause = { failed_to_start_child: record.spec.id, reason: outcome.reason };
        this.children.delete(record);
        if (this.exitRequested !== undefined) {
          yield* this.finish({ kind: 'done', reason: this.exitRequested.reason });
          return;
        }
        yield* this.finish({ kind: 'error', exit: new Exit({ shutdown: cause }, { cause: outcome.reason }) });
        return;
      }
      if (outcome.kind === 'ignored' && record.spec.restart === 'temporary') this.children.delete(record);
    }
    this.phase = 'running';
    this.hasStarted = true;
    const parent = this.scope.self._parent;
    if (parent !== undefined && engines.has(parent)) parent.send({ type: 'supervisor.ready', ref: this.scope.self });
  }

  #close(): void {
    this.phase = 'ended';
    this.#timers.disarmAll();
    for (const request of [...(this.#requests ?? [])]) this.answer(request, { ok: false, reason: 'noproc' });
  }
}

function engineAbove(ref: AnyActorRef): Engine | undefined {
  for (let at = ref._parent; at !== undefined; at = at._parent) {
    const engine = engines.get(at);
    if (engine !== undefined) return engine;
  }
  return undefined;
}
