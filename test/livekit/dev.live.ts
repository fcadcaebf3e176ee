import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, inject, onTestFailed, test } from 'vitest';
import { PoolRun } from './pool-run.ts';

const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname;
const at = (path: string) => new URL(path, import.meta.url).href;

let run: PoolRun;
let folder: string;
let child: ChildProcess | null = null;

beforeEach(() => {
  run = new PoolRun(inject('livekit'));
  folder = mkdtempSync(join(tmpdir(), 'dev-'));
});
afterEach(async () => {
  child?.kill('SIGKILL');
  await run.end();
  rmSync(folder, { recursive: true });
});

test('a change of the code: the caller hears the new code in the same room', async () => {
  const greeting = join(folder, 'greeting.ts');
  writeFileSync(greeting, "export const GREETING = 'one two three four five six';\n");
  writeFileSync(
    join(folder, 'agent.ts'),
    `import { Agent } from '${at('../../src/runtime/agent.ts')}';
import { defineWorker } from '${at('../../src/worker/index.ts')}';
import { toneProviders } from '${at('./tone-providers.ts')}';
import { GREETING } from './greeting.ts';

export default defineWorker({
  agentName: '${run.agentName}',
  entry: async (job) => {
    const session = await job.startSession({ agent: new Agent({ instructions: 'Answer.' }) });
    session.say(GREETING);
  },
  runtime: { providers: toneProviders(() => ({ text: 'one', firstTokenMs: 0, durationMs: 0 })) },
});
`,
  );
  const { url, apiKey, apiSecret } = inject('livekit');
  child = spawn(process.execPath, [MAIN, 'dev', join(folder, 'agent.ts')], {
    env: { ...process.env, LIVEKIT_URL: url, LIVEKIT_API_KEY: apiKey, LIVEKIT_API_SECRET: apiSecret },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  onTestFailed(() => console.log(log));
  child.stderr?.on('data', (data) => {
    log += data;
  });
  const until = async (text: string) => {
    while (!log.includes(text)) await once(child?.stderr ?? process, 'data');
  };
  await until('waiting for calls');
  const [caller] = await run.calls(1);
  if (caller === undefined) throw new Error('no caller');
  const [before] = caller.company;
  await caller.sound(0);
  const from = caller.mark;
  const sinceMs = Date.now();
  writeFileSync(greeting, "export const GREETING = 'one two three four five six seven';\n");
  const track = await caller.until('track', { from, limitMs: 20_000, fits: ({ identity }) => identity !== before });
  const heard = await caller.sound(caller.events.indexOf(track));
  console.log(`file written -> the new code is heard: ${heard.atMs - sinceMs} ms`);
  expect(caller.company).not.toContain(before);
  const exited = once(child, 'exit');
  child.kill('SIGINT');
  expect((await exited)[0]).toBe(0);
  expect(log).not.toContain(apiSecret);
}, 60_000);
