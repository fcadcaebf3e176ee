// A supervision scenario that both worlds can act out: a tree, and what is done to it step by step.
import { seededIds } from '../../src/ids.ts';
import type { AutoShutdown, RestartType, Shutdown, Strategy } from '../../src/supervisor/index.ts';

/** What a start answers; after the last entry of a list every start is `ok`. */
export type Start = 'ok' | 'info' | 'ignore' | 'error';
/** What a worker does when told to shut down: die as told, obey, ignore it, or end with another reason. */
export type Manner = 'plain' | 'obey' | 'slow' | 'odd_normal' | 'odd_term' | 'odd_boom';
export type Quit = 'normal' | 'shutdown' | 'term' | 'boom' | 'kill';

interface Member {
  readonly id: string;
  readonly restart: RestartType;
  readonly shutdown: Shutdown;
  readonly significant: boolean;
}

export interface WorkerChild extends Member {
  readonly kind: 'worker';
  readonly starts: readonly Start[];
  readonly manner: Manner;
}

export interface StaticSupervisor extends Member {
  readonly kind: 'sup';
  readonly strategy: Strategy;
  readonly intensity: number;
  readonly auto: AutoShutdown;
  readonly children: readonly Child[];
}

export interface DynamicSupervisor extends Member {
  readonly kind: 'dyn';
  readonly intensity: number;
  readonly auto: AutoShutdown;
  readonly template: Omit<Member, 'id'>;
}

export type Child = WorkerChild | StaticSupervisor | DynamicSupervisor;
export type Supervisor = StaticSupervisor | DynamicSupervisor;

export type Action =
  | { readonly op: 'quit'; readonly id: string; readonly reason: Quit }
  | { readonly op: 'start'; readonly sup: string; readonly child: Child }
  | { readonly op: 'terminate' | 'restart' | 'delete' | 'spec'; readonly sup: string; readonly id: string };

/** `burst`: all actions reach the supervisor while it is busy, so that they queue in its mailbox. */
export type Step = Action | { readonly op: 'burst'; readonly sup: string; readonly actions: readonly Action[] };

export interface Scenario {
  readonly n: number;
  readonly top: Supervisor;
  readonly steps: readonly Step[];
}

