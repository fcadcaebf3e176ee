// After any sequence of events the tree is in order. Shrunk counterexamples print the sequence.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AnyActorLogic, type AnyActorRef, fromCallback, fromTransition, setup } from 'xstate';
import {
  type ChildSpec,
  deleteChild,
  dynamicSupervisor,
  EXIT_EVENT,
  Exit,
  exitReasonOf,
  handlesExit,
  kill,
  Registry,
  restartChild,
  type Strategy,
  shutdown,
  startChild,
  startRoot,
  supervisor,
  terminateChild,
  whichChildren,
} from '../../src/supervisor/index.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';

type Kind = 'plain' | 'polite' | 'stubborn' | 'family' | 'flaky';

interface Plan {
  readonly strategy: Strategy;
  readonly intensity: number;
  readonly kinds: readonly (readonly [Kind, 'permanent' | 'transient' | 'temporary'])[];
  readonly pooled: number;
  readonly ops: readonly (readonly [Op, number])[];
}

type Op = 'crash' | 'normal' | 'kill' | 'terminate' | 'restart' | 'delete' | 'start' | 'pool' | 'unpool' | 'advance';

const plan = fc.record<Plan>({
  strategy: fc.constantFrom('one_for_one', 'one_for_all', 'rest_for_one'),
  intensity: fc.integer({ min: 0, max: 6 }),
  kinds: fc.array(
    fc.tuple(
      fc.constantFrom<Kind[]>('plain', 'polite', 'stubborn', 'family', 'flaky'),
      fc.constantFrom('permanent' as const, 'transient' as const, 'temporary' as const),
    ),
    { minLength: 1, maxLength: 5 },
  ),
  pooled: fc.integer({ min: 0, max: 4 }),
  ops: fc.array(
    fc.tuple(
      fc.constantFrom<Op[]>(
        'crash',
        'crash',
        'normal',
        'kill',
        'terminate',
        'restart',
        'delete',
        'start',
        'pool',
        'unpool',
        'advance',
      ),
      fc.nat({ max: 1_000 }),
    ),
    { maxLength: 25 },
  ),
});

const reducer = (onExit?: 'end' | 'ignore'): AnyActorLogic => {
  const logic = fromTransition((state: null, { type }: { type: string }) => {
    if (type === 'crash') throw new Error('crash');
    if (type === 'normal') throw new Exit('normal');
    if (type === EXIT_EVENT && onExit === 'end') throw new Exit('shutdown');
    return state;
  }, null);
  return onExit === undefined ? logic : handlesExit(logic);
};
const leaf = fromCallback(({ receive }) =>
  receive(({ type }) => {
    if (type === 'crash') throw new Error('leaf');
  }),
);
const family = setup({
  actors: { leaf },
  actions: {
    crash: () => {
      throw new Error('crash');
    },
  },
}).createMachine({
  initial: 'on',
  states: {
    on: {
      invoke: [
        { src: 'leaf', id: 'one' },
        { src: 'leaf', id: 'two' },
      ],
      on: { crash: { actions: 'crash' }, normal: 'off' },
    },
    off: { type: 'final' },
  },
});
const logics: Record<Kind, AnyActorLogic> = {
  plain: reducer(),
  polite: reducer('end'),
  stubborn: reducer('ignore'),
  family: family as AnyActorLogic, // its exact type says nothing here
  flaky: reducer(),
};

/** 1 is xstate's number for a running actor; snapshots of reducers do not tell. */
const isUp = (ref: AnyActorRef) => (ref as unknown as { _processingStatus: number })._processingStatus === 1;

