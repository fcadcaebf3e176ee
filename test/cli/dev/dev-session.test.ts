import { beforeEach, describe, expect, test } from 'vitest';
import { DevSession } from '../../../src/cli/dev/dev-session.ts';
import type { WorkerListener } from '../../../src/cli/dev/worker-child.ts';
import { VirtualClock } from '../../../src/testing/virtual-clock.ts';

interface FakeChild extends WorkerListener {
  readonly orders: string[];
}

let clock: VirtualClock;
let children: FakeChild[];
let said: string[];
let exitCodes: number[];

beforeEach(() => {
  clock = new VirtualClock();
  children = [];
  said = [];
  exitCodes = [];
});

function startSession(calls: 'move' | 'keep' = 'move'): DevSession {
  const session = new DevSession({
    clock,
    calls,
    spawn: (listener) => {
      const orders: string[] = [];
      children.push({ ...listener, orders });
      return { send: (order) => orders.push(order), kill: () => orders.push('kill') };
    },
    say: (text) => said.push(text),
    onEnd: (exitCode) => exitCodes.push(exitCode),
  });
  session.start();
  return session;
}

const ready = (i: number) => children[i]?.onNews({ type: 'ready' });
const exit = (i: number, code: number | null = 0, signal: string | null = null) => children[i]?.onExit(code, signal);
const breaks = (i: number) => {
  children[i]?.onNews({ type: 'fault' });
  exit(i, 1);
};

describe('a change of the code', () => {
  test.each([
    ['move', 'handOver'],
    ['keep', 'drain'],
  ] as const)('with --calls %s the old worker is told to %s once the new one takes calls', (calls, order) => {
    const session = startSession(calls);
    ready(0);
    session.reload('agent.ts');
    expect(children.map(({ orders }) => orders)).toEqual([[], []]);
    ready(1);
    expect(children.map(({ orders }) => orders)).toEqual([[order], []]);
    exit(0);
    expect(said).toEqual([
      'waiting for calls; a change of the code reloads it',
      'agent.ts changed: reloading',
      'the new code takes calls',
    ]);
    expect(exitCodes).toEqual([]);
  });

  test('code that cannot run costs nothing: the code before goes on, the next change is tried', () => {
    const session = startSession();
    ready(0);
    session.reload('agent.ts');
    breaks(1);
    expect(said.at(-1)).toBe('the code cannot run, the code before goes on: waiting for a change');
    session.reload('agent.ts');
    ready(2);
    expect(children.map(({ orders }) => orders)).toEqual([['handOver'], [], []]);
  });

  test('code that cannot run from the start is waited for', () => {
    const session = startSession();
    breaks(0);
    expect([said, exitCodes]).toEqual([['the code cannot run: waiting for a change'], []]);
    session.reload('agent.ts');
    ready(1);
    expect(exitCodes).toEqual([]);
  });

  test('a change before the worker takes calls replaces it at once', () => {
    const session = startSession();
    session.reload('agent.ts');
    expect(children.map(({ orders }) => orders)).toEqual([['kill'], []]);
    exit(0, null, 'SIGKILL');
    ready(1);
    expect([children.map(({ orders }) => orders), exitCodes]).toEqual([[['kill'], []], []]);
  });

  test('a worker that crashes is told, and started again by a change', () => {
    const session = startSession();
    ready(0);
    exit(0, null, 'SIGSEGV');
    expect(said.at(-1)).toBe('the worker has ended (SIGSEGV): waiting for a change');
    session.reload('agent.ts');
    ready(1);
    expect(exitCodes).toEqual([]);
  });
});

describe('the end', () => {
  test.each([2, 3])('the first worker cannot connect: exit code %i', (code) => {
    startSession();
    exit(0, code);
    expect(exitCodes).toEqual([code]);
  });

  test('a later worker that cannot connect is no end', () => {
    const session = startSession();
    ready(0);
    session.reload('agent.ts');
    exit(1, 2);
    expect([said.at(-1), exitCodes]).toEqual(['exit code 2, the code before goes on: waiting for a change', []]);
  });

  test('every worker is told to stop, and the session ends with the last of them', () => {
    const session = startSession('keep');
    ready(0);
    session.reload('agent.ts');
    ready(1);
    session.end();
    expect(children.map(({ orders }) => orders)).toEqual([['drain', 'stop'], ['stop']]);
    session.reload('agent.ts');
    exit(1);
    expect(exitCodes).toEqual([]);
    exit(0);
    expect([children.length, exitCodes, clock.pendingTimers]).toEqual([2, [0], 0]);
  });

  test('a worker that does not stop is killed after 15 s, at once when asked twice', async () => {
    const session = startSession();
    ready(0);
    session.end();
    await clock.advance(15_000);
    expect(children[0]?.orders).toEqual(['stop', 'kill']);
    session.end();
    expect(children[0]?.orders).toEqual(['stop', 'kill', 'kill']);
    exit(0, null, 'SIGKILL');
    expect(exitCodes).toEqual([0]);
  });
});
