// What is printed of a run: our figures beside those of the floor, with the targets that compare the two.
import { type BenchRow, figuresOf } from '../row.ts';
import type { JudgedTurn } from './judge.ts';
import type { Measured } from './measure.ts';

/** Targets are set for these; with one room the share of what a process costs once is too large. */
const MEMORY_TARGET_FROM_ROOMS = 5;

export function rowsOf(ours: Measured, floor: Measured): BenchRow[] {
  const at = `${ours.rooms} room${ours.rooms === 1 ? '' : 's'}: `;
  const both = (of: (measured: Measured) => number) => [of(ours), of(floor)] as const;
  const plain = (turn: JudgedTurn) => !turn.isBargeIn;
  const [answer, floorAnswer] = [answersOf(ours, plain), answersOf(floor, plain)];
  const afterBargeIn = answersOf(ours, ({ isBargeIn }) => isBargeIn);
  const [cpu, floorCpu] = both(({ cpuShare, rooms }) => (100 * cpuShare) / rooms);
  const [perRoom, floorPerRoom] = both(({ busyMb, idleMb, rooms }) => (busyMb - idleMb) / rooms);
  const count = (name: string, of: (measured: Measured) => number, note?: string): BenchRow => {
    const [value, floorValue] = both(of);
    const row = { name: at + name, unit: 'count', measured: { value }, target: { value: 0 } } as const;
    return { ...row, floor: { value: floorValue }, ...(note !== undefined && { note }) };
  };
  const turns = turnsOf(ours).length;
  return [
    {
      name: `${at}end of speech -> answer heard`,
      unit: 'ms',
      measured: answer,
      target: { p50: floorAnswer.p50 + 15 },
      floor: floorAnswer,
      note: `${turns} turns; the 300 ms of silence that end a turn are taken off`,
    },
    {
      name: `${at}the same after a barge-in`,
      unit: 'ms',
      measured: afterBargeIn,
      target: { p50: answer.p50 + 15 },
      floor: answersOf(floor, ({ isBargeIn }) => isBargeIn),
    },
    {
      name: `${at}barge-in -> silent`,
      unit: 'ms',
      measured: silencesOf(ours),
      floor: silencesOf(floor),
      note: 'the 200 ms of voice that interrupt are taken off',
    },
    {
      name: `${at}dispatch -> track`,
      unit: 'ms',
      measured: figuresOf(ours.trackMs),
      floor: figuresOf(floor.trackMs),
      note: `the floor is not dispatched, it is told to join${ours.askedAgain > 0 ? `; asked again ${ours.askedAgain}` : ''}`,
    },
    {
      name: `${at}CPU of a core per room`,
      unit: '%',
      measured: { value: cpu },
      target: { value: floorCpu * 1.5 },
      floor: { value: floorCpu },
      note: `${(cpu / floorCpu).toFixed(2)} times; ${ours.processes} processes, idle spare included`,
    },
    {
      name: `${at}memory idle`,
      unit: 'MB',
      measured: { value: ours.idleMb },
      target: { value: 150 },
      floor: { value: floor.idleMb },
      note: 'worker and spare host, shared pages once',
    },
    {
      name: `${at}memory per room`,
      unit: 'MB',
      measured: { value: perRoom },
      ...(ours.rooms >= MEMORY_TARGET_FROM_ROOMS && { target: { value: 25 } }),
      floor: { value: floorPerRoom },
      note: 'all processes, over idle; the spare that was forked meanwhile is in it',
    },
    count('turns without an answer', (side) => countOf(side, ({ answerMs }) => answerMs === null), `of ${turns}`),
    count('answers heard twice', (side) => countOf(side, ({ isDoubled }) => isDoubled)),
    count(
      'old answer heard again after a barge-in',
      (side) => countOf(side, ({ isOldHeardAgain }) => isOldHeardAgain),
      `of ${countOf(ours, ({ isBargeIn }) => isBargeIn)}`,
    ),
    count('answers with a hole or cut short', (side) => countOf(side, ({ isBroken }) => isBroken)),
    count('sounds that belong to no turn', ({ judgements }) => judgements.reduce((sum, each) => sum + each.strays, 0)),
    {
      name: `${at}event loop of the users late by, p99`,
      unit: 'ms',
      measured: { value: ours.usersLagP99Ms },
      floor: { value: floor.usersLagP99Ms },
      note: 'what the machine had left',
    },
  ];
}

const turnsOf = ({ judgements }: Measured) => judgements.flatMap(({ turns }) => turns);
const countOf = (measured: Measured, fits: (turn: JudgedTurn) => boolean) => turnsOf(measured).filter(fits).length;

function answersOf(measured: Measured, fits: (turn: JudgedTurn) => boolean) {
  return figuresOf(turnsOf(measured).flatMap((turn) => (fits(turn) && turn.answerMs !== null ? [turn.answerMs] : [])));
}

function silencesOf(measured: Measured) {
  return figuresOf(turnsOf(measured).flatMap(({ silentMs }) => (silentMs === null ? [] : [silentMs])));
}
