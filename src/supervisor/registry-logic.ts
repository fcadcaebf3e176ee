// A registry as an actor, for trees in which the names shall live and die with a child of a supervisor.
import type { ActorLogic, AnyActorRef, Snapshot } from 'xstate';
import { Registry, type RegistryChange, type RegistryKeys } from './registry.ts';
import type { AnyActorSystem } from './xstate-internals.ts';

export type RegistryEvent =
  | { readonly type: 'registry.register'; readonly name: string; readonly ref: AnyActorRef; readonly value?: unknown }
  | { readonly type: 'registry.unregister'; readonly name: string; readonly ref: AnyActorRef }
  /** Sends `event` to every owner of `name`. */
  | { readonly type: 'registry.publish'; readonly name: string; readonly event: { readonly type: string } }
  | { readonly type: 'xstate.stop' };

/** Emitted: `ref.on('registered', ...)`, `ref.on('unregistered', ...)`. */
export type RegistryEmitted = { readonly type: RegistryChange['kind'] } & Omit<RegistryChange, 'kind'>;

type RegistrySnapshot = Snapshot<undefined> & { readonly context: { readonly keys: RegistryKeys } };

export type RegistryLogic = ActorLogic<RegistrySnapshot, RegistryEvent, unknown, AnyActorSystem, RegistryEmitted>;

const registries = new WeakMap<AnyActorRef, Registry>();

/** The registry behind an actor of `registry(...)`, for synchronous lookups; undefined for other actors. */
export function registryOf(ref: AnyActorRef): Registry | undefined {
  return registries.get(ref);
}

/** Actor logic that owns a {@link Registry}. Its names are gone when it ends; its next incarnation starts empty. */
export function registry(options: { readonly keys?: RegistryKeys } = {}): RegistryLogic {
  const keys = new Registry(options).keys; // checks the option once, here
  return {
    getInitialSnapshot(scope) {
      const onChange = ({ kind, ...rest }: RegistryChange) => scope.emit({ type: kind, ...rest });
      registries.set(scope.self, new Registry({ keys, onChange }));
      return { status: 'active', output: undefined, error: undefined, context: { keys } };
    },
    transition(snapshot, event, scope) {
      const own = registries.get(scope.self);
      switch (event.type) {
        case 'registry.register':
          own?.register(event.name, event.ref, event.value);
          return snapshot;
        case 'registry.unregister':
          own?.unregister(event.name, event.ref);
          return snapshot;
        case 'registry.publish':
          own?.dispatch(event.name, ({ ref }) => ref.send(event.event));
          return snapshot;
        case 'xstate.stop':
          own?.clearAll();
          return { ...snapshot, status: 'stopped', output: undefined, error: undefined };
      }
      return snapshot;
    },
    getPersistedSnapshot: (snapshot) => snapshot,
  };
}
