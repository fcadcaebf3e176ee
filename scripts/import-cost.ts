// Measures what `import 'livekitex-agent'` costs in a fresh process, and lists the native and wasm code that it pulled in.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

export interface ImportCost {
  /** Median over `runs` fresh processes, in ms, without the start of Node itself. */
  readonly medianMs: number;
  /** Resident memory after the import, in MB, median. */
  readonly rssMb: number;
  /** Files loaded, the package's own and those of its dependencies. */
  readonly modules: number;
  /** `.node` files in the process. Must be empty. */
  readonly native: readonly string[];
  /** Count of wasm modules compiled while importing. Must be 0. */
  readonly wasmModules: number;
}

interface Timed {
  readonly ms: number;
  readonly rss: number;
}

interface Audited {
  readonly modules: readonly string[];
  readonly native: readonly string[];
  readonly wasmModules: number;
}

const TIMED = `
const from = performance.now();
await import(TARGET);
console.log(JSON.stringify({ ms: performance.now() - from, rss: process.memoryUsage.rss() }));
`;

// Hooks cost time, so the audit is a process of its own. cjs-module-lexer inside Node compiles wasm through captured primordials,
// which the wrappers below never see: what they count is the doing of the imported code.
const AUDITED = `
import { registerHooks } from 'node:module';
let wasmModules = 0;
const counted = (target, name) => {
  const original = target[name];
  target[name] = new Proxy(original, {
    apply(...call) { wasmModules += 1; return Reflect.apply(...call); },
    construct(...call) { wasmModules += 1; return Reflect.construct(...call); },
  });
};
for (const name of ['Module', 'compile', 'compileStreaming', 'instantiate', 'instantiateStreaming']) counted(WebAssembly, name);
const modules = [];
registerHooks({ load(url, context, next) { modules.push(url); return next(url, context); } });
await import(TARGET);
await new Promise((done) => setTimeout(done, 50));
const native = process.report.getReport().sharedObjects.filter((file) => file.endsWith('.node'));
console.log(JSON.stringify({ modules: modules.filter((url) => url.startsWith('file:')), native, wasmModules }));
`;

/** `entry` is a built module, as a path. `node` is the program to measure with. */
export function measureImport(entry: string, { runs = 7, node = process.execPath } = {}): ImportCost {
  const target = JSON.stringify(pathToFileURL(resolve(entry)).href);
  const timed = Array.from({ length: runs }, () => JSON.parse(child(node, TIMED.replace('TARGET', target))) as Timed); // printed by TIMED
  const audited = JSON.parse(child(node, AUDITED.replace('TARGET', target))) as Audited; // printed by AUDITED
  return {
    medianMs: median(timed.map(({ ms }) => ms)),
    rssMb: median(timed.map(({ rss }) => rss)) / 1e6,
    modules: audited.modules.length,
    native: audited.native,
    wasmModules: audited.wasmModules,
  };
}

function child(node: string, source: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'livekitex-import-'));
  try {
    const file = join(folder, 'main.mjs');
    writeFileSync(file, source);
    const run = spawnSync(node, [file], { encoding: 'utf8', timeout: 60_000 });
    if (run.status !== 0) throw new Error(`the measured process failed: ${run.stderr}`);
    return run.stdout;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const entry = process.argv[2] ?? resolve(import.meta.dirname, '../dist/index.js');
  console.log(JSON.stringify(measureImport(entry), null, 2));
}
