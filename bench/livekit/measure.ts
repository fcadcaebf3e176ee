// One run: so many rooms with a user and an agent each, on one side.
import { setTimeout as delay } from 'node:timers/promises';
import type { LivekitAccess } from '../../test/livekit/server.ts';
import { tokenFor } from '../../test/livekit/tokens.ts';
import { Child } from './child.ts';
import type { Judgement } from './judge.ts';
import { cpuMsOf, memoryMbOf } from './processes.ts';
import type { Side } from './sides.ts';
import type { UsersCommand, UsersReport } from './user-protocol.ts';

export interface Measured {
  readonly rooms: number;
  readonly judgements: readonly Judgement[];
  /** Asked for an agent -> the user has its track. */
  readonly trackMs: readonly number[];
  /** Dispatches that had to be asked for again, because nobody came. */
  readonly askedAgain: number;
  /** Share of one core, of all processes of the side, while the users talk. */
  readonly cpuShare: number;
  readonly idleMb: number;
  /** With all users in their rooms, after they talked. */
  readonly busyMb: number;
  readonly processes: number;
  /** How late the event loop of the users was: what the machine had left. */
  readonly usersLagP99Ms: number;
}

/** Short-lived work of the start settles. */
const SETTLE_MS = 2_000;
const JOIN_MS = 20_000;
/** One after the other, as calls come in. */
const BETWEEN_MS = 200;
const TRACK_MS = 10_000;
const ATTEMPTS = 3;
/** The longest that a turn can take, with all its patience. */
const TURN_MS = 10_000;

/**
 * How the frames of a user lie to those of the agent stays the same from joining to leaving, and moves every answer by up to
 * two of them: few rooms are joined several times.
 */
const PHASES = 4;
/** With a barge-in. */
const FEWEST_TURNS = 3;

let runs = 0;

export async function measure(
  side: Side,
  access: LivekitAccess,
  { rooms, turns }: { readonly rooms: number; readonly turns: number },
): Promise<Measured> {
  const calls = Math.max(1, Math.min(Math.ceil(PHASES / rooms), Math.floor(turns / FEWEST_TURNS)));
  const measured: Measured[] = [];
  for (let call = 0; call < calls; call++) {
    const upTo = (each: number) => Math.floor((turns * each) / calls);
    measured.push(await measureCalls(side, access, { rooms, turns: upTo(call + 1) - upTo(call) }));
  }
  const [first] = measured;
  if (first === undefined) throw new Error('nothing was measured');
  const sum = (of: (each: Measured) => number) => measured.reduce((total, each) => total + of(each), 0);
  return {
    rooms,
    judgements: measured.flatMap(({ judgements }) => judgements),
    trackMs: measured.flatMap(({ trackMs }) => trackMs),
    askedAgain: sum(({ askedAgain }) => askedAgain),
    cpuShare: sum(({ cpuShare }) => cpuShare) / calls,
    idleMb: first.idleMb,
    busyMb: first.busyMb,
    processes: first.processes,
    usersLagP99Ms: Math.max(...measured.map(({ usersLagP99Ms }) => usersLagP99Ms)),
  };
}

async function measureCalls(
  side: Side,
  access: LivekitAccess,
  { rooms, turns }: { readonly rooms: number; readonly turns: number },
): Promise<Measured> {
  const users = new Child<UsersCommand, UsersReport>(new URL('./users-process.ts', import.meta.url));
  const run = `bench-${process.pid}-${++runs}`;
  try {
    await users.next('ready', JOIN_MS);
    await delay(SETTLE_MS);
    const idleMb = memoryMbOf(side.pids());
    const trackMs: number[] = [];
    let askedAgain = 0;
    for (let i = 0; i < rooms; i++) {
      const room = `${run}-${i}`;
      const joined = users.next('joined', JOIN_MS, (report) => report.room === room);
      users.send({ type: 'join', room, url: access.url, token: await tokenFor(access, { identity: 'user', room }) });
      await joined;
      for (let attempt = 1; trackMs.length === i; attempt++) {
        const askedAtMs = Date.now();
        const track = users.next('track', TRACK_MS, (report) => report.room === room);
        const [came] = await Promise.allSettled([track, side.bring(room)]);
        if (came.status === 'fulfilled') trackMs.push(came.value.atMs - askedAtMs);
        else if (attempt === ATTEMPTS) throw came.reason;
        else askedAgain++;
      }
      await delay(BETWEEN_MS);
    }
    await delay(SETTLE_MS);
    const talked = users.next('talked', JOIN_MS + turns * TURN_MS);
    const [startMs, startCpuMs] = [performance.now(), cpuMsOf(side.pids())];
    users.send({ type: 'talk', turns });
    const { judgements, loopLagP99Ms } = await talked;
    const cpuShare = (cpuMsOf(side.pids()) - startCpuMs) / (performance.now() - startMs);
    return {
      rooms,
      judgements,
      trackMs,
      askedAgain,
      cpuShare,
      idleMb,
      busyMb: memoryMbOf(side.pids()),
      processes: side.pids().length,
      usersLagP99Ms: loopLagP99Ms,
    };
  } finally {
    await users.end({ type: 'exit' });
  }
}
