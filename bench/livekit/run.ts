// `npm run bench:livekit`: agents in rooms of a real server beside a floor without any runtime, one table.
// `-- --rooms 1,5,10`, `-- --turns 24`, `-- --quick`, `-- --json`.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { startLivekitServer } from '../../test/livekit/server.ts';
import { isMet } from '../row.ts';
import { showTable } from '../table.ts';
import { buildPackage } from './built-package.ts';
import { type Measured, measure } from './measure.ts';
import { rowsOf } from './rows.ts';
import { startFloor, startWorker } from './sides.ts';

const { values } = parseArgs({
  options: {
    rooms: { type: 'string' },
    turns: { type: 'string' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

const rooms = (values.rooms ?? (values.quick ? '1,5' : '1,5,10')).split(',').map(Number);
const turns = Number(values.turns ?? (values.quick ? 3 : 24));
const isCount = (each: number, max: number) => Number.isInteger(each) && each >= 1 && each <= max;
if (!rooms.every((each) => isCount(each, 20)) || !isCount(turns, 100)) {
  console.error('--rooms takes whole numbers from 1 to 20 with commas between them, --turns one from 1 to 100');
  process.exit(1);
}
// A run that is broken off leaves no process behind: what it started ends with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));

const say = (text: string) => {
  if (!values.json) console.error(text);
};

say('building the package ...');
const built = buildPackage();
const server = await startLivekitServer();
const sides = { floor: () => startFloor(server), worker: () => startWorker(server, built) };
const results: Record<string, ReturnType<typeof rowsOf>> = {};
try {
  for (const count of rooms) {
    const measured: Partial<Record<keyof typeof sides, Measured>> = {};
    for (const name of ['floor', 'worker'] as const) {
      say(`${count} room${count === 1 ? '' : 's'}, ${name}: ${turns} turns each ...`);
      const side = await sides[name]();
      try {
        measured[name] = await measure(side, server, { rooms: count, turns });
      } finally {
        await side.stop();
      }
    }
    if (measured.floor !== undefined && measured.worker !== undefined)
      results[`livekit ${count}`] = rowsOf(measured.worker, measured.floor);
  }
} finally {
  await server.stop();
  built.remove();
}

if (values.json) {
  const rows = Object.entries(results).flatMap(([bench, list]) =>
    list.map((row) => ({ bench, ...row, isMet: isMet(row) })),
  );
  console.log(JSON.stringify({ node: process.version, cores: cpus().length, turns, rows }));
} else console.log(showTable(results));
process.exit(0);
