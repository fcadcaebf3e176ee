// Hostile children, listeners and inspectors. vitest fails the run on any uncaught exception or unhandled rejection.
import { afterEach, describe, expect, test } from 'vitest';
import { type AnyActorLogic, type AnyActorRef, assign, createActor, fromCallback, fromPromise, setup } from 'xstate';
import {
  type ChildSpec,
  EXIT_EVENT,
  Exit,
  guardedCallback,
  handlesExit,
  kill,
  monitor,
  shutdown,
  startRoot,
  supervisor,
  terminateChild,
  whichChildren,
} from '../../src/supervisor/index.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import { show, world } from './world.ts';

const throwing = (text: string) => (): never => {
  throw new Error(text);
};

/** A machine with two children of its own that throws where it is told to. */
function machine(
  where: 'action' | 'guard' | 'context' | 'entry' | 'output' | 'spawn',
  stopped: string[],
): AnyActorLogic {
  const leaf = fromCallback(() => () => stopped.push('leaf'));
  const at = <T>(place: string, otherwise: T): T | never => {
    if (where === place) throw new Error(place);
    return otherwise;
  };
  return setup({
    actors: { leaf },
    actions: { act: () => at('action', undefined), enter: () => at('entry', undefined) },
    guards: { allow: () => at('guard', true) },
  }).createMachine({
    context: () => at('context', {}),
    invoke: [
      { src: 'leaf', id: 'one' },
      { src: 'leaf', id: 'two' },
    ],
    initial: 'on',
    states: {
      on: {
        entry: 'enter',
        on: {
          go: { guard: 'allow', target: 'off', actions: 'act' },
          spawn: { actions: [assign({ x: ({ spawn }) => spawn('leaf') }), throwing('spawn')] },
        },
      },
      off: { type: 'final' },
    },
    output: () => at('output', {}),
  }) as AnyActorLogic; // its exact type says nothing here
}

const running: AnyActorRef[] = [];
const problems: unknown[] = [];
/** Every actor that ever was in the systems of a test. */
const actors: AnyActorRef[] = [];

function run(children: readonly ChildSpec[], options = {}) {
  const clock = new VirtualClock();
  const root = startRoot(supervisor({ id: 'top', intensity: 2, children, ...options }), {
    clock,
    inspect: (event) => {
      if (event.type === '@xstate.actor') actors.push(event.actorRef as AnyActorRef); // the root's ref has a wider type
    },
    onProblem: (problem) => problems.push(problem),
  });
  running.push(root);
  const ref = (id: string) => {
    const found = whichChildren(root).find((child) => child.id === id)?.ref;
    if (found === undefined || found === 'restarting') throw new Error(`${id} does not run`);
    return found;
  };
  return { clock, root, ref };
}

/** Actors still running although an actor above them has ended. */
function orphans(): string[] {
  // 1 is xstate's number for a running actor; snapshots of reducers and callbacks do not tell.
  const isUp = (ref: AnyActorRef) => (ref as unknown as { _processingStatus: number })._processingStatus === 1;
  return actors.filter((ref) => isUp(ref) && ref._parent !== undefined && !isUp(ref._parent)).map(({ id }) => id);
}

afterEach(() => {
  expect(orphans()).toEqual([]);
  for (const root of running.splice(0)) kill(root);
  expect(actors.filter((ref) => (ref as unknown as { _processingStatus: number })._processingStatus === 1)).toEqual([]);
  actors.length = 0;
  problems.length = 0;
});

