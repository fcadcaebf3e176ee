import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { pointAtJs } from '../scripts/build.ts';
import { ROOT, readText } from './snippets.ts';

interface Locked {
  readonly version?: string;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

interface Manifest {
  readonly allowScripts: Readonly<Record<string, boolean>>;
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(readText('package.json')) as Manifest; // own file
const locked = (JSON.parse(readText('package-lock.json')) as { packages: Record<string, Locked> }).packages; // written by npm
const pinned = `v${(JSON.parse(readText('node_modules/node/package.json')) as { version: string }).version}`; // written by npm

describe('the pinned Node', () => {
  test('runs the tests', () => expect(process.version).toBe(pinned));

  test('runs the threads that the tests start', async () => {
    const version = await new Promise((done, failed) => {
      const worker = new Worker("require('node:worker_threads').parentPort.postMessage(process.version)", {
        eval: true,
      });
      worker.once('message', done).once('error', failed);
    });
    expect(version).toBe(pinned);
  });

  test('is what a plain `node` means inside an npm script', () => {
    expect(spawnSync('node', ['--version'], { encoding: 'utf8' }).stdout.trim()).toBe(pinned);
  });
});

describe('what a user installs', () => {
  test('has no install scripts', () => {
    const scripted = Object.entries(locked).filter(([, entry]) => entry.hasInstallScript === true);
    expect(scripted.filter(([, entry]) => entry.dev !== true).map(([path]) => path)).toEqual([]);
  });

  test('is pinned to exact versions, as are the tools', () => {
    const { dependencies, devDependencies, optionalDependencies } = manifest;
    const loose = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies });
    expect(loose.filter(([, range]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(range))).toEqual([]);
  });
});

test('of the tools only the pinned Node may run an install script, and allowScripts says so', () => {
  const scripted = Object.entries(locked).filter(([, entry]) => entry.hasInstallScript === true);
  expect(scripted.map(([path]) => path).filter((path) => !/\/(node|fsevents)$/.test(path))).toEqual([]);
  expect(manifest.allowScripts).toEqual({ node: true });
});

test('the lock file holds every dependency of every platform, or npm ci refuses it', () => {
  const missing = Object.entries(locked).flatMap(([path, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies })
      .filter((name) => !foldersAbove(path).some((folder) => `${folder}node_modules/${name}` in locked))
      .map((name) => `${path}: ${name}`),
  );
  expect(missing).toEqual([]);
});

describe('the build', () => {
  test.each([
    ["import { a } from './a.ts';", "import { a } from './a.js';"],
    ["export type * from '../b.ts';", "export type * from '../b.js';"],
    ["let x: import('./c.ts').C;", "let x: import('./c.js').C;"],
    ["new URL('./d.worker.ts', import.meta.url)", "new URL('./d.worker.js', import.meta.url)"],
    ["import 'pkg/e.ts';", "import 'pkg/e.ts';"],
  ])('%s becomes %s', (before, after) => expect(pointAtJs(before)).toBe(after));
});

test('every script that runs a file names one that exists', () => {
  const named = Object.values(manifest.scripts).flatMap((command) => /^node (\S+\.ts)/.exec(command)?.[1] ?? []);
  const missing = named.filter((file) => !existsSync(join(ROOT, file)));
  expect(missing).toEqual([]);
});

/** Where Node looks for a dependency of the package at `path`, nearest first; '' is the project. */
function foldersAbove(path: string): string[] {
  const parts = path === '' ? [] : path.split('/node_modules/');
  return [...parts.map((_, index) => `${parts.slice(0, parts.length - index).join('/node_modules/')}/`), ''];
}
