import { afterEach, describe, expect, test } from 'vitest';
import { type AnyActorRef, createMachine, type EventObject, fromCallback, fromTransition, setup } from 'xstate';
import {
  type ChildSpec,
  countChildren,
  dynamicSupervisor,
  EXIT_EVENT,
  Exit,
  handlesExit,
  kill,
  monitor,
  Registry,
  type Report,
  shutdown,
  startChild,
  startChildNow,
  startRoot,
  supervisor,
  terminateChild,
  whichChildren,
} from '../../src/supervisor/index.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';

const problems: unknown[] = [];
afterEach(() => expect(problems.splice(0)).toEqual([]));

/** Crashes or ends as the event says. */
const worker = fromTransition((state: null, event: { type: string; reason?: never }) => {
  if (event.type === 'crash') throw new Error('crash');
  if (event.type === 'exit') throw new Exit(event.reason ?? 'normal');
  return state;
}, null);

const spec = (id: string, more: Partial<ChildSpec> = {}): ChildSpec => ({
  id,
  start: () => ({ logic: worker }),
  ...more,
});

function run(options: Partial<Parameters<typeof supervisor>[0]>) {
  const clock = new VirtualClock();
  const reports: string[] = [];
  const root = startRoot(supervisor({ id: 'top', children: [], ...options }), {
    clock,
    onReport: (report: Report) => reports.push(`${report.kind} ${report.child.id}`),
    onProblem: (problem) => problems.push(problem),
  });
  return {
    clock,
    root,
    reports,
    refs: () =>
      whichChildren(root)
        .map(({ id, ref }) => [id, ref] as const)
        .reverse(),
  };
}

const refOf = (root: AnyActorRef, id: string): AnyActorRef => {
  const found = whichChildren(root).find((child) => child.id === id)?.ref;
  if (found === undefined || found === 'restarting') throw new Error(`${id} does not run`);
  return found;
};

