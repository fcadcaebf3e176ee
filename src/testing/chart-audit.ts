// Checks that a chart can be drawn, exported and trusted: everything named, every state left in time, nothing out of reach.
import type { AnyStateMachine } from 'xstate';
import { textOf } from '../errors.ts';
import {
  type Chart,
  type ChartName,
  type ChartRow,
  type ChartState,
  stateById,
  walkChart,
  withAncestors,
} from './chart-walk.ts';

export type ChartRule =
  /** An action, guard, delay or actor was written inline. */
  | 'unnamed'
  /** A name that `setup()` does not hold. */
  | 'unknown'
  /** The machine cannot be built, for instance because a target does not exist. */
  | 'broken'
  /** A state that nothing can leave. */
  | 'noExit'
  /**
   * A working state without an `after` of its own or of a state around it that leaves it or starts it again with an
   * action. Final states and states tagged `rest` need none. The tag `watched` says that a neighbouring region of a
   * parallel state holds the deadline; it counts only when that region has an `after`.
   */
  | 'noDeadline'
  | 'unreachable'
  /** A state, machine, event, guard or other name that does not follow the naming rules. */
  | 'badName'
  /** An event outside the closed list of domains. */
  | 'unknownDomain'
  /** More than four actions on a row. */
  | 'crowdedRow'
  /** `context` is an object shared by all actors, neither a factory nor frozen throughout. */
  | 'sharedContext';

export interface ChartFinding {
  readonly rule: ChartRule;
  /** Id of the state or machine. */
  readonly at: string;
  readonly text: string;
}

export interface ChartAuditOptions {
  /** The first part that event names may have. Default: the domains of this library. */
  readonly domains?: readonly string[];
}

/** The closed list of event domains; `supervisor` is that of the one event that asks an actor to end. */
const EVENT_DOMAINS: readonly string[] = (
  'session turn user speech transcript text reply tool playout pipeline ' +
  'transport provider agent worker job host child supervisor'
).split(' ');

const MAX_ACTIONS_PER_ROW = 4;
const CAMEL_CASE = /^[a-z][A-Za-z0-9]*$/;
const GUARD = /^(is|has|can)[A-Z][A-Za-z0-9]*$/;
const NEGATIVE_GUARD = /^(is|has|can)(Not|No)(?=[A-Z]|$)/;
const EVENT = /^[a-z][A-Za-z]*\.([a-z][A-Za-z0-9]*|\*)$/;

/**
 * All findings about a chart, in the order of its states; an empty list is a pass.
 * Give a function that builds the machine when it may fail to build.
 */
export function auditChart(
  machine: AnyStateMachine | (() => AnyStateMachine),
  { domains = EVENT_DOMAINS }: ChartAuditOptions = {},
): readonly ChartFinding[] {
  let chart: Chart;
  try {
    chart = walkChart(typeof machine === 'function' ? machine() : machine);
  } catch (error) {
    return [{ rule: 'broken', at: 'machine', text: textOf(error) }];
  }
  const findings: ChartFinding[] = [];
  if (chart.hasSharedContext)
    findings.push({ rule: 'sharedContext', at: chart.id, text: 'context must be a factory, or frozen' });
  const reachable = reachableStates(chart);
  for (const state of chart.states) {
    findings.push(
      ...checkStateName(state),
      ...checkNames(state),
      ...checkRows(state, domains),
      ...checkWayOut(chart, state),
    );
    if (!reachable.has(state.id)) findings.push({ rule: 'unreachable', at: state.id, text: 'no row leads here' });
  }
  return findings;
}

function checkStateName(state: ChartState): readonly ChartFinding[] {
  if (CAMEL_CASE.test(state.key)) return [];
  return [{ rule: 'badName', at: state.id, text: `state or machine "${state.key}" is not camelCase` }];
}

function checkNames(state: ChartState): readonly ChartFinding[] {
  const { rows } = state;
  const guards = rows.flatMap((row) => row.guard ?? []);
  const named: readonly (readonly [what: string, names: readonly ChartName[], rule: RegExp])[] = [
    ['entry action', state.entry, CAMEL_CASE],
    ['exit action', state.exit, CAMEL_CASE],
    ['initial action', state.initialActions, CAMEL_CASE],
    ['actor', state.invokes.map((invoke) => invoke.src), CAMEL_CASE],
    ['action', rows.flatMap((row) => row.actions), CAMEL_CASE],
    ['guard', guards, GUARD],
    ['delay', rows.flatMap((row) => row.delay ?? []), CAMEL_CASE],
  ];
  const findings: ChartFinding[] = [];
  for (const [what, names, rule] of named) {
    for (const { name, isKnown } of names) {
      const add = (broken: ChartRule, text: string) => findings.push({ rule: broken, at: state.id, text });
      if (name === null) add('unnamed', `${what} is written inline`);
      else if (!isKnown) add('unknown', `${what} "${name}" is not in setup()`);
      else if (!rule.test(name)) add('badName', `${what} "${name}" does not fit ${rule.source}`);
    }
  }
  for (const { name } of guards) {
    if (name !== null && NEGATIVE_GUARD.test(name)) {
      findings.push({ rule: 'badName', at: state.id, text: `guard "${name}" is negative` });
    }
  }
  return findings;
}

