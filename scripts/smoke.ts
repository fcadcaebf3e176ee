// Packs the package, installs the tarball into an empty project and uses it there as a stranger would.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { relativeLinks } from '../test/snippets.ts';
import { measureImport } from './import-cost.ts';

interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly bin?: Readonly<Record<string, string>>;
}

interface LockedPackage {
  readonly hasInstallScript?: boolean;
}

const ROOT = resolve(import.meta.dirname, '..');
const EXAMPLE_DEADLINE_MS = 20_000;
/** What the papers link to and only the repository holds: generated reports, and what is for those who work on it. */
const LEFT_OUT = /^(docs\/(api|charts)(\/|$)|CONTRIBUTING\.md$)/;

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest; // own file
const entries = Object.keys(manifest.exports)
  .filter((path) => !path.endsWith('.json'))
  .map((path) => manifest.name + path.slice(1));
const workshop = mkdtempSync(join(tmpdir(), 'livekitex-smoke-'));
const project = join(workshop, 'project');
const installed = join(project, 'node_modules', manifest.name);

try {
  install(pack());
  check('nothing installed has an install script', noInstallScripts);
  check('the tarball holds what it should and nothing else', rightContents);
  check('the links of its papers lead to files', linksLead);
  for (const entry of entries) check(`import '${entry}' gives exports`, () => importEntry(entry));
  check('the main entry loads no native and no wasm code', lightMainEntry);
  check('types resolve under nodenext, library checks included', typesResolve);
  for (const command of Object.keys(manifest.bin ?? {}))
    check(`${command} --help answers`, () => commandAnswers(command));
  check('there is an example', () => (examples().length > 0 ? '' : fail('examples/ holds no .ts file')));
  for (const example of examples()) check(`examples/${example} runs to its end`, () => runExample(example));
} catch (error) {
  console.log(`FAIL  packing and installing: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  rmSync(workshop, { recursive: true, force: true });
}

function pack(): string {
  npm(['pack', '--pack-destination', workshop], ROOT);
  return readdirSync(workshop).find((name) => name.endsWith('.tgz')) ?? fail('npm pack left no tarball');
}

function install(tarball: string): void {
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'stranger', private: true, type: 'module' }));
  npm(['install', '--omit=dev', '--no-audit', '--no-fund', join(workshop, tarball)], project);
}

function noInstallScripts(): string {
  const lock = JSON.parse(readFileSync(join(project, 'node_modules/.package-lock.json'), 'utf8')) as {
    packages: Readonly<Record<string, LockedPackage>>; // written by npm
  };
  const scripted = Object.entries(lock.packages).filter(([, locked]) => locked.hasInstallScript === true);
  if (scripted.length > 0) fail(scripted.map(([path]) => path).join(', '));
  return `${Object.keys(lock.packages).length} packages`;
}

function rightContents(): string {
  const top = readdirSync(installed).sort();
  const expected = ['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'docs', 'examples', 'package.json'];
  if (top.join() !== expected.join()) fail(`found ${top.join(', ')}; expected ${expected.join(', ')}`);
  return top.join(', ');
}

function linksLead(): string {
  const pages = readdirSync(installed, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md'));
  const targets = pages.flatMap((page) =>
    relativeLinks(readFileSync(join(installed, page), 'utf8')).map((target) => join(dirname(page), target)),
  );
  const dead = targets.filter((target) => !LEFT_OUT.test(target) && !existsSync(join(installed, target)));
  if (dead.length > 0) fail(`missing: ${[...new Set(dead)].join(', ')}`);
  return `${targets.length} links of ${pages.length} pages`;
}

function importEntry(entry: string): string {
  const names = node([
    '--input-type=module',
    '-e',
    `console.log(Object.keys(await import('${entry}')).join(' '))`,
  ]).trim();
  if (names === '') fail('it exports nothing');
  return `${names.split(' ').length} names`;
}

function lightMainEntry(): string {
  const cost = measureImport(join(installed, 'dist/index.js'));
  if (cost.native.length > 0 || cost.wasmModules > 0) {
    fail(`${cost.wasmModules} wasm modules; native: ${cost.native.join(', ') || 'none'}`);
  }
  return `${cost.medianMs.toFixed(0)} ms, ${cost.modules} modules, ${cost.rssMb.toFixed(0)} MB resident`;
}

function typesResolve(): string {
  cpSync(join(installed, 'examples'), project, { recursive: true });
  const lines = entries.map((entry, index) => `import * as entry${index} from '${entry}';\nvoid entry${index};`);
  writeFileSync(join(project, 'every-entry.ts'), lines.join('\n'));
  writeFileSync(
    join(project, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        target: 'es2023',
        lib: ['es2023', 'esnext.disposable'],
        module: 'nodenext',
        strict: true,
        noEmit: true,
        skipLibCheck: false,
        types: ['node'],
        typeRoots: [join(ROOT, 'node_modules/@types')],
      },
      include: ['*.ts', 'livekit/*.ts'],
    }),
  );
  node([join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', project, '--pretty', 'false']);
  return `${entries.length} entries, ${examples().length} examples`;
}

function commandAnswers(command: string): string {
  const run = spawnSync(join(project, 'node_modules/.bin', command), ['--help'], {
    encoding: 'utf8',
    timeout: EXAMPLE_DEADLINE_MS,
  });
  if (run.status !== 0 || run.stdout.trim() === '') fail(`exit ${run.status}: ${run.stdout}${run.stderr}`);
  return '';
}

function runExample(name: string): string {
  const from = performance.now();
  node([name]);
  return `${((performance.now() - from) / 1000).toFixed(1)} s`;
}

/** Examples directly in the folder run offline and end by themselves; one that needs a server lives in a folder of its own. */
function examples(): string[] {
  if (!existsSync(join(ROOT, 'examples'))) return []; // git keeps no empty folder
  return readdirSync(join(ROOT, 'examples')).filter((name) => name.endsWith('.ts'));
}

function node(args: readonly string[]): string {
  const run = spawnSync(process.execPath, args, { cwd: project, encoding: 'utf8', timeout: EXAMPLE_DEADLINE_MS });
  if (run.status !== 0) fail(`exit ${run.status ?? run.signal}:\n${run.stdout}${run.stderr}`);
  return run.stdout;
}

function npm(args: readonly string[], cwd: string): void {
  const run = spawnSync('npm', [...args, '--loglevel=error'], { cwd, stdio: ['ignore', process.stderr, 'inherit'] });
  if (run.status !== 0) fail(`npm ${args[0]} failed (exit ${run.status ?? run.signal})`);
}

function check(rule: string, run: () => string): void {
  try {
    const detail = run();
    console.log(`ok    ${rule}${detail === '' ? '' : ` (${detail})`}`);
  } catch (error) {
    console.log(`FAIL  ${rule}: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}

function fail(message: string): never {
  throw new Error(message);
}
