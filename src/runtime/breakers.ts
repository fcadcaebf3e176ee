// One circuit breaker for each tool, shared by all sessions of the runtime.
import type { AnyActorRef } from 'xstate';
import { circuitBreakerMachine } from '../machines/circuit-breaker.machine.ts';
import { dynamicSupervisor, type Registry, startChildNow } from '../supervisor/index.ts';
import type { Tool } from '../tools/index.ts';

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

/** The breaker of a tool, started at its first call; undefined when the tool has none or the runtime is going down. */
export function breakerOf(registry: Registry | undefined, tool: Tool | undefined): AnyActorRef | undefined {
  if (registry === undefined || tool === undefined || tool.circuitBreaker === null) return undefined;
  const name = breakerName(tool);
  const running = registry.whereis(name);
  const parent = registry.whereis(BREAKERS);
  if (running !== undefined || parent === undefined) return running;
  const input = { name: tool.name, ...tool.circuitBreaker };
  startChildNow(parent, {
    id: name,
    restart: 'permanent', // it starts closed again: a breaker that crashed must not keep a tool away
    shutdown: 'brutal_kill',
    start: () => ({ logic: circuitBreakerMachine, input, name }),
  });
  return registry.whereis(name);
}
