// Runs scenarios through driver.erl on an installed Erlang.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encode } from './encode.ts';
import type { Scenario } from './scenario.ts';

export function hasErlang(): boolean {
  return spawnSync('erlc', ['-h'], { stdio: 'ignore' }).error === undefined;
}

/** The trace of every scenario, by number. One Erlang scheduler, so that signals arrive in the order they were sent. */
export function askErlang(scenarios: readonly Scenario[]): Map<number, string[]> {
  const dir = mkdtempSync(join(tmpdir(), 'otp-'));
  try {
    execFileSync('erlc', ['-o', dir, fileURLToPath(new URL('./driver.erl', import.meta.url))]);
    const file = join(dir, 'scenarios.eterm');
    writeFileSync(file, scenarios.map(encode).join(''));
    const args = ['+S', '1', '-noshell', '-noinput', '-pa', dir, '-eval', `driver:main([${JSON.stringify(file)}])`];
    const output = execFileSync('erl', args, { encoding: 'utf8', maxBuffer: 1 << 30, timeout: 600_000 });
    const traces = new Map<number, string[]>();
    for (const block of output.split(/^== /m).slice(1)) {
      const [n = '', ...lines] = block.trimEnd().split('\n');
      traces.set(Number(n), lines);
    }
    return traces;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
