// Draws and exports a chart from the same walk that audits it: Mermaid for people, JSON configuration for Stately Studio.
import type { AnyStateMachine } from 'xstate';
import type { JsonValue } from '../json.ts';
import { type Chart, type ChartName, type ChartRow, type ChartState, stateById, walkChart } from './chart-walk.ts';

/**
 * Mermaid `stateDiagram-v2` of a machine. An edge reads `event [guard]`, `after delay`, `done source` or `error source`;
 * rows that stay in their state are lines inside it. A row of a compound state starts at its node `any`, because Mermaid
 * cannot draw an edge from a box into itself; one that starts the state again is drawn at the box. Parts are in the order of the source, so the text is stable.
 */
export function toMermaid(machine: AnyStateMachine): string {
  const chart = walkChart(machine);
  const root = stateById(chart, chart.id);
  const lines = ['stateDiagram-v2', ...drawInside(chart, root)];
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

function drawInside(chart: Chart, state: ChartState): readonly string[] {
  const lines: string[] = [];
  if (state.type === 'compound' && state.initial !== null) lines.push(`[*] --> ${nodeId(state.initial)}`);
  const children = state.children.map((id) => stateById(chart, id));
  if (state.type === 'parallel') {
    children.forEach((child, index) => {
      if (index > 0) lines.push('--');
      lines.push(...drawState(chart, child));
    });
  } else {
    for (const child of children) lines.push(...drawState(chart, child));
  }
  const inner = state.rows.filter((row) => !startsAtBox(state, row) && row.targets.length > 0);
  const inside = notes(state);
  if (inner.length > 0 || inside.length > 0) {
    if (state.type === 'parallel') lines.push('--');
    lines.push(`state "any" as ${anyNode(state.id)}`);
    lines.push(...edges(anyNode(state.id), inner));
    lines.push(...inside.map((note) => `${anyNode(state.id)} : ${note}`));
  }
  return lines.map((line) => `  ${line}`);
}

function drawState(chart: Chart, state: ChartState): readonly string[] {
  const id = nodeId(state.id);
  const lines = [`state "${state.key}" as ${id}`];
  if (state.children.length > 0) lines.push(`state ${id} {`, ...drawInside(chart, state), '}');
  const outer = state.rows.filter((row) => state.children.length === 0 || startsAtBox(state, row));
  lines.push(...edges(id, outer));
  if (state.type === 'final') lines.push(`${id} --> [*]`);
  // Mermaid allows no lines in a box with states; there they stand in its node `any`.
  if (state.children.length === 0) lines.push(...notes(state).map((note) => `${id} : ${note}`));
  return lines;
}

/**
 * The rows of a parallel state belong to no region, and an edge to the state itself or to a state around it would be one
 * from the inside of a box to the box: these start at the box.
 */
function startsAtBox(state: ChartState, row: ChartRow): boolean {
  const isOutward = (target: string) => target === state.id || state.id.startsWith(`${target}.`);
  return state.type === 'parallel' || row.targets.some(isOutward);
}

/** One edge for each row, but a single one for all rows of a state to itself: Mermaid draws only the last of those. */
function edges(from: string, rows: readonly ChartRow[]): readonly string[] {
  const drawn = rows.flatMap((row) => row.targets.map((target) => ({ to: nodeId(target), label: labelOf(row) })));
  const loops = drawn.filter(({ to }) => to === from).map(({ label }) => label);
  return [
    ...(loops.length === 0 ? [] : [`${from} --> ${from} : ${loops.join(', ')}`]),
    ...drawn.filter(({ to }) => to !== from).map(({ to, label }) => `${from} --> ${to} : ${label}`),
  ];
}

/** What happens inside a state without leaving it. */
function notes(state: ChartState): readonly string[] {
  const staying = state.rows.filter((row) => row.targets.length === 0);
  return [
    ...state.invokes.map((invoke) => `do ${shown(invoke.src)}`),
    ...(state.entry.length === 0 ? [] : [`entry / ${state.entry.map(shown).join(', ')}`]),
    ...(state.exit.length === 0 ? [] : [`exit / ${state.exit.map(shown).join(', ')}`]),
    ...staying.map((row) => `${labelOf(row)} / ${row.actions.map(shown).join(', ') || 'ignored'}`),
  ];
}

function labelOf(row: ChartRow): string {
  const trigger = row.kind === 'event' ? row.trigger : `${row.kind} ${row.trigger}`.trim();
  return row.guard === null ? trigger : `${trigger} [${shown(row.guard)}]`;
}

function shown({ name }: ChartName): string {
  return name ?? '(inline)';
}

function nodeId(stateId: string): string {
  return stateId.replaceAll('.', '_');
}

function anyNode(stateId: string): string {
  return `${nodeId(stateId)}_any`;
}

/**
 * The configuration of a machine as JSON, with `#id` targets and every implementation by name, as Stately Studio reads it.
 * Parameters of actions and guards are functions and are left out. With the implementations of the original,
 * `createMachine(config, implementations)` takes the same states on the same events unless a guard needs parameters.
 */
export function toStudioJson(machine: AnyStateMachine): JsonValue {
  const chart = walkChart(machine);
  return { id: chart.id, ...configOf(chart, stateById(chart, chart.id)) };
}

function configOf(chart: Chart, state: ChartState): { readonly [key: string]: JsonValue } {
  const kept = (kind: ChartRow['kind'], trigger?: string) =>
    state.rows.filter((row) => row.kind === kind && (trigger === undefined || row.trigger === trigger));
  const grouped = (kind: ChartRow['kind']) => {
    const triggers = [...new Set(kept(kind).map((row) => row.trigger))];
    return Object.fromEntries(triggers.map((trigger) => [trigger, kept(kind, trigger).map(rowConfig)]));
  };
  const config: Record<string, JsonValue> = {
    ...(state.description === null ? {} : { description: state.description }),
    ...(state.type === 'atomic' || state.type === 'compound' ? {} : { type: state.type }),
    ...(state.initial === null ? {} : { initial: stateById(chart, state.initial).key }),
    tags: [...state.tags],
    entry: state.entry.map(actionConfig),
    exit: state.exit.map(actionConfig),
    invoke: state.invokes.map(({ src }) => ({
      src: shown(src),
      onDone: kept('done', shown(src)).map(rowConfig),
      onError: kept('error', shown(src)).map(rowConfig),
    })),
    after: grouped('after'),
    always: kept('always').map(rowConfig),
    on: grouped('event'),
    onDone: kept('done', '').map(rowConfig),
    states: Object.fromEntries(
      state.children.map((id) => {
        const child = stateById(chart, id);
        return [child.key, configOf(chart, child)];
      }),
    ),
  };
  return Object.fromEntries(Object.entries(config).filter(([, value]) => !isEmpty(value)));
}

function rowConfig(row: ChartRow): JsonValue {
  return {
    ...(row.targets.length === 0 ? {} : { target: row.targets.map((target) => `#${target}`) }),
    ...(row.guard === null ? {} : { guard: shown(row.guard) }),
    ...(row.actions.length === 0 ? {} : { actions: row.actions.map(actionConfig) }),
    ...(row.isReentering ? { reenter: true } : {}),
  };
}

function actionConfig(action: ChartName): JsonValue {
  return { type: shown(action) };
}

function isEmpty(value: JsonValue): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
