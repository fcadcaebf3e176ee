// One circuit breaker for each tool that failed of late, shared by all sessions of the runtime.
import type { AnyActorRef } from 'xstate';
import { type CircuitBreakerEvent, circuitBreakerMachine } from '../machines/circuit-breaker.machine.ts';
import { dynamicSupervisor, type Registry, startChildNow } from '../supervisor/index.ts';
import type { Tool } from '../tools/index.ts';

type CallEnded = Exclude<CircuitBreakerEvent, { readonly type: 'tool.admitted' }>;

/** Name of the supervisor of all breakers in the runtime's registry. */
export const BREAKERS = 'tools';

export const breakersTree = dynamicSupervisor({ id: BREAKERS, intensity: 3, periodMs: 5_000 });

/** Two tools of one name (of two agents) are two things that can fail. */
const names = new WeakMap<Tool, string>();
const count = new Map<string, number>();

function breakerName(tool: Tool): string {
  const known = names.get(tool);
  if (known !== undefined) return known;
  const n = (count.get(tool.name) ?? 0) + 1;
  count.set(tool.name, n);
  const name = n === 1 ? `breaker:${tool.name}` : `breaker:${tool.name}#${n}`;
  names.set(tool, name);
  return name;
}

/** The breaker of a tool that failed of late; undefined for one that is well. */
export function breakerOf(registry: Registry, tool: Tool): AnyActorRef | undefined {
  const name = names.get(tool);
  return name === undefined ? undefined : registry.whereis(name);
}

/** Tells the breaker how a call ended. A tool without one is well: it gets one at its first failure. */
export function tellBreaker(registry: Registry, tool: Tool, event: CallEnded): void {
  const breaker = breakerOf(registry, tool);
  if (breaker !== undefined) breaker.send(event);
  else if (event.type === 'tool.failed')
    // An actor created inside an action makes the development build of xstate complain. Another call may fail meanwhile.
    queueMicrotask(() => (breakerOf(registry, tool) ?? startBreaker(registry, tool))?.send(event));
}

/** Undefined when the tool has none, or the runtime is going down. */
function startBreaker(registry: Registry, tool: Tool): AnyActorRef | undefined {
  const parent = registry.whereis(BREAKERS);
  if (parent === undefined || tool.circuitBreaker === null) return undefined;
  const name = breakerName(tool);
  const input = { name: tool.name, ...tool.circuitBreaker };
  startChildNow(parent, {
    id: name,
    // It ends when there is nothing to remember; one that crashed starts closed again, for it must not keep a tool away.
    restart: 'transient',
    shutdown: 'brutal_kill',
    start: () => ({ logic: circuitBreakerMachine, input, name }),
  });
  return registry.whereis(name);
}
