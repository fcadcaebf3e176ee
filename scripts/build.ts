// Builds dist/: compiles src with tsc, points `.ts` specifiers of the output at `.js`, and copies what is not TypeScript.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const ROOT = resolve(import.meta.dirname, '..');
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');

// tsc rewrites import specifiers in .js only. Declarations keep `.ts`, and so does `new URL('./x.worker.ts', import.meta.url)`,
// which is how worker entries are named so that they run from source and from dist alike.
const SPECIFIER = /((?:\bfrom|\bimport)\s*\(?\s*)(['"])(\.{1,2}\/[^'"]+)\.ts\2/g;
const ENTRY_URL = /(new URL\(\s*)(['"])(\.{1,2}\/[^'"]+)\.ts\2(\s*,\s*import\.meta\.url)/g;
const LEFT_OVER = /(['"`])\.{1,2}\/[^'"`\n]+(?<!\.d)\.ts\1/g;

export function pointAtJs(text: string): string {
  return text.replace(SPECIFIER, '$1$2$3.js$2').replace(ENTRY_URL, '$1$2$3.js$2$4');
}

/** Compiles into `outDir`, which is emptied first. `declarationsOnly` is what the API report needs. */
export function build(outDir: string, { declarationsOnly = false } = {}): void {
  rmSync(outDir, { recursive: true, force: true });
  const flags = declarationsOnly ? ['--emitDeclarationOnly'] : [];
  const run = spawnSync(
    process.execPath,
    [TSC, '-p', join(ROOT, 'tsconfig.build.json'), '--outDir', outDir, ...flags],
    {
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  if (run.status !== 0) throw new Error(`tsc failed (exit ${run.status ?? run.signal})`);
  const broken: string[] = [];
  for (const file of filesUnder(outDir)) {
    const text = readFileSync(file, 'utf8');
    const fixed = pointAtJs(text);
    if (fixed !== text) writeFileSync(file, fixed);
    for (const [specifier] of withoutComments(fixed).matchAll(LEFT_OVER))
      broken.push(`${relative(outDir, file)}: ${specifier}`);
  }
  if (broken.length > 0) {
    throw new Error(
      `dist would name TypeScript sources that are not published:\n  ${broken.join('\n  ')}\n` +
        "Name a worker entry as new URL('./name.ts', import.meta.url).",
    );
  }
  if (!declarationsOnly) copyAssets(outDir);
}

function copyAssets(outDir: string): void {
  const src = join(ROOT, 'src');
  for (const file of filesUnder(src)) {
    if (file.endsWith('.ts')) continue;
    const target = join(outDir, relative(src, file));
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(file, target);
  }
  const { bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { bin?: Record<string, string> }; // own file
  for (const path of Object.values(bin ?? {})) {
    if (existsSync(join(ROOT, path)) && outDir === join(ROOT, 'dist')) chmodSync(join(ROOT, path), 0o755);
  }
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}

export function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    build(join(ROOT, 'dist'));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