/** Scenario number `n` of a seed; the same two numbers give the same scenario for ever. */
export function makeScenario(seed: number, n: number): Scenario {
  const ids = seededIds(seed * 1_000_003 + n);
  const below = (limit: number) => Math.floor(ids.random() * limit);
  const oneOf = <T>(...values: readonly T[]): T => values[below(values.length)] as T; // the index is inside
  const chance = (share: number) => ids.random() < share;

  const known = new Map<string, string[]>(); // ids by supervisor, to aim the steps at
  const killable = new Set<string>(); // supervisors without supervisors below them
  let made = 0;

  const restartType = (): RestartType => oneOf('permanent', 'permanent', 'transient', 'temporary');
  const starts = (): Start[] => {
    const first: Start = chance(0.92) ? 'ok' : oneOf('info', 'ignore', 'error');
    const rest = chance(0.4)
      ? Array.from({ length: below(4) }, () => oneOf<Start>('ok', 'error', 'error', 'ignore'))
      : [];
    return [first, ...rest];
  };
  const member = (id: string, restart: RestartType, auto: AutoShutdown) => ({
    id,
    restart,
    significant: auto !== 'never' && restart !== 'permanent' && chance(0.5),
  });
  const worker = (id: string, auto: AutoShutdown): WorkerChild => {
    const manner = oneOf<Manner>(
      'plain',
      'plain',
      'plain',
      'obey',
      'obey',
      'slow',
      'odd_normal',
      'odd_term',
      'odd_boom',
    );
    // A worker that ignores its shutdown needs a deadline, or both worlds would wait for it for ever.
    const shutdown =
      manner === 'slow' ? oneOf<Shutdown>(10, 'brutal_kill') : oneOf<Shutdown>(2_000, 'infinity', 'brutal_kill');
    return { kind: 'worker', ...member(id, restartType(), auto), shutdown, starts: starts(), manner };
  };
  const child = (sup: string, auto: AutoShutdown, depth: number): Child => {
    const id = `c${++made}`;
    known.get(sup)?.push(id);
    if (depth > 0 && chance(0.22)) return makeSupervisor(id, auto, depth - 1);
    return worker(id, auto);
  };
  const makeSupervisor = (id: string, autoAbove: AutoShutdown, depth: number): Supervisor => {
    known.set(id, []);
    const auto: AutoShutdown = chance(0.6) ? 'never' : oneOf('any_significant', 'all_significant');
    const shutdown: Shutdown = chance(0.85) ? 'infinity' : 'brutal_kill';
    const self = { ...member(id, restartType(), autoAbove), shutdown, intensity: below(5), auto };
    if (chance(0.25)) {
      const template = {
        ...member('template', restartType(), auto),
        shutdown: oneOf<Shutdown>(2_000, 10, 'brutal_kill'),
      };
      killable.add(id);
      return { kind: 'dyn', ...self, template };
    }
    const strategy = oneOf<Strategy>('one_for_one', 'one_for_all', 'rest_for_one');
    const children = Array.from({ length: 1 + below(4) }, () => child(id, auto, depth));
    // Below a killed supervisor Erlang lets nested ones shut down by themselves, here the whole subtree is killed at once.
    if (children.some(({ kind }) => kind !== 'worker'))
      return { kind: 'sup', ...self, shutdown: 'infinity', strategy, children };
    killable.add(id);
    return { kind: 'sup', ...self, strategy, children };
  };

  const top = makeSupervisor('top', 'never', 2);
  const supervisors = new Map<string, Supervisor>();
  const collect = (sup: Supervisor) => {
    supervisors.set(sup.id, sup);
    if (sup.kind === 'sup') for (const each of sup.children) if (each.kind !== 'worker') collect(each);
  };
  collect(top);

  const freshChild = (sup: Supervisor): Child => {
    const taken = (known.get(sup.id) ?? []).filter((id) => !supervisors.has(id));
    const id = sup.kind === 'sup' && taken.length > 0 && chance(0.3) ? oneOf(...taken) : `c${++made}`;
    const isKnown = known.get(sup.id)?.includes(id);
    if (!isKnown) known.get(sup.id)?.push(id);
    const made_ = worker(id, sup.auto);
    if (sup.kind === 'sup') return made_;
    // Instances of a dynamic supervisor share its template, and must not ignore a shutdown without a deadline.
    // A restart that is ignored crashes OTP 25's simple_one_for_one later on.
    const starts = made_.starts.map((start, i) => (i > 0 && start === 'ignore' ? 'error' : start));
    return { ...made_, ...sup.template, id, starts };
  };
  const quit = (sup: Supervisor, focus?: string): Action => {
    const id = focus ?? oneOf(...(known.get(sup.id) ?? []), 'nobody');
    if (!supervisors.has(id))
      return { op: 'quit', id, reason: oneOf('normal', 'shutdown', 'term', 'boom', 'boom', 'kill') };
    return { op: 'quit', id: killable.has(id) ? id : 'nobody', reason: 'kill' };
  };
  /** A spec is read without waiting for the supervisor, so asking in the middle of a burst has another meaning here. */
  const call = (sup: Supervisor, reads = false, focus?: string): Action => {
    const id =
      focus !== undefined ? focus : chance(0.93) ? (oneOf(...(known.get(sup.id) ?? [])) ?? 'nobody') : 'nobody';
    const op = oneOf(
      'start',
      'start',
      'terminate',
      'terminate',
      'restart',
      'restart',
      'delete',
      reads ? 'spec' : 'delete',
    );
    if (op === 'start') return { op, sup: sup.id, child: freshChild(sup) };
    return { op, sup: sup.id, id };
  };
  const steps = Array.from({ length: 3 + below(8) }, (): Step => {
    const sup = oneOf(...supervisors.values());
    if (chance(0.25)) {
      // Several actions on one child meet it while it restarts.
      const focus = chance(0.6) ? oneOf(...(known.get(sup.id) ?? [])) : undefined;
      const length = 1 + below(5);
      const actions = Array.from({ length }, (_, i) =>
        (focus !== undefined && i === 0) || chance(0.3) ? quit(sup, focus) : call(sup, false, focus),
      );
      return { op: 'burst', sup: sup.id, actions };
    }
    return chance(0.55) ? quit(sup) : call(sup, true);
  });
  return { n, top, steps };
}

/** Are ends in this scenario ordered? Erlang leaves the order open in dynamic pools and below a killed supervisor. */
export function isOrdered({ top, steps }: Scenario): boolean {
  const supervisors: Supervisor[] = [];
  const collect = (child: Child) => {
    if (child.kind === 'worker') return;
    supervisors.push(child);
    if (child.kind === 'sup') child.children.forEach(collect);
  };
  collect(top);
  const ids = new Set(supervisors.map(({ id }) => id));
  const kills = (step: Step): boolean =>
    step.op === 'burst' ? step.actions.some(kills) : step.op === 'quit' && ids.has(step.id);
  return supervisors.every(({ kind, shutdown }) => kind === 'sup' && shutdown === 'infinity') && !steps.some(kills);
}
