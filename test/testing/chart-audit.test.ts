import { describe, expect, test } from 'vitest';
import { type AnyStateMachine, and, assign, createMachine, fromPromise, setup } from 'xstate';
import { auditChart, type ChartRule } from '../../src/testing/chart-audit.ts';

/** A chart without a fault; every villain below is this one with a single part changed. */
const parts = setup({
  types: {
    context: {} as { tries: number },
    events: {} as { type: 'tool.cancel' } | { type: 'agent.destroy' } | { type: 'speech.started' },
  },
  actors: { runTool: fromPromise(() => Promise.resolve('ok')) },
  delays: { timeout: 100 },
  guards: { canRetry: () => true, isNotReady: () => true, check: () => true },
  actions: { countTry: assign({ tries: 1 }), stopPlayout: () => {}, StopPlayout: () => {} },
});
const context = () => ({ tries: 0 });
const idle = { tags: ['rest'], on: { 'tool.cancel': 'running' } } as const;
const running = {
  entry: 'countTry',
  invoke: { src: 'runTool', onDone: 'done', onError: { guard: 'canRetry', target: 'idle' } },
  after: { timeout: 'done' },
} as const;
const done = { type: 'final' } as const;

const hero = parts.createMachine({ id: 'hero', context, initial: 'idle', states: { idle, running, done } });

