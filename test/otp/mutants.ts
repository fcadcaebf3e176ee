// `npm run test:mutants [-- --only TEXT]`: applies each deliberate fault to a copy of the sources and runs the suite.
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Mutant, mutants } from './mutant-list.ts';

const { values } = parseArgs({ options: { only: { type: 'string' } } });
const root = fileURLToPath(new URL('../../', import.meta.url));
const copy = mkdtempSync(join(tmpdir(), 'mutants-'));
for (const path of [
  'src',
  'examples',
  'test/supervisor',
  'test/otp',
  'vitest.config.ts',
  'package.json',
  'tsconfig.json',
]) {
  cpSync(join(root, path), join(copy, path), { recursive: true });
}
symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));

/** True when the suite passes, which for a mutant means that nobody noticed. Ends after the first failure. */
function suitePasses(): Promise<boolean> {
  const args = ['node_modules/vitest/vitest.mjs', 'run', 'test/supervisor', '--project', 'development', '--bail', '1'];
  const env = { ...process.env, CI: '1' };
  const run = spawn(process.execPath, [...args, '--testTimeout', '5000'], { cwd: copy, stdio: 'ignore', env });
  return new Promise((resolve) => run.on('close', (code) => resolve(code === 0)));
}

/** Writes the fault and returns what undoes it. */
function apply({ name, file, find, replace }: Mutant): () => void {
  const path = join(copy, 'src/supervisor', file);
  const source = readFileSync(path, 'utf8');
  const places = source.split(find).length - 1;
  if (places !== 1) throw new Error(`mutant "${name}" fits ${places} places of ${file} instead of one`);
  writeFileSync(
    path,
    source.replace(find, () => replace),
  );
  return () => writeFileSync(path, source);
}

const survivors: string[] = [];
const chosen = mutants.filter(({ name }) => name.includes(values.only ?? ''));
try {
  if (!(await suitePasses())) throw new Error('the suite fails without any fault');
  for (const mutant of chosen) {
    const undo = apply(mutant);
    const survived = await suitePasses();
    undo();
    console.log(`${survived ? 'SURVIVED' : 'caught  '} ${mutant.name}`);
    if (survived) survivors.push(mutant.name);
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
console.log(`${chosen.length - survivors.length} of ${chosen.length} faults caught`);
process.exit(survivors.length === 0 ? 0 : 1);
