// The drawing of every chart by file name.
import type { AnyStateMachine } from 'xstate';
import * as machines from '../src/machines/index.ts';
import { toMermaid } from '../src/testing/chart-export.ts';

/** Every machine that src/machines/index.ts exports, by export name. */
export function allMachines(): ReadonlyMap<string, AnyStateMachine> {
  return new Map(Object.entries(machines));
}

/** File name (kebab-case id) to Mermaid text. */
export function drawings(): ReadonlyMap<string, string> {
  return new Map([...allMachines().values()].map((machine) => [fileName(machine.id), toMermaid(machine)]));
}

function fileName(id: string): string {
  return `${id.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}.mmd`;
}