const villains: readonly [
  rule: ChartRule,
  at: string,
  what: string,
  machine: AnyStateMachine | (() => AnyStateMachine),
][] = [
  [
    'unnamed',
    'villain.running',
    'an inline action',
    parts.createMachine({
      id: 'villain',
      context,
      initial: 'idle',
      states: { idle, running: { ...running, entry: () => {} }, done },
    }),
  ],
  [
    'unnamed',
    'villain.running',
    'an inline assign on a row',
    parts.createMachine({
      id: 'villain',
      context,
      initial: 'idle',
      states: {
        idle,
        running: { ...running, on: { 'tool.cancel': { target: 'idle', actions: assign({ tries: 3 }) } } },
        done,
      },
    }),
  ],
  [
    'unnamed',
    'villain.running',
    'an inline guard',
    parts.createMachine({
      id: 'villain',
      context,
      initial: 'idle',
      states: { idle, running: { ...running, on: { 'tool.cancel': { target: 'idle', guard: () => true } } }, done },
    }),
  ],
  [
    'unnamed',
    'villain.running',
    'a combined guard',
    parts.createMachine({
      id: 'villain',
      context,
      initial: 'idle',
      states: {
        idle,
        running: { ...running, on: { 'tool.cancel': { target: 'idle', guard: and(['canRetry', 'canRetry']) } } },
        done,
      },
    }),
  ],
  [
    'unnamed',
    'villain.running',
    'a delay written as a number',
    parts.createMachine({
      id: 'villain',
      context,
      initial: 'idle',
      states: { idle, running: { ...running, after: { 500: 'done' } }, done },
    }),
  ],
  [
    'unnamed',
    'villain.running',
    'an inline actor',
    createMachine({
      id: 'villain',
      initial: 'running',
      states: {
        running: { tags: ['rest'], invoke: { src: fromPromise(() => Promise.resolve(1)), onDone: 'done' } },
        done,
      },
    }),
  ],
  [
    'unnamed',
    'villain',
    'an inline action on the initial row',
    createMachine({
      id: 'villain',
      initial: { target: 'running', actions: () => {} },
      states: { running: { tags: ['rest'], on: { 'tool.cancel': 'done' } }, done },
    }),
  ],
  [
    'unknown',
    'villain.running',
    'an action that setup does not hold',
    createMachine({
      id: 'villain',
      initial: 'running',
      states: { running: { tags: ['rest'], entry: 'missing', on: { 'tool.cancel': 'done' } }, done },
    }),
  ],
  [
    'broken',
    'machine',
    'a target that does not exist',
    () => createMachine({ id: 'villain', initial: 'a', states: { a: { on: { 'tool.cancel': 'nowhere' } } } }),
  ],
  [
    'noExit',
    'villain.done',
    'a state that nothing leaves',
    parts.createMachine({
      id: 'villain',
      context,
      initial: 'idle',
      states: { idle, running, done: { tags: ['rest'] } },
    }),
  ],
  [
    'noExit',
    'villain.done',
    'a state whose only row leads to itself',
    parts.createMachine({
      id: 'villain',
      context,
      initial: 'idle',
      states: { idle, running, done: { tags: ['rest'], on: { 'tool.cancel': { target: 'done', reenter: true } } } },
    }),
  ],
  [
    'noDeadline',
    'villain.running',
    'a working state without a deadline',
    parts.createMachine({
      id: 'villain',
      context,
      initial: 'idle',
      states: { idle, running: { ...running, after: {} }, done },
    }),
  ],
  [
    'noDeadline',
    'villain.running',
    'a deadline that leads nowhere',
    parts.createMachine({
      id: 'villain',
      context,
      initial: 'idle',
      states: { idle, running: { ...running, after: { timeout: { actions: 'stopPlayout' } } }, done },
    }),
  ],
  [
    'noDeadline',
    'villain.left.running',
    'a deadline in the neighbouring region only',
    createMachine({
      id: 'villain',
      type: 'parallel',
      states: {
        left: { initial: 'running', states: { running: { on: { 'tool.cancel': 'idle' } }, idle: { ...idle } } },
        right: {
          initial: 'idle',
          states: { idle: { tags: ['rest'], on: { 'speech.started': 'idle2' } }, idle2: idle2() },
        },
      },
    }),
  ],
  [
    'unreachable',
    'villain.lost',
    'a state that no row leads to',
    parts.createMachine({ id: 'villain', context, initial: 'idle', states: { idle, running, done, lost: idle } }),
  ],
  [
    'unreachable',
    'villain.box.first',
    'an initial state that is always passed by',
    createMachine({
      id: 'villain',
      initial: 'idle',
      states: {
        idle: { tags: ['rest'], on: { 'tool.cancel': 'box.second' } },
        box: { initial: 'first', tags: ['rest'], on: { 'agent.destroy': 'idle' }, states: { first: {}, second: {} } },
      },
    }),
  ],
  [
    'badName',
    'villain.Idle',
    'a state in PascalCase',
    createMachine({
      id: 'villain',
      initial: 'Idle',
      states: { Idle: { tags: ['rest'], on: { 'tool.cancel': 'done' } }, done },
    }),
  ],
  [
    'badName',
    'tool-call',
    'a machine id with a dash',
    createMachine({
      id: 'tool-call',
      initial: 'a',
      states: { a: { tags: ['rest'], on: { 'tool.cancel': 'done' } }, done },
    }),
  ],
  [
    'badName',
    'villain.running',
    'a guard that does not say is, has or can',
    parts.createMachine({
      id: 'villain',
      context,
      initial: 'idle',
      states: { idle, running: { ...running, on: { 'tool.cancel': { target: 'idle', guard: 'check' } } }, done },
    }),
  ],
  [
    'badName',
    'villain.running',
    'a negative guard',
    parts.createMachine({
      id: 'villain',
      context,
      initial: 'idle',
      states: { idle, running: { ...running, on: { 'tool.cancel': { target: 'idle', guard: 'isNotReady' } } }, done },
    }),
  ],
  [
    'badName',
    'villain.running',
    'an action in PascalCase',
    parts.createMachine({
      id: 'villain',
      context,
      initial: 'idle',
      states: { idle, running: { ...running, entry: 'StopPlayout' }, done },
    }),
  ],
  [
    'badName',
    'villain.a',
    'an event without a dot',
    createMachine({ id: 'villain', initial: 'a', states: { a: { tags: ['rest'], on: { CANCEL: 'done' } }, done } }),
  ],
  [
    'unknownDomain',
    'villain.a',
    'an event of a domain that is not in the list',
    createMachine({
      id: 'villain',
      initial: 'a',
      states: { a: { tags: ['rest'], on: { 'weather.changed': 'done' } }, done },
    }),
  ],
  [
    'crowdedRow',
    'villain.running',
    'five actions on a row',
    parts.createMachine({
      id: 'villain',
      context,
      initial: 'idle',
      states: {
        idle,
        running: {
          ...running,
          on: {
            'tool.cancel': {
              target: 'idle',
              actions: ['countTry', 'stopPlayout', 'countTry', 'stopPlayout', 'countTry'],
            },
          },
        },
        done,
      },
    }),
  ],
  [
    'sharedContext',
    'villain',
    'a context object shared by all actors',
    parts.createMachine({
      id: 'villain',
      context: { tries: 0 },
      initial: 'idle',
      states: { idle, running, done },
    }),
  ],
];

function idle2() {
  return { tags: ['rest'], on: { 'speech.started': 'idle' }, after: {} };
}

