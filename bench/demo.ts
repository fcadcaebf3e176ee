// Latency of the spoken demo, split by stage: real engines on this machine, so this is no figure of the runtime alone.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { defaultCacheDir } from '../src/providers/local/models/cache-dir.ts';
import { type BenchRow, figuresOf } from './row.ts';

const STAGES = [
  ['endpointingMs', 'demo: last voice -> turn committed (endpointing and transcription)'],
  ['transcriptionMs', 'demo: last voice -> final transcript'],
  ['firstTokenMs', 'demo: turn committed -> first text of the model'],
  ['firstAudioMs', 'demo: first text -> first audio of the voice (tools included)'],
  ['totalMs', 'demo: last voice -> answer heard'],
] as const;

type Latency = Readonly<Partial<Record<(typeof STAGES)[number][0], number | null>>>;

/** No rows when the speech models are not on this machine: a bench must not measure a download. */
export async function benchDemo(): Promise<BenchRow[]> {
  const cache = defaultCacheDir();
  if (!existsSync(cache) || !readdirSync(cache).some((name) => name.startsWith('moonshine'))) {
    console.error('demo: left out, the speech models are not here (npm run models:pull)');
    return [];
  }
  const folder = mkdtempSync(join(tmpdir(), 'livekitex-bench-'));
  try {
    const main = resolve(import.meta.dirname, '../src/cli/main.ts');
    const run = spawnSync(process.execPath, [main, 'demo', '--json', '--out', join(folder, 'demo.wav')], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: 300_000,
    });
    const latencies = run.stdout.split('\n').flatMap(latencyOf);
    return [
      ...STAGES.map(([stage, name]): BenchRow => {
        const known = latencies.flatMap((each) => each[stage] ?? []);
        return { name, unit: 'ms', measured: figuresOf(known), note: `${known.length} turns` };
      }),
      {
        name: 'demo: exit code',
        unit: 'count',
        measured: { value: run.status ?? 1 },
        target: { value: 0 },
        note: '0 when every turn was answered',
      },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function latencyOf(line: string): Latency[] {
  if (!line.startsWith('{')) return [];
  const event = JSON.parse(line) as { readonly type: string; readonly latency?: Latency | null }; // one event of the demo
  return event.type === 'user_turn_ended' && event.latency != null ? [event.latency] : [];
}
