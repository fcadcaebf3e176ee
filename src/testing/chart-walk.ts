// Reads a machine into plain data, once, for the audit and the drawings: states, rows and the names on them.
import type { AnyStateMachine } from 'xstate';

/** A named implementation. `name` is null when it was written inline and so cannot be named, drawn or exported. */
export interface ChartName {
  readonly name: string | null;
  /** False when the chart names it but `setup()` does not hold it. */
  readonly isKnown: boolean;
}

export interface ChartRow {
  readonly kind: 'event' | 'after' | 'always' | 'done' | 'error';
  /** The event type, the delay, or the source of the invocation (the state itself when its children are done). */
  readonly trigger: string;
  /** Set for `after`: is the delay known to `setup()`? */
  readonly delay: ChartName | null;
  readonly guard: ChartName | null;
  readonly actions: readonly ChartName[];
  /** Ids; empty when the row stays in its state. */
  readonly targets: readonly string[];
  readonly isReentering: boolean;
}

export interface ChartState {
  readonly id: string;
  readonly key: string;
  /** Keys from the root; empty for the root. */
  readonly path: readonly string[];
  readonly type: 'atomic' | 'compound' | 'parallel' | 'final' | 'history';
  readonly parentId: string | null;
  readonly children: readonly string[];
  readonly initial: string | null;
  readonly initialActions: readonly ChartName[];
  readonly tags: readonly string[];
  readonly description: string | null;
  readonly entry: readonly ChartName[];
  readonly exit: readonly ChartName[];
  readonly invokes: readonly { readonly id: string; readonly src: ChartName }[];
  readonly rows: readonly ChartRow[];
}

export interface Chart {
  readonly id: string;
  /** A static context object is shared by all actors of a machine. */
  readonly hasSharedContext: boolean;
  /** In document order, the root first. */
  readonly states: readonly ChartState[];
}

type StateNode = AnyStateMachine['root'];
type Kind = 'actions' | 'guards' | 'delays' | 'actors';

const INVOKE = /^xstate\.(done|error)\.actor\.(.*)$/;

export function walkChart(machine: AnyStateMachine): Chart {
  const states: ChartState[] = [];
  const visit = (node: StateNode): void => {
    states.push(readState(machine, node));
    for (const child of childrenOf(node)) visit(child);
  };
  visit(machine.root);
  const context: unknown = machine.config.context;
  const hasSharedContext = typeof context !== 'function' && !isFrozen(context);
  return { id: machine.id, hasSharedContext, states };
}

/** Nothing in it can change: actors may share it. */
function isFrozen(value: unknown): boolean {
  return Object.isFrozen(value) && Object.values(value ?? {}).every(isFrozen);
}

/** The state with this id. @throws when there is none, which a walked chart cannot lead to. */
export function stateById(chart: Chart, id: string): ChartState {
  const state = chart.states.find((candidate) => candidate.id === id);
  if (state === undefined) throw new Error(`chart ${chart.id} has no state ${id}`);
  return state;
}

/** `state` and all states around it, inside out. */
export function withAncestors(chart: Chart, state: ChartState): readonly ChartState[] {
  const found = [state];
  for (let at = state; at.parentId !== null; ) {
    at = stateById(chart, at.parentId);
    found.push(at);
  }
  return found;
}

function readState(machine: AnyStateMachine, node: StateNode): ChartState {
  const nameIn = (kind: Kind) => (value: unknown) => nameOf(machine, kind, value);
  const sources = new Map(node.invoke.map((invoke) => [invoke.id, nameIn('actors')(invoke.src)]));
  const rows: ChartRow[] = [];
  const transitions = [...node.transitions.values()].flat().concat(node.always ?? []);
  for (const transition of transitions) {
    const { kind, trigger } = triggerOf(transition.eventType, sources);
    const delay: unknown = 'delay' in transition ? transition.delay : undefined;
    rows.push({
      kind: delay === undefined ? kind : 'after',
      trigger: delay === undefined ? trigger : typeof delay === 'number' ? `${delay} ms` : String(delay),
      delay: delay === undefined ? null : nameIn('delays')(delay),
      guard: transition.guard === undefined ? null : nameIn('guards')(transition.guard),
      actions: transition.actions.map(nameIn('actions')),
      targets: (transition.target ?? []).map((target: StateNode) => target.id),
      isReentering: transition.reenter,
    });
  }
  return {
    id: node.id,
    key: node.key,
    path: node.path,
    type: node.type,
    parentId: node.parent?.id ?? null,
    children: childrenOf(node).map((child) => child.id),
    initial: node.type === 'compound' ? (node.initial.target?.[0]?.id ?? null) : null,
    initialActions: node.type === 'compound' ? node.initial.actions.map(nameIn('actions')) : [],
    tags: node.tags,
    description: node.description ?? null,
    // XState puts the start and the stop of each `after` among the actions of the state; they are rows here.
    entry: node.entry.filter((action) => !isOwnTimer(action)).map(nameIn('actions')),
    exit: node.exit.filter((action) => !isOwnTimer(action)).map(nameIn('actions')),
    invokes: node.invoke.map((invoke) => ({ id: invoke.id, src: nameIn('actors')(invoke.src) })),
    rows,
  };
}

function triggerOf(eventType: string, sources: ReadonlyMap<string, ChartName>): Pick<ChartRow, 'kind' | 'trigger'> {
  if (eventType === '') return { kind: 'always', trigger: '' };
  if (eventType.startsWith('xstate.done.state.')) return { kind: 'done', trigger: '' };
  const match = INVOKE.exec(eventType);
  if (match === null) return { kind: 'event', trigger: eventType };
  const [, how, actorId = ''] = match;
  return { kind: how === 'done' ? 'done' : 'error', trigger: sources.get(actorId)?.name ?? actorId };
}

function nameOf(machine: AnyStateMachine, kind: Kind, value: unknown): ChartName {
  const text = typeof value === 'string' ? value : isNamedObject(value) ? value.type : null;
  // XState makes up such names itself, for logic that was written inline.
  const name = text?.startsWith('xstate.') ? null : text;
  return { name, isKnown: name !== null && Object.hasOwn(machine.implementations[kind], name) };
}

function isNamedObject(value: unknown): value is { readonly type: string } {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

function isOwnTimer(action: unknown): boolean {
  if (typeof action !== 'function') return false;
  const id: unknown = 'sendId' in action ? action.sendId : 'id' in action ? action.id : undefined;
  return typeof id === 'string' && id.startsWith('xstate.after.');
}

function childrenOf(node: StateNode): readonly StateNode[] {
  return Object.values(node.states);
}