describe('chart audit', () => {
  test('a chart without a fault has no findings', () => {
    expect(auditChart(hero)).toEqual([]);
  });

  for (const [rule, at, what, machine] of villains) {
    test(`${what} is found as ${rule}, and nothing else is`, () => {
      expect(auditChart(machine).map((finding) => [finding.rule, finding.at])).toEqual([[rule, at]]);
    });
  }

  test('a context that is frozen throughout may be shared', () => {
    const build = (context: { tries: number }) =>
      parts.createMachine({ id: 'hero', context, initial: 'idle', states: { idle, running, done } });
    expect(auditChart(build(Object.freeze({ tries: 0 })))).toEqual([]);
    const halfFrozen = Object.freeze({ tries: 0, calls: [] });
    expect(auditChart(build(halfFrozen)).map((finding) => finding.rule)).toEqual(['sharedContext']);
  });

  test('a deadline of a state around it is enough', () => {
    const machine = parts.createMachine({
      id: 'hero',
      context,
      initial: 'busy',
      states: {
        busy: {
          initial: 'one',
          after: { timeout: 'done' },
          states: { one: { on: { 'tool.cancel': 'two' } }, two: { on: { 'tool.cancel': 'one' } } },
        },
        done,
      },
    });
    expect(auditChart(machine)).toEqual([]);
  });

  test('a transient state needs no deadline when its last row has no guard', () => {
    const build = (isOpen: boolean) =>
      parts.createMachine({
        id: 'hero',
        context,
        initial: 'next',
        states: {
          next: { always: [{ guard: 'canRetry', target: 'idle' }, ...(isOpen ? [] : [{ target: 'done' } as const])] },
          idle: { tags: ['rest'], on: { 'tool.cancel': 'done' } },
          done,
        },
      });
    expect(auditChart(build(false))).toEqual([]);
    // Without it `done` is still reachable by the cancel, and the guarded row may never be taken.
    expect(auditChart(build(true)).map((finding) => finding.rule)).toEqual(['noDeadline']);
  });

  test('a deadline that starts the state again with an action is one', () => {
    const machine = parts.createMachine({
      id: 'hero',
      context,
      initial: 'idle',
      states: {
        idle,
        running: {
          ...running,
          after: { timeout: { target: 'running', reenter: true, actions: 'stopPlayout' } },
        },
        done,
      },
    });
    expect(auditChart(machine)).toEqual([]);
  });

  test('a watched state is excused only when a neighbouring region has a deadline that acts', () => {
    const build = (deadline: object) =>
      createMachine(
        {
          id: 'hero',
          type: 'parallel',
          states: {
            left: {
              initial: 'one',
              states: {
                one: { tags: ['watched'], on: { 'tool.cancel': 'two' } },
                two: { tags: ['rest'], on: { 'tool.cancel': 'one' } },
              },
            },
            right: { initial: 'watching', states: { watching: { tags: ['rest'], ...deadline } } },
          },
        },
        { delays: { timeout: 100 }, actions: { stopPlayout: () => {} } },
      );
    const on = { 'agent.destroy': { target: '#hero.left.two' } };
    expect(auditChart(build({ on, after: { timeout: { actions: 'stopPlayout' } } }))).toEqual([]);
    expect(auditChart(build({ on })).map((finding) => [finding.rule, finding.at])).toEqual([
      ['noDeadline', 'hero.left.one'],
    ]);
  });

  test('the first state of a region is within reach when only the whole parallel state leads there', () => {
    const machine = createMachine({
      id: 'hero',
      initial: 'a',
      states: {
        // The row into the region is read first.
        a: { tags: ['rest'], on: { 'tool.cancel': '#hero.both.left.two', 'agent.destroy': 'both' } },
        both: {
          type: 'parallel',
          tags: ['rest'],
          on: { 'agent.destroy': 'done' },
          states: {
            left: { initial: 'one', states: { one: {}, two: {} } },
            right: { initial: 'one', states: { one: {} } },
          },
        },
        done,
      },
    });
    expect(auditChart(machine)).toEqual([]);
  });

  test('a library with domains of its own may name them', () => {
    const machine = createMachine({
      id: 'hero',
      initial: 'a',
      states: { a: { tags: ['rest'], on: { 'weather.changed': 'done' } }, done },
    });
    expect(auditChart(machine, { domains: ['weather'] })).toEqual([]);
  });
});