describe('a child that throws', () => {
  test.each(['context', 'entry'] as const)('in its %s fails to start and leaves nothing behind', (where) => {
    const stopped: string[] = [];
    const { root } = run([{ id: 'a', start: () => ({ logic: machine(where, stopped) }) }]);
    expect(root.getSnapshot()).toMatchObject({
      status: 'error',
      error: { reason: { shutdown: { failed_to_start_child: 'a', reason: { error: new Error(where) } } } },
    });
  });

  test.each(['action', 'guard', 'output'] as const)('in its %s is restarted and leaves nothing behind', (where) => {
    const stopped: string[] = [];
    const reasons: unknown[] = [];
    const { ref, root } = run([{ id: 'a', start: () => ({ logic: machine(where, stopped) }) }]);
    const before = ref('a');
    monitor(before, ({ reason }) => reasons.push(reason));
    before.send({ type: 'go' });
    expect(reasons).toHaveLength(1);
    expect(JSON.stringify(Object.keys(reasons[0] as object))).toBe('["error"]');
    expect([show(root), ref('a') === before, stopped]).toEqual(['a:up', false, ['leaf', 'leaf']]);
  });

  test('in the middle of a step that also spawned is reaped with what it spawned', () => {
    const stopped: string[] = [];
    const { ref, root } = run([{ id: 'a', start: () => ({ logic: machine('spawn', stopped) }) }]);
    ref('a').send({ type: 'spawn' });
    expect([show(root), stopped]).toEqual(['a:up', ['leaf', 'leaf']]);
  });

  test('in its dispose is stopped all the same, and told', async () => {
    const reports: unknown[] = [];
    const logic = fromCallback(() => throwing('dispose'));
    const { root } = run([{ id: 'a', start: () => ({ logic }) }], {
      onReport: ({ kind, reason }: { kind: string; reason: unknown }) => reports.push([kind, reason]),
    });
    expect(await shutdown(root)).toBe('shutdown');
    expect(reports).toEqual([
      ['progress', undefined],
      ['shutdown_error', { error: new Error('dispose') }],
    ]);
  });

  test('late in a callback, or rejects late, ends as an error of that actor', async () => {
    for (const when of ['timer', 'async', 'receive'] as const) {
      let fire: () => void = () => {};
      let starts = 0;
      const logic = guardedCallback(({ guard, receive }) => {
        starts++;
        fire = guard(throwing('late'));
        receive(throwing('receive'));
        return when === 'async' && starts === 1 ? Promise.reject(new Error('async')) : undefined;
      });
      const { clock, ref, root } = run([{ id: 'a', start: () => ({ logic }) }]);
      if (when === 'timer') fire();
      if (when === 'receive') ref('a').send({ type: 'x' });
      await clock.settle();
      expect([starts, show(root)]).toEqual([2, 'a:up']);
      const dead = fire;
      kill(root);
      dead();
    }
  });

  test('a promise that rejects is an exit, one that rejects after its stop is nothing', async () => {
    let reject: (error: Error) => void = () => {};
    const logic = fromPromise(
      () =>
        new Promise((_, fail) => {
          reject = fail;
        }),
    );
    const { clock, ref, root } = run([{ id: 'a', start: () => ({ logic }) }]);
    const first = ref('a');
    reject(new Error('first'));
    await clock.settle();
    expect(ref('a')).not.toBe(first);
    const late = reject;
    await terminateChild(root, 'a');
    late(new Error('late'));
    await clock.settle();
    expect(show(root)).toBe('a:down');
  });

  test('something that is not an error, or cannot be shown, is reported like any other', () => {
    const hostile = new Proxy({}, { get: throwing('trap'), getPrototypeOf: throwing('trap') });
    for (const thrown of [undefined, null, 0, 'text', Symbol('s'), hostile]) {
      const { ref, root } = run([
        {
          id: 'a',
          start: () => ({
            logic: fromCallback(({ receive }) =>
              receive(() => {
                throw thrown;
              }),
            ),
          }),
        },
      ]);
      ref('a').send({ type: 'x' });
      expect(show(root)).toBe('a:up');
    }
  });
});

