// What supervision costs: beside actors without a supervisor, and beside Erlang's where it is installed.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type AnyActorLogic, type AnyActorRef, createActor, fromTransition, setup } from 'xstate';
import { realClock } from '../src/clock.ts';
import {
  dynamicSupervisor,
  kill,
  type Strategy,
  shutdown,
  startChildNow,
  startRoot,
  supervisor,
  terminateChild,
  whichChildren,
} from '../src/supervisor/index.ts';
import type { BenchRow } from './row.ts';

/** Best of this many runs: the machine's neighbours make single runs up to twice as slow. */
const RUNS = 5;

const reducer = fromTransition((state: null, { type }: { type: string }) => {
  if (type === 'crash') throw new Error('crash');
  return state;
}, null) as AnyActorLogic;
const machine = setup({
  actions: {
    crash: () => {
      throw new Error('crash');
    },
  },
}).createMachine({
  context: () => ({ turns: 0 }),
  initial: 'on',
  states: { on: { on: { off: 'off' } }, off: { on: { on: 'on' } } },
  on: { crash: { actions: 'crash' } },
}) as AnyActorLogic;
const waiting = setup({}).createMachine({
  initial: 'on',
  states: { on: { after: { 3600000: 'off' } }, off: {} },
}) as AnyActorLogic;

const root = (logic: AnyActorLogic): AnyActorRef => startRoot(logic, { clock: realClock }) as AnyActorRef;
const pool = () => root(dynamicSupervisor({ id: 'pool' }) as AnyActorLogic);

function start(sup: AnyActorRef, logic: AnyActorLogic): AnyActorRef {
  const started = startChildNow(sup, { id: 'c', restart: 'temporary', start: () => ({ logic }) });
  if (started === 'queued' || !started.ok || started.ref === undefined) throw new Error('not started');
  return started.ref;
}

async function best(run: () => number | Promise<number>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < RUNS; i++) least = Math.min(least, await run());
  return least;
}

function timeMs(work: () => void): number {
  const startedMs = performance.now();
  work();
  return performance.now() - startedMs;
}

/** Microseconds of one restart: 100 restarts for each of 20 supervisors, as in bench/otp.erl. */
function restartUs(strategy: Strategy, count: number, logic: AnyActorLogic): number {
  let ms = 0;
  for (let round = 0; round < 20; round++) {
    const latest: AnyActorRef[] = [];
    const children = Array.from({ length: count }, (_, i) => ({
      id: `c${i}`,
      start: () => ({ logic, onSpawn: (ref: AnyActorRef) => (latest[i] = ref) }),
    }));
    const sup = root(supervisor({ id: 's', strategy, intensity: 1_000, children }) as AnyActorLogic);
    ms += timeMs(() => {
      for (let i = 0; i < 100; i++) latest.at(-1)?.send({ type: 'crash' });
    });
    if (whichChildren(sup).length !== count) throw new Error('the supervisor gave up, so this measured nothing');
    kill(sup);
  }
  return (ms / 2_000) * 1_000;
}

function startTerminateUs(logic: AnyActorLogic): number {
  const sup = pool();
  const ms = timeMs(() => {
    for (let i = 0; i < 5_000; i++) void terminateChild(sup, start(sup, logic));
  });
  kill(sup);
  return (ms / 5_000) * 1_000;
}

/** The same actors as plain children, started and stopped by hand. */
function plainStartStopUs(logic: AnyActorLogic): number {
  const parent = createActor(fromTransition((state: null) => state, null)).start();
  const ms = timeMs(() => {
    for (let i = 0; i < 5_000; i++) {
      const child = createActor(logic, { parent, id: `c${i}` });
      child.start();
      child.send({ type: 'xstate.stop' });
    }
  });
  parent.stop();
  return (ms / 5_000) * 1_000;
}

async function many(count: number): Promise<{ startMs: number; stopMs: number }> {
  const sup = pool();
  const startMs = timeMs(() => {
    for (let i = 0; i < count; i++) start(sup, machine);
  });
  const fromMs = performance.now();
  await shutdown(sup);
  return { startMs, stopMs: performance.now() - fromMs };
}

/** Microseconds to stop one actor without timers while `timers` others hold one each. */
function stopUs(timers: number): number {
  const sup = pool();
  for (let i = 0; i < timers; i++) start(sup, waiting);
  const idle = Array.from({ length: 500 }, () => start(sup, reducer));
  const ms = timeMs(() => {
    for (const ref of idle) kill(ref);
  });
  kill(sup);
  return (ms / 500) * 1_000;
}

function bytesPer(count: number, make: () => void): number {
  const before = usedHeap();
  for (let i = 0; i < count; i++) make();
  return Math.round((usedHeap() - before) / count);
}