async function play({ strategy, intensity, kinds, pooled, ops }: Plan): Promise<void> {
  const clock = new VirtualClock();
  const registry = new Registry();
  const actors: AnyActorRef[] = [];
  const problems: unknown[] = [];
  let made = 0;
  let flakes = 0;
  const specOf = (id: string, kind: Kind, restart: ChildSpec['restart'] = 'permanent'): ChildSpec => ({
    id,
    restart,
    shutdown: kind === 'stubborn' ? 70 : 5_000,
    ...(kind === 'flaky' && { backoff: { initialMs: 30 } }),
    start: ({ attempt }) => {
      if (kind === 'flaky' && attempt > 0 && flakes++ % 3 !== 0) throw new Error('flaky');
      return { logic: logics[kind], name: `name of ${id}` };
    },
  });
  const pool = dynamicSupervisor({ id: 'pool', intensity: 3, maxChildren: 5 }) as AnyActorLogic;
  const inner = supervisor({ id: 'inner', intensity: 2, children: [specOf('x', 'plain'), specOf('y', 'family')] });
  const root = startRoot(
    supervisor({
      id: 'top',
      strategy,
      intensity,
      registry,
      children: [
        ...kinds.map(([kind, restart], i) => specOf(`c${i}`, kind, restart)),
        { id: 'inner', type: 'supervisor', start: () => ({ logic: inner as AnyActorLogic }) },
        { id: 'pool', type: 'supervisor', start: () => ({ logic: pool }) },
      ],
    }),
    {
      clock,
      inspect: (event) => {
        if (event.type === '@xstate.actor') actors.push(event.actorRef as AnyActorRef); // the root's ref has a wider type
      },
      onProblem: (problem) => problems.push(problem),
    },
  );
  const initial = kinds
    .map(([, restart], i) => ({ id: `c${i}`, restart }))
    .filter(({ restart }) => restart !== 'temporary');
  const deleted = new Set<string>();
  const answers: Promise<unknown>[] = [];
  const pick = <T>(list: readonly T[], n: number): T | undefined => list[n % Math.max(1, list.length)];
  const poolRef = () => actors.filter((ref) => ref.id.startsWith('pool') && isUp(ref)).at(-1);

  const check = () => {
    expect(problems).toEqual([]);
    const up = actors.filter(isUp);
    const orphans = up.filter((ref) => ref._parent !== undefined && !isUp(ref._parent));
    expect(orphans.map(({ id }) => id)).toEqual([]);
    for (const sup of up) {
      const children = whichChildren(sup);
      for (const { ref } of children) if (ref !== undefined && ref !== 'restarting') expect(ref._parent).toBe(sup);
      const listed = children.flatMap(({ ref }) => (ref === undefined || ref === 'restarting' ? [] : [ref]));
      if (children.length > 0 && sup.id !== 'm') {
        // Every living actor below a supervisor is one of its children, and none is listed twice.
        const below = up.filter((ref) => ref._parent === sup);
        expect(below.filter((ref) => !listed.includes(ref)).map(({ id }) => id)).toEqual([]);
        expect(new Set(listed).size).toBe(listed.length);
      }
    }
    const order = [...whichChildren(root)].reverse().map(({ id }) => id);
    expect(new Set(order).size).toBe(order.length);
    const kept = initial.map(({ id }) => id).filter((id) => !deleted.has(id));
    if (isUp(root)) expect(order.filter((id) => kept.includes(id))).toEqual(kept);
    for (const { id, ref } of whichChildren(root)) {
      if (ref === undefined || ref === 'restarting' || id === 'inner' || id === 'pool' || !isUp(ref)) continue;
      expect(registry.whereis(`name of ${id}`)).toBe(ref);
    }
  };

  const act = async (op: Op, n: number): Promise<void> => {
    const victim = pick(
      actors.filter((ref) => isUp(ref) && ref !== root),
      n,
    );
    const id =
      pick(
        [...whichChildren(root)].map((child) => child.id),
        n,
      ) ?? 'c0';
    switch (op) {
      case 'crash':
      case 'normal':
        return void victim?.send({ type: op });
      case 'kill':
        return void (victim && kill(victim));
      case 'terminate':
        return void answers.push(terminateChild(root, id));
      case 'restart':
        return void answers.push(restartChild(root, id));
      case 'delete': {
        const answer = deleteChild(root, id);
        deleted.add(id);
        return void answers.push(answer);
      }
      case 'start':
        return void answers.push(
          startChild(root, specOf(`new ${++made}`, pick(Object.keys(logics) as Kind[], n) ?? 'plain')),
        );
      case 'pool': {
        const sup = poolRef();
        if (sup) for (let i = 0; i <= pooled; i++) answers.push(startChild(sup, specOf(`p ${++made}`, 'stubborn')));
        return;
      }
      case 'unpool': {
        const sup = poolRef();
        const child =
          sup &&
          pick(
            actors.filter((ref) => ref._parent === sup),
            n,
          );
        if (sup && child) answers.push(terminateChild(sup, child));
        return;
      }
      case 'advance':
        return clock.advance(n);
    }
  };

  check();
  for (const [op, n] of ops) {
    await act(op, n);
    check();
  }
  await clock.advance(60_000);
  check();
  // Quiet: nothing is being stopped or restarted any more, so nobody may own a timer.
  expect(clock.pendingTimers).toBe(0);
  for (const sup of actors.filter(isUp)) {
    for (const { ref } of whichChildren(sup))
      expect(ref === undefined || (ref !== 'restarting' && isUp(ref))).toBe(true);
  }
  const end = shutdown(root);
  await clock.advance(60_000);
  await end;
  expect(exitReasonOf(root)).toBeDefined();
  expect(actors.filter(isUp).map(({ id }) => id)).toEqual([]);
  expect([clock.pendingTimers, registry.size]).toEqual([0, 0]);
  // Every call was answered, also those that the end of their supervisor overtook.
  expect((await Promise.all(answers)).filter((answer) => answer === undefined)).toEqual([]);
}

describe('invariants', () => {
  test('no orphan, no timer without an owner, unique names, kept order, and every call answered', async () => {
    await fc.assert(fc.asyncProperty(plan, play), { numRuns: 300 });
  });
});