describe('a child in the middle of its own event', () => {
  const selfish = (act: (self: AnyActorRef) => void, log: string[]) =>
    fromCallback(({ receive, self }) => {
      receive(() => {
        act(self as AnyActorRef); // a callback's self has a narrower event type
        log.push('action went on');
      });
      return () => log.push('disposed');
    });

  test('may have itself terminated: it ends when the event is handled, and only then is the caller answered', async () => {
    const log: string[] = [];
    let root: AnyActorRef | undefined;
    const logic = selfish(() => {
      if (root !== undefined) void terminateChild(root, 'a').then(({ ok }) => log.push(`answered ${ok}`));
    }, log);
    const world = run([{ id: 'a', start: () => ({ logic }) }]);
    root = world.root;
    world.ref('a').send({ type: 'x' });
    await world.clock.settle();
    expect([log, show(world.root), world.clock.pendingTimers]).toEqual([
      ['action went on', 'disposed', 'answered true'],
      'a:down',
      0,
    ]);
  });

  test('may kill itself, its sibling, or its supervisor', async () => {
    for (const target of ['self', 'sibling', 'supervisor'] as const) {
      const log: string[] = [];
      const world: { root?: AnyActorRef; ref?: (id: string) => AnyActorRef } = {};
      const logic = selfish((self) => {
        if (target === 'self') kill(self);
        if (target === 'sibling' && world.ref) kill(world.ref('b'));
        if (target === 'supervisor' && world.root) kill(world.root);
      }, log);
      const { root, ref, clock } = run([
        { id: 'a', start: () => ({ logic }) },
        { id: 'b', start: () => ({ logic: fromCallback(() => {}) }) },
      ]);
      Object.assign(world, { root, ref });
      ref('a').send({ type: 'x' });
      await clock.settle();
      expect(log[0]).toBe('action went on');
      expect(show(root)).toBe(target === 'supervisor' ? '' : 'a:up b:up');
    }
  });

  test('whose mailbox no longer moves is ended by force, before its deadline if it has none', async () => {
    for (const shutdownMs of [100, 'brutal_kill'] as const) {
      const reasons: unknown[] = [];
      const logic = handlesExit(fromCallback(() => {}));
      const { ref, root, clock } = run([{ id: 'a', shutdown: shutdownMs, start: () => ({ logic }) }]);
      const stuck = ref('a');
      monitor(stuck, ({ reason }) => reasons.push(reason));
      // What a throwing inspector does to an unguarded system: events queue and nothing takes them out.
      (stuck as unknown as { mailbox: object }).mailbox = { enqueue: () => {}, clear: () => {} };
      const end = shutdown(root);
      await clock.advance(100);
      expect([await end, reasons, clock.pendingTimers]).toEqual(['shutdown', ['killed'], 0]);
    }
  });
});

describe('a child that ends badly', () => {
  test('ignoring its shutdown only costs its deadline', async () => {
    const stubborn = setup({ actions: { ignore: () => {} } }).createMachine({ on: { '*': { actions: 'ignore' } } });
    const asked = setup({ actions: { ignore: () => {} } }).createMachine({
      on: { [EXIT_EVENT]: { actions: 'ignore' } },
    });
    const { root, clock } = run([
      { id: 'a', start: () => ({ logic: asked }), shutdown: 300 },
      { id: 'b', start: () => ({ logic: stubborn }), shutdown: 300 },
    ]);
    const end = shutdown(root);
    await clock.advance(300);
    expect(await end).toBe('shutdown');
  });

  test('twice, or after its end, is counted once', async () => {
    const logic = guardedCallback(({ fail, receive }) => {
      receive(() => {
        fail(new Error('one'));
        fail(new Error('two'));
        throw new Exit('normal');
      });
    });
    const ends: unknown[] = [];
    const { ref, root, clock } = run([{ id: 'a', start: () => ({ logic }) }], { intensity: 1 });
    monitor(ref('a'), ({ reason }) => ends.push(reason));
    ref('a').send({ type: 'x' });
    await clock.settle();
    expect([ends, show(root)]).toEqual([['normal'], 'a:up']);
  });

  test('in the same tick as its siblings brings down nobody else', () => {
    const { root, ref } = run(
      ['a', 'b', 'c'].map((id) => ({
        id,
        start: () => ({ logic: fromCallback(({ receive }) => receive(throwing(id))) }),
      })),
      { intensity: 3 },
    );
    const all = ['a', 'b', 'c'].map(ref);
    for (const child of all) child.send({ type: 'x' });
    expect(show(root)).toBe('a:up b:up c:up');
  });
});

