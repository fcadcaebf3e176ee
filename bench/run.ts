// `npm run bench`: runs every bench in a process of its own and prints one table. `-- --json`, `-- --only NAME`.
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { BENCHES } from './benches.ts';
import { type BenchRow, isMet } from './row.ts';
import { showTable } from './table.ts';

const MARK = 'bench rows: ';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    /** For the process of one bench. */
    child: { type: 'string' },
  },
});

if (values.child !== undefined) await runHere(values.child);
else runAll(values.only ?? Object.keys(BENCHES));

async function runHere(name: string): Promise<void> {
  const rows = (await BENCHES[name]?.run()) ?? [];
  process.stdout.write(`${MARK}${JSON.stringify(rows)}\n`, () => process.exit(0));
}

function runAll(names: readonly string[]): void {
  const unknown = names.find((name) => BENCHES[name] === undefined);
  if (unknown !== undefined) {
    console.error(`no bench is called ${unknown}; there are ${Object.keys(BENCHES).join(', ')}`);
    process.exitCode = 1;
    return;
  }
  const results: Record<string, readonly BenchRow[]> = {};
  for (const name of names) {
    if (!values.json) console.error(`running ${name} ...`);
    results[name] = rowsOf(name);
  }
  if (values.json) {
    const rows = Object.entries(results).flatMap(([bench, list]) =>
      list.map((row) => ({ bench, ...row, isMet: isMet(row) })),
    );
    console.log(JSON.stringify({ node: process.version, cores: cpus().length, rows }));
  } else console.log(showTable(results));
}

/** A bench that breaks is shown as a row that failed, and the others still run. */
function rowsOf(name: string): readonly BenchRow[] {
  const flags = BENCHES[name]?.flags ?? [];
  const run = spawnSync(process.execPath, [...flags, import.meta.filename, '--child', name], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 600_000,
  });
  const line = run.stdout.split('\n').findLast((each) => each.startsWith(MARK));
  if (run.status === 0 && line !== undefined) return JSON.parse(line.slice(MARK.length)) as BenchRow[]; // written by runHere
  process.exitCode = 1;
  return [{ name: `${name} did not finish`, unit: 'count', measured: { value: 1 }, target: { value: 0 } }];
}