function checkRows(state: ChartState, domains: readonly string[]): readonly ChartFinding[] {
  const findings: ChartFinding[] = [];
  const crowded = (what: string, actions: readonly ChartName[]) => {
    if (actions.length <= MAX_ACTIONS_PER_ROW) return;
    findings.push({ rule: 'crowdedRow', at: state.id, text: `${what} has ${actions.length} actions` });
  };
  crowded('entry', state.entry);
  crowded('exit', state.exit);
  for (const row of state.rows) {
    crowded(`${row.kind} ${row.trigger}`, row.actions);
    if (row.kind !== 'event') continue;
    const domain = row.trigger.split('.', 1)[0] ?? '';
    if (!EVENT.test(row.trigger)) {
      findings.push({ rule: 'badName', at: state.id, text: `event "${row.trigger}" is not domain.name` });
    } else if (!domains.includes(domain)) {
      findings.push({ rule: 'unknownDomain', at: state.id, text: `event "${row.trigger}": no domain "${domain}"` });
    }
  }
  return findings;
}

function checkWayOut(chart: Chart, state: ChartState): readonly ChartFinding[] {
  if (state.type !== 'atomic') return [];
  const around = withAncestors(chart, state);
  const rows = around.flatMap((each) => each.rows);
  // A row counts as a way out only when it leads somewhere else than the state itself.
  const leaving = rows.filter((row) => row.targets.some((target) => target !== state.id));
  const findings: ChartFinding[] = [];
  if (leaving.length === 0) findings.push({ rule: 'noExit', at: state.id, text: 'nothing leaves this state' });
  const isResting = around.some((each) => each.tags.includes('rest'));
  // `always` with a row for every case leaves at once; only an unguarded row proves that.
  const isTransient = state.rows.some((row) => row.kind === 'always' && row.guard === null && row.targets.length > 0);
  const hasDeadline = rows.some((row) => row.kind === 'after' && isDeadline(row, state));
  if (!isResting && !isTransient && !hasDeadline && !isWatched(chart, around)) {
    findings.push({ rule: 'noDeadline', at: state.id, text: 'a working state needs an `after` that leaves it' });
  }
  return findings;
}

function isDeadline(row: ChartRow, state: ChartState): boolean {
  const startsAgain = row.isReentering && row.actions.length > 0 && row.targets.includes(state.id);
  return startsAgain || row.targets.some((target) => target !== state.id);
}

function isWatched(chart: Chart, around: readonly ChartState[]): boolean {
  if (!around.some((each) => each.tags.includes('watched'))) return false;
  const own = new Set(around.map((each) => each.id));
  const neighbours = around.filter((each) => each.type === 'parallel').flatMap((each) => each.children);
  const watchers = new Set(neighbours.filter((id) => !own.has(id)));
  return chart.states.some(
    (each) =>
      each.rows.some((row) => row.kind === 'after' && row.actions.length > 0) &&
      withAncestors(chart, each).some((ancestor) => watchers.has(ancestor.id)),
  );
}

/** Guards are taken to be passable: a state is out of reach only when no row and no initial state leads to it. */
function reachableStates(chart: Chart): ReadonlySet<string> {
  const active = new Set<string>();
  const byDefault = new Set<string>();
  /** `isTarget`: the state is entered with its initial state, and not only because a state inside it is entered. */
  const enter = (id: string, isTarget: boolean): void => {
    const isNew = !active.has(id);
    if (!isNew && (!isTarget || byDefault.has(id))) return;
    const state = stateById(chart, id);
    active.add(id);
    if (isTarget) byDefault.add(id);
    if (state.parentId !== null) enter(state.parentId, state.type === 'history');
    if (isTarget && state.initial !== null) enter(state.initial, true);
    if (state.type === 'parallel') for (const region of state.children) enter(region, isTarget || !active.has(region));
    if (isNew) for (const target of state.rows.flatMap((row) => row.targets)) enter(target, true);
  };
  enter(chart.id, true);
  return active;
}
