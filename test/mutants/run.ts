// `npm run test:mutants [-- --only TEXT]`: applies each deliberate fault to a copy of the sources and runs the tests of its folder.
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Mutant, MutantTable } from './mutant.ts';
import { TABLES } from './tables.ts';

const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } });
const root = fileURLToPath(new URL('../../', import.meta.url));
const copy = mkdtempSync(join(tmpdir(), 'mutants-'));

/** Many times what the slowest tests take. A fault may make them loop, or grow until the machine has no memory left. */
const RUN_LIMIT_MS = 120_000;

/** True when the tests pass in time, which for a mutant means that nobody noticed. Ends after the first failure. */
function testsPass(tests: readonly string[], stdio: 'ignore' | 'inherit' = 'ignore'): Promise<boolean> {
  const args = ['node_modules/vitest/vitest.mjs', 'run', ...tests, '--project', 'development', '--bail', '1'];
  const env = { ...process.env, CI: '1' };
  // A group of its own, so that its forks end with it.
  const run = spawn(process.execPath, [...args, '--testTimeout', '10000'], { cwd: copy, stdio, env, detached: true });
  const kill = () => {
    try {
      if (run.pid !== undefined) process.kill(-run.pid, 'SIGKILL');
    } catch {
      // Nobody of the group is left.
    }
  };
  const timer = setTimeout(kill, RUN_LIMIT_MS);
  return new Promise((resolve) => {
    run.on('exit', (code) => {
      clearTimeout(timer);
      kill();
      resolve(code === 0);
    });
  });
}

/** Writes the fault and returns what undoes it. */
function apply(folder: string, { name, file, find, replace }: Mutant): () => void {
  const path = join(copy, folder, file);
  const source = readFileSync(path, 'utf8');
  const places = source.split(find).length - 1;
  if (places !== 1) throw new Error(`mutant "${name}" fits ${places} places of ${file} instead of one`);
  writeFileSync(
    path,
    source.replace(find, () => replace),
  );
  return () => writeFileSync(path, source);
}

/** Names of the faults that nobody noticed. */
async function survivorsOf({ folder, tests }: MutantTable, chosen: readonly Mutant[]): Promise<string[]> {
  const survivors: string[] = [];
  if (!(await testsPass(tests, 'inherit'))) throw new Error(`${tests.join(' ')} fails without any fault`);
  for (const mutant of chosen) {
    const undo = apply(folder, mutant);
    const survived = await testsPass(tests);
    undo();
    console.log(`${survived ? 'SURVIVED' : 'caught  '} ${mutant.name}`);
    if (survived) survivors.push(mutant.name);
  }
  return survivors;
}

let total = 0;
let survived = 0;
try {
  for (const path of ['src', 'examples', 'test', 'vitest.config.ts', 'package.json', 'tsconfig.json'])
    cpSync(join(root, path), join(copy, path), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  for (const table of TABLES) {
    const chosen = table.mutants.filter(({ name }) => name.includes(values.only));
    if (chosen.length === 0) continue;
    total += chosen.length;
    survived += (await survivorsOf(table, chosen)).length;
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
console.log(`${total - survived} of ${total} faults caught`);
process.exit(survived === 0 && total > 0 ? 0 : 1);