describe('listeners that throw', () => {
  test('observers, report listeners, monitors and inspectors are told to onProblem and change nothing', async () => {
    const seen: string[] = [];
    const clock = new VirtualClock();
    const root = startRoot(
      supervisor({
        id: 'top',
        intensity: 9,
        onReport: throwing('onReport'),
        children: [{ id: 'a', start: () => ({ logic: fromCallback(({ receive }) => receive(throwing('crash'))) }) }],
      }),
      { clock, inspect: throwing('inspect'), onProblem: ({ where }) => seen.push(where) },
    );
    running.push(root);
    root.subscribe(throwing('next'));
    root.on('report', throwing('report'));
    root.system.inspect(throwing('late inspect'));
    root.system.inspect({ next: throwing('late inspect') });
    const child = whichChildren(root)[0]?.ref;
    if (child === undefined || child === 'restarting') throw new Error('a does not run');
    child.subscribe(throwing('child'));
    child.subscribe({ complete: throwing('complete') });
    monitor(child, throwing('monitor'));
    child.send({ type: 'x' });
    await clock.settle();
    expect(show(root)).toBe('a:up');
    for (const where of ['inspect', 'onReport', 'observer of top', 'listener of top', 'monitor of a']) {
      expect(seen.some((each) => each.startsWith(where) || each === where.replace('top', root.id))).toBe(true);
    }
  });

  test('a handler of problems that throws is the end of the matter', async () => {
    const clock = new VirtualClock();
    const root = startRoot(supervisor({ id: 'top', children: [] }), { clock, onProblem: throwing('onProblem') });
    running.push(root);
    root.subscribe(throwing('next'));
    root.send({ type: 'xstate.nothing' });
    await clock.settle();
    expect(root.getSnapshot().status).toBe('active');
  });

  test('an async listener that rejects is told as well', async () => {
    const seen: string[] = [];
    const clock = new VirtualClock();
    const root = startRoot(supervisor({ id: 'top', children: [] }), {
      clock,
      onProblem: ({ where }) => seen.push(where),
    });
    running.push(root);
    root.subscribe(async () => Promise.reject(new Error('async')));
    root.send({ type: 'xstate.nothing' });
    await clock.settle();
    expect(seen).toHaveLength(1);
  });

  test('a throwing onSpawn is a failed start', () => {
    const { root } = run([{ id: 'a', start: () => ({ logic: fromCallback(() => {}), onSpawn: throwing('onSpawn') }) }]);
    expect(root.getSnapshot().status).toBe('error');
  });
});

describe('inside a system of somebody else', () => {
  test('a supervisor invoked by a plain machine crashes into its onError, and needs no special root', async () => {
    const { child, crash } = world();
    const logic = supervisor({ id: 's', intensity: 0, children: [child('a')] });
    const host = setup({ actors: { logic: logic as AnyActorLogic } }).createMachine({
      initial: 'calm',
      states: { calm: { invoke: { src: 'logic', onError: 'alarmed', onDone: 'finished' } }, alarmed: {}, finished: {} },
    });
    const actor = createActor(host).start();
    crash('a');
    expect(actor.getSnapshot().value).toBe('alarmed');
    actor.stop();
  });

  test('an inspector that was there first and throws later blocks nothing', () => {
    const { child, ref } = world();
    let isArmed = false;
    const logic = supervisor({ id: 's', children: [child('a')] }) as AnyActorLogic;
    const host = createActor(setup({ actors: { logic } }).createMachine({ invoke: { src: 'logic' } }), {
      inspect: () => {
        if (isArmed) throw new Error('inspect');
      },
    }).start();
    const before = ref('a');
    isArmed = true;
    before.send({ type: 'nothing' });
    before.send({ type: 'crash' });
    expect(ref('a')).not.toBe(before);
    isArmed = false;
    host.stop();
  });

  test('a plain root supervisor that gives up does not end the process', async () => {
    const { child, crash, clock } = world();
    const actor = createActor(supervisor({ id: 's', intensity: 0, children: [child('a')] }), {
      clock: clock as never, // xstate's own clock type speaks of Node timers
    }).start();
    crash('a');
    await clock.settle();
    expect(actor.getSnapshot().status).toBe('error');
  });

  test('stopping the host stops the tree in reverse order', () => {
    const { child, log } = world();
    const actor = createActor(supervisor({ id: 's', children: ['a', 'b', 'c'].map((id) => child(id)) })).start();
    log.length = 0;
    actor.stop();
    expect(log).toEqual(['end c', 'end b', 'end a']);
  });
});