describe('supervisor', () => {
  test('children start in order and stop in reverse order', async () => {
    const log: string[] = [];
    const logging = (id: string) =>
      fromCallback(() => {
        log.push(`start ${id}`);
        return () => log.push(`stop ${id}`);
      });
    const child = (id: string): ChildSpec => ({ id, start: () => ({ logic: logging(id) }) });
    const { root } = run({ children: ['a', 'b', 'c'].map(child) });
    expect(await shutdown(root)).toBe('shutdown');
    expect(log).toEqual(['start a', 'start b', 'start c', 'stop c', 'stop b', 'stop a']);
    expect(root.getSnapshot()).toMatchObject({ status: 'done', output: { exit: 'shutdown' } });
  });

  test.each([
    ['one_for_one', 'b', ['b']],
    ['rest_for_one', 'b', ['b', 'c']],
    ['one_for_all', 'b', ['a', 'b', 'c']],
  ] as const)('%s: a crash of %s replaces %j', (strategy, victim, replaced) => {
    const { root, refs } = run({ strategy, children: ['a', 'b', 'c'].map((id) => spec(id)) });
    const before = new Map(refs());
    refOf(root, victim).send({ type: 'crash' });
    const after = refs();
    expect(after.map(([id]) => id)).toEqual(['a', 'b', 'c']);
    expect(after.filter(([id, ref]) => before.get(id) !== ref).map(([id]) => id)).toEqual([...replaced]);
    expect(countChildren(root)).toEqual({ specs: 3, active: 3, supervisors: 0, workers: 3 });
  });

  test('one restart more than the intensity ends the supervisor in error', () => {
    const { root, reports } = run({ intensity: 2, children: [spec('a'), spec('b')] });
    for (let i = 0; i < 3; i++) refOf(root, 'a').send({ type: 'crash' });
    expect(root.getSnapshot()).toMatchObject({ status: 'error', error: { reason: 'shutdown' } });
    expect(reports.at(-1)).toBe('shutdown a');
  });

  test('restarts further apart than the period do not add up', async () => {
    const { root, clock } = run({ intensity: 1, periodMs: 1_000, children: [spec('a')] });
    for (let i = 0; i < 5; i++) {
      refOf(root, 'a').send({ type: 'crash' });
      await clock.advance(1_001);
    }
    expect(root.getSnapshot().status).toBe('active');
  });

  test('a machine that handles the exit event gets its deadline, and is killed after it', async () => {
    const polite = createMachine({
      initial: 'on',
      states: {
        on: { on: { [EXIT_EVENT]: 'closing' } },
        closing: { after: { 100: 'off' } },
        off: { type: 'final' },
      },
      output: { exit: 'shutdown' },
    });
    const stubborn = createMachine({ on: { [EXIT_EVENT]: { actions: () => {} } } });
    const { root, clock, reports } = run({
      children: [
        { id: 'polite', start: () => ({ logic: polite }) },
        { id: 'stubborn', start: () => ({ logic: stubborn }), shutdown: 50 },
      ],
    });
    const end = shutdown(root);
    await clock.advance(149);
    expect(root.getSnapshot().status).toBe('active');
    await clock.advance(1);
    expect(await end).toBe('shutdown');
    expect(reports.filter((line) => line.startsWith('shutdown_error'))).toEqual(['shutdown_error stubborn']);
    expect(clock.pendingTimers).toBe(0);
  });

  test('a callback that declares it ends itself on the exit event', async () => {
    const log: string[] = [];
    const logic = handlesExit(
      fromCallback(({ receive }) => {
        receive((event) => {
          log.push(event.type);
          throw new Exit('shutdown');
        });
        return () => log.push('disposed');
      }),
    );
    const { root, reports } = run({ children: [{ id: 'a', start: () => ({ logic }) }] });
    await shutdown(root);
    expect([log, reports]).toEqual([[EXIT_EVENT], ['progress a']]);
  });

  test('the subtree of a crashed machine is reaped', () => {
    const stopped: string[] = [];
    const leaf = fromCallback<EventObject, string>(
      ({ input }) =>
        () =>
          stopped.push(input),
    );
    const machine = setup({ actors: { leaf } }).createMachine({
      invoke: [
        { src: 'leaf', id: 'one', input: 'one' },
        { src: 'leaf', id: 'two', input: 'two' },
      ],
      on: {
        boom: {
          actions: () => {
            throw new Error('boom');
          },
        },
      },
    });
    const { root } = run({ children: [{ id: 'm', start: () => ({ logic: machine }) }] });
    refOf(root, 'm').send({ type: 'boom' });
    expect(stopped).toEqual(['two', 'one']);
    expect(countChildren(root).active).toBe(1);
  });

  test('a name is registered while the child lives and moves to its next incarnation', () => {
    const registry = new Registry();
    const child: ChildSpec = { id: 'a', start: () => ({ logic: worker, name: 'stt' }) };
    const { root } = run({ registry, children: [child, spec('b')] });
    const first = registry.whereis('stt');
    first?.send({ type: 'crash' });
    expect(registry.whereis('stt')).toBe(refOf(root, 'a'));
    expect(registry.whereis('stt')).not.toBe(first);
    kill(root);
    expect([registry.whereis('stt'), registry.size]).toEqual([undefined, 0]);
  });

  test('a monitor tells every kind of end once, and at once when it is over', async () => {
    const { root } = run({ intensity: 9, children: [spec('a')] });
    const told: unknown[] = [];
    const watch = () => monitor(refOf(root, 'a'), (down) => told.push(down.reason));
    watch();
    refOf(root, 'a').send({ type: 'exit', reason: { shutdown: 'tired' } });
    watch();
    kill(refOf(root, 'a'));
    watch();
    refOf(root, 'a').send({ type: 'crash' });
    watch();
    const last = refOf(root, 'a');
    await shutdown(root);
    monitor(last, (down) => told.push(`late ${String(down.reason)}`));
    expect(told).toEqual([{ shutdown: 'tired' }, 'killed', { error: new Error('crash') }, 'shutdown', 'late shutdown']);
  });

  test('a cancelled monitor tells nothing, and an actor that its own parent stopped was killed', () => {
    const { root } = run({ intensity: 9, children: [spec('a')] });
    const told: unknown[] = [];
    const cancel = monitor(refOf(root, 'a'), (down) => told.push(down.reason));
    cancel();
    refOf(root, 'a').send({ type: 'crash' });
    const machine = setup({ actors: { worker } }).createMachine({
      initial: 'on',
      states: { on: { invoke: { src: 'worker', id: 'w' }, on: { off: 'off' } }, off: {} },
    });
    const host = startRoot(machine, { clock: new VirtualClock() });
    const child = host.getSnapshot().children.w;
    if (child === undefined) throw new Error('the worker does not run');
    monitor(child, (down) => told.push([down.reason, down.output]));
    host.send({ type: 'off' });
    expect(told).toEqual([['killed', undefined]]);
  });

  test('fits setup({ actors }) with a typed input, and one logic serves many inputs', () => {
    const logic = supervisor<{ readonly ids: readonly string[] }>({
      id: 'many',
      children: ({ ids }) =>
        ids.map((id) => ({ id, start: ({ input }) => ({ logic: worker, name: input.ids.join() }) })),
    });
    const machine = setup({ actors: { logic } }).createMachine({
      invoke: [
        { src: 'logic', id: 'one', input: { ids: ['a'] } },
        { src: 'logic', id: 'two', input: { ids: ['b', 'c'] } },
      ],
    });
    const host = startRoot(machine, { clock: new VirtualClock() });
    const { one, two } = host.getSnapshot().children;
    if (one === undefined || two === undefined) throw new Error('the supervisors do not run');
    expect([one, two].map((ref) => Object.keys(ref.getSnapshot().children))).toEqual([['a'], ['b', 'c']]);
    expect(JSON.parse(JSON.stringify(two.getSnapshot()))).toMatchObject({ value: { b: 'running', c: 'running' } });
  });

  test('an answer that throws is told to onProblem', async () => {
    const clock = new VirtualClock();
    const seen: string[] = [];
    const root = startRoot(
      supervisor({ id: 'top', children: [spec('a', { ready: () => false, startTimeoutMs: 5 })] }),
      {
        clock,
        onProblem: ({ where }) => seen.push(where),
      },
    );
    const answer = startChildNow(root, spec('b'), () => {
      throw new Error('answer');
    });
    expect(answer).toBe('queued');
    await clock.advance(10);
    expect(seen).toHaveLength(1);
  });

  test('auto shutdown follows the orderly end of a significant child', () => {
    const { root } = run({
      autoShutdown: 'any_significant',
      children: [spec('a'), spec('b', { restart: 'transient', significant: true })],
    });
    refOf(root, 'b').send({ type: 'exit' });
    expect(root.getSnapshot()).toMatchObject({ status: 'done', output: { exit: 'shutdown' } });
  });
});