function usedHeap(): number {
  for (let i = 0; i < 3; i++) globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

/** Erlang's figures by name; empty where it is not installed. */
function askErlang(): Record<string, number> {
  if (spawnSync('erlc', ['-h'], { stdio: 'ignore' }).error !== undefined) return {};
  const dir = mkdtempSync(join(tmpdir(), 'otp-bench-'));
  try {
    execFileSync('erlc', ['-o', dir, fileURLToPath(new URL('./otp.erl', import.meta.url))]);
    const args = ['-noshell', '-noinput', '-pa', dir, '-eval', 'otp:main()'];
    const lines = execFileSync('erl', args, { encoding: 'utf8', timeout: 120_000 }).trim().split('\n');
    return Object.fromEntries(lines.map((line) => line.split(' ')).map(([name, value]) => [name, Number(value)]));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

export async function benchSupervisor(): Promise<BenchRow[]> {
  const otp = askErlang();
  const beside = (name: string, unit: string) =>
    otp[name] === undefined ? 'OTP not installed' : `OTP ${otp[name]} ${unit}`;
  const row = (name: string, unit: BenchRow['unit'], value: number, more: Partial<BenchRow> = {}): BenchRow => ({
    name: `supervisor: ${name}`,
    unit,
    measured: { value: Math.round(value * 10) / 10 },
    ...more,
  });
  const plain = async (logic: AnyActorLogic) => ({
    floor: { value: Math.round((await best(() => plainStartStopUs(logic))) * 10) / 10 },
  });

  const rows: BenchRow[] = [];
  for (const [kind, logic] of [
    ['reducer', reducer],
    ['machine', machine],
  ] as const) {
    const one = await best(() => restartUs('one_for_one', 100, logic));
    const all = await best(() => restartUs('one_for_all', 10, logic));
    const cycle = await best(() => startTerminateUs(logic));
    rows.push(
      row(`restart, one_for_one, ${kind}`, 'us', one, {
        target: { value: 50 },
        note: beside('restart_one_for_one_us', 'us'),
        ...(await plain(logic)),
      }),
      row(`restart, one_for_all of 10, ${kind}`, 'us', all, { note: beside('restart_one_for_all_us', 'us') }),
      row(`start + terminate, ${kind}`, 'us', cycle, {
        note: beside('start_terminate_us', 'us'),
        ...(await plain(logic)),
      }),
    );
  }

  type Sizes = { readonly startMs: number; readonly stopMs: number };
  const runs: { readonly small: Sizes; readonly large: Sizes }[] = [];
  for (let i = 0; i < RUNS; i++) runs.push({ small: await many(1_000), large: await many(10_000) });
  const least = (pick: (run: { readonly small: Sizes; readonly large: Sizes }) => number) =>
    Math.min(...runs.map(pick));
  const startMs = least(({ large }) => large.startMs);
  const stopMs = least(({ large }) => large.stopMs);
  const ten = (large: number, small: number) => `${(large / small).toFixed(1)} times 1 000 children; `;
  rows.push(
    row('start 10 000 machines', 'ms', startMs, {
      target: { value: 500 },
      note:
        ten(
          startMs,
          least(({ small }) => small.startMs),
        ) + beside('start_10000_ms', 'ms'),
    }),
    row('stop 10 000 machines', 'ms', stopMs, {
      target: { value: 500 },
      note:
        ten(
          stopMs,
          least(({ small }) => small.stopMs),
        ) + beside('stop_10000_ms', 'ms'),
    }),
  );

  const none = await best(() => stopUs(0));
  const among = await best(() => stopUs(20_000));
  rows.push(row('one stop among 20 000 timers, extra', 'us', Math.max(0, among - none), { target: { value: 10 } }));

  for (const [kind, logic] of [
    ['reducer', reducer],
    ['machine', machine],
  ] as const) {
    const sup = pool();
    const supervised = bytesPer(10_000, () => start(sup, logic));
    const parent = createActor(fromTransition((state: null) => state, null)).start();
    const kept: AnyActorRef[] = [];
    const alone = bytesPer(10_000, () => {
      const child = createActor(logic, { parent, id: `c${kept.length}` });
      child.start();
      kept.push(child);
    });
    if (whichChildren(sup).length !== kept.length) throw new Error('the two sides hold different numbers of actors');
    rows.push(
      row(`heap per supervised ${kind}`, 'KB', supervised / 1_024, {
        floor: { value: Math.round((alone / 1_024) * 10) / 10 },
        note: beside('child_bytes', 'bytes for a gen_server'),
      }),
    );
    kill(sup);
    parent.stop();
  }
  return rows;
}
