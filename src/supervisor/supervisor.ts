// Supervisors as actor logic: a root, a child of a machine, or a child of another supervisor.
import type { ActorLogic, Snapshot } from 'xstate';
import { checkChildSpecs } from './check-spec.ts';
import type { AutoShutdown, ChildSpec, FullChildSpec, Strategy } from './child-spec.ts';
import { type End, Engine, engineOf } from './engine.ts';
import { checkFlags, type Flags } from './flags.ts';
import { handlesExit } from './graceful.ts';
import type { SupervisorEvent } from './messages.ts';
import type { Registry } from './registry.ts';
import type { Report, ReportHandler } from './report.ts';
import { SupervisorSnapshot } from './snapshot.ts';
import type { AnyActorSystem } from './xstate-internals.ts';

export type SupervisorLogic<Input = unknown> = ActorLogic<
  SupervisorSnapshot & Snapshot<unknown>,
  SupervisorEvent,
  Input,
  AnyActorSystem,
  Report
>;

interface CommonOptions {
  /** Name of the supervisor in reports and errors; not the actor's id. */
  readonly id: string;
  /** Restarts allowed within `periodMs`; one more and the supervisor gives up. Integer >= 0, default 1 as in OTP. */
  readonly intensity?: number;
  /** Length of the sliding window in milliseconds, > 0. Default 5 000. */
  readonly periodMs?: number;
  /** Names of children are registered here. Default: the registry of the supervisor above, or of `startRoot`. */
  readonly registry?: Registry;
  /** Told every report of this supervisor and of those below it that have no handler of their own. */
  readonly onReport?: ReportHandler;
}

export interface SupervisorOptions<Input = unknown> extends CommonOptions {
  /** Which siblings a restart takes along. Default `one_for_one`. */
  readonly strategy?: Strategy;
  /** When the end of significant children ends the supervisor. Default `never`. */
  readonly autoShutdown?: AutoShutdown;
  /**
   * The children in start order, or a function of the supervisor's input that lists them. A function may also answer
   * `ignore`: then the supervisor is not needed for this input and ends normally without having run.
   */
  readonly children: readonly ChildSpec<Input>[] | ((input: Input) => readonly ChildSpec<Input>[] | 'ignore');
}

export interface DynamicSupervisorOptions extends CommonOptions {
  /** When the end of significant children ends the supervisor. Default `never`. */
  readonly autoShutdown?: AutoShutdown;
  /** Children at the same time, restarting ones included. Integer >= 0, default Infinity; 0 admits none. */
  readonly maxChildren?: number;
}

/**
 * A supervisor with a list of children. One logic object serves any number of actors: build it once.
 * The flags, and a list given as an array, are checked here; a list from a function when the actor is created.
 * @throws AgentError `ERR_CHILD_SPEC`
 */
export function supervisor<Input = unknown>(options: SupervisorOptions<Input>): SupervisorLogic<Input> {
  const { id, strategy = 'one_for_one', intensity = 1, periodMs = 5_000, autoShutdown = 'never', children } = options;
  const maxChildren = Number.POSITIVE_INFINITY;
  const flags = checkFlags({ id, dynamic: false, strategy, intensity, periodMs, autoShutdown, maxChildren });
  const list = typeof children === 'function' ? undefined : checkChildSpecs(children, autoShutdown);
  const listFor = (input: Input) => {
    if (typeof children !== 'function') return list ?? [];
    const specs = children(input);
    return specs === 'ignore' ? specs : checkChildSpecs(specs, autoShutdown);
  };
  return supervisorLogic(flags, options, listFor, chartOf(id, list));
}

/**
 * A supervisor that starts empty and gets its children by `startChild`: one_for_one only, ids need not be unique,
 * children are addressed by their actor and stopped all at once. Ended children that are not restarted are forgotten.
 * @throws AgentError `ERR_CHILD_SPEC`
 */
export function dynamicSupervisor<Input = unknown>(options: DynamicSupervisorOptions): SupervisorLogic<Input> {
  const { id, intensity = 1, periodMs = 5_000, autoShutdown = 'never' } = options;
  const { maxChildren = Number.POSITIVE_INFINITY } = options;
  const strategy = 'one_for_one';
  const flags = checkFlags({ id, dynamic: true, strategy, intensity, periodMs, autoShutdown, maxChildren });
  return supervisorLogic(flags, options, () => [], { id });
}

function supervisorLogic<Input>(
  flags: Flags,
  { registry, onReport }: CommonOptions,
  listFor: (input: Input) => readonly FullChildSpec<Input>[] | 'ignore',
  config: unknown,
): SupervisorLogic<Input> {
  // The class has every field of xstate's snapshot union; tsc cannot see that its status decides the other two.
  const show = (engine: Engine, end?: End | 'stopped') =>
    new SupervisorSnapshot(engine, end) as SupervisorSnapshot & Snapshot<unknown>;
  return handlesExit<SupervisorLogic<Input>>({
    config,
    getInitialSnapshot(scope, input) {
      const engine = new Engine(scope, { flags, input, children: listFor(input), registry, onReport });
      return show(engine, engine.end);
    },
    start(_snapshot, scope) {
      // A supervisor without anybody above it must not end the process when it gives up: the reports tell of it.
      if (scope.self._parent === undefined) scope.self.subscribe({ error: () => {} });
      engineOf(scope.self)?.start();
    },
    transition(snapshot, event, scope) {
      const engine = engineOf(scope.self);
      if (engine === undefined) return snapshot;
      if (event.type === 'xstate.stop') {
        engine.abort();
        return show(engine, 'stopped');
      }
      try {
        engine.receive(event);
      } catch (error) {
        // A fault of our own: nothing may stay alive below an actor that is about to end in error.
        engine.abort();
        throw error;
      }
      return show(engine, engine.end);
    },
    // What runs cannot be written down: timers and mailboxes are lost with it. Checkpoints are the way to keep state.
    getPersistedSnapshot: () => ({ status: 'active', output: undefined, error: undefined }),
  });
}

/** A parallel chart with a region per child, for inspectors that draw what they find in `config`. */
function chartOf(id: string, specs: readonly ChildSpec[] | undefined): object {
  if (specs === undefined) return { id };
  const states = { stopped: {}, starting: {}, running: {}, stopping: {}, restarting: {} };
  const regions = specs.map((spec) => [spec.id, { initial: 'stopped', states }] as const);
  return { id, type: 'parallel', states: Object.fromEntries(regions) };
}