describe('dynamic supervisor', () => {
  const start = (options = {}) => {
    const clock = new VirtualClock();
    const onProblem = (problem: unknown) => problems.push(problem);
    return { clock, root: startRoot(dynamicSupervisor({ id: 'pool', ...options }), { clock, onProblem }) };
  };

  test('a child started while the supervisor is idle runs before the call returns', () => {
    const { root } = start();
    let spawned: AnyActorRef | undefined;
    const result = startChildNow(root, {
      id: 'turn:1',
      restart: 'temporary',
      start: () => ({ logic: worker, onSpawn: (ref) => (spawned = ref) }),
    });
    expect(result).toEqual({ ok: true, ref: spawned });
    expect(whichChildren(root)).toEqual([{ id: 'turn:1', ref: spawned, type: 'worker' }]);
    spawned?.send({ type: 'exit' });
    expect(countChildren(root).specs).toBe(0);
  });

  test('maxChildren is a hard limit, ids may repeat, and children are addressed by actor', async () => {
    const { root } = start({ maxChildren: 2 });
    const a = await startChild(root, spec('x'));
    const b = await startChild(root, spec('x'));
    expect(await startChild(root, spec('y'))).toEqual({ ok: false, reason: 'max_children' });
    expect(await terminateChild(root, 'x')).toEqual({ ok: false, reason: 'simple_one_for_one' });
    if (!a.ok || !b.ok || a.ref === undefined) throw new Error('not started');
    expect(await terminateChild(root, a.ref)).toEqual({ ok: true });
    expect(whichChildren(root).map(({ ref }) => ref)).toEqual([b.ref]);
  });

  test('a failing start is answered and nothing is kept', async () => {
    const { root } = start();
    const error = new Error('no');
    const start1 = () => {
      throw error;
    };
    expect(await startChild(root, { id: 'x', start: start1 })).toEqual({
      ok: false,
      reason: 'start_failed',
      exit: { error },
    });
    expect(countChildren(root).specs).toBe(0);
  });

  test('calls on a supervisor that has ended are answered noproc', async () => {
    const { root } = start();
    await shutdown(root);
    expect(await startChild(root, spec('x'))).toEqual({ ok: false, reason: 'noproc' });
  });
});
