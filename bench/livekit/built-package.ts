// The package as it is published, with the agent of this bench beside it, so that no compiler runs in what is measured.
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build, pointAtJs } from '../../scripts/build.ts';

const ROOT = resolve(import.meta.dirname, '../..');

export interface BuiltPackage {
  /** The process of the worker. */
  readonly worker: string;
  /** The module that its hosts load. */
  readonly agent: string;
  remove(): void;
}

export function buildPackage(): BuiltPackage {
  const folder = mkdtempSync(join(tmpdir(), 'livekitex-bench-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  for (const name of ['node_modules', 'package.json']) symlinkSync(join(ROOT, name), join(folder, name));
  build(join(folder, 'dist'));
  for (const name of ['worker-process', 'agent', 'level-detector', 'script', 'tones']) {
    const source = readFileSync(join(import.meta.dirname, `${name}.ts`), 'utf8');
    writeFileSync(join(folder, `${name}.js`), pointAtJs(stripTypeScriptTypes(source)));
  }
  return { worker: join(folder, 'worker-process.js'), agent: join(folder, 'agent.js'), remove };
}
