// What the import of the built package costs a fresh process.
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from '../scripts/build.ts';
import { measureImport } from '../scripts/import-cost.ts';
import type { BenchRow } from './row.ts';

export async function benchImport(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'livekitex-bench-'));
  try {
    symlinkSync(resolve(import.meta.dirname, '../node_modules'), join(folder, 'node_modules'));
    symlinkSync(resolve(import.meta.dirname, '../package.json'), join(folder, 'package.json'));
    const dist = join(folder, 'dist');
    build(dist);
    const { medianMs, rssMb, modules, native, wasmModules } = measureImport(join(dist, 'index.js'), { runs: 15 });
    // The one dependency that every session needs, loaded alone: what this machine makes of any import today.
    const xstate = measureImport(resolve(import.meta.dirname, '../node_modules/xstate/dist/xstate.cjs.mjs'), {
      runs: 15,
    });
    return [
      {
        name: "import 'livekitex-agent' in a fresh process, median of 15",
        unit: 'ms',
        measured: { value: medianMs },
        target: { value: 100 },
        floor: { value: xstate.medianMs },
        note: `${modules} modules, the start of Node itself apart; beside it xstate alone`,
      },
      {
        name: 'resident memory after the import',
        unit: 'MB',
        measured: { value: rssMb },
        target: { value: 60 },
        floor: { value: xstate.rssMb },
      },
      {
        name: 'native and wasm modules loaded by the import',
        unit: 'count',
        measured: { value: native.length + wasmModules },
        target: { value: 0 },
      },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
