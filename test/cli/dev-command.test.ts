import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { devCommand } from '../../src/cli/dev-command.ts';
import { eventually } from '../eventually.ts';
import { IDLE_WORKER, SECRET, useEndpoint } from '../worker/real-endpoint.ts';
import { endedBySignal } from './ended-by-signal.ts';

const server = useEndpoint();
const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** A program of two files whose agent has this name. */
function program(name: string) {
  const folder = mkdtempSync(join(tmpdir(), 'dev-'));
  folders.push(folder);
  const file = join(folder, 'agent.ts');
  const write = (agentName: string) =>
    writeFileSync(join(folder, 'name.ts'), `export const worker = { agentName: '${agentName}' };`);
  write(name);
  const { href } = new URL('../../src/worker/index.ts', import.meta.url);
  const entry = "(job) => new Promise((resolve) => job.signal.addEventListener('abort', () => resolve()))";
  writeFileSync(
    file,
    `import { defineWorker } from '${href}';\nimport { worker } from './name.ts';\nexport default defineWorker({ ...worker, entry: ${entry} });\n`,
  );
  return { file, write, breakIt: () => writeFileSync(join(folder, 'name.ts'), 'export const worker = {') };
}

function dev(argv: readonly string[], env: Record<string, string> = {}) {
  const abort = new AbortController();
  let out = '';
  const write = (text: string) => {
    out += text;
  };
  const code = devCommand(argv, {
    stdout: { write },
    stderr: { write },
    env: { ...process.env, ...server.env, ...env },
    signal: abort.signal,
  });
  return { code, out: () => out, end: () => abort.abort() };
}

const names = () => server.sides.map((side) => side.registrations[0]?.agentName);

test('a change of an imported file brings the new code, broken code waits for the next change, Ctrl-C ends with 0', async () => {
  const { file, write, breakIt } = program('first');
  const run = dev([file, '--log-level', 'silent']);
  try {
    await eventually(server.hasWorker);
    server.sides[0]?.offer('AJ_1');
    await eventually(() => expect(server.sides[0]?.statuses).toHaveLength(1));
    write('second');
    await eventually(() => expect(names()).toEqual(['first', 'second']));
    // The call of the old code ends, so that the new one can have its room.
    await eventually(() => expect(server.sides[0]?.statuses).toHaveLength(2));
    breakIt();
    await eventually(() => expect(run.out()).toContain('the code cannot run, the code before goes on'));
    write('third');
    await eventually(() => expect(names()).toEqual(['first', 'second', 'third']));
  } finally {
    run.end();
  }
  expect(await run.code).toBe(0);
  expect(run.out()).not.toContain(SECRET);
}, 90_000);

test.each([
  ['no file', [], {}, 1, 'FILE'],
  ['an unknown option', [IDLE_WORKER, '--call', 'move'], {}, 1, '--calls'],
] as const)('%s: exit code as start', async (_, argv, env, expected, text) => {
  const { code, out } = dev(argv, env);
  expect(await code).toBe(expected);
  expect(out()).toContain(text);
  expect(out().trim().split('\n')).toHaveLength(1);
});

test('a wrong secret ends it with the exit code of start', async () => {
  const { code } = dev([IDLE_WORKER, '--log-level', 'silent'], { LIVEKIT_API_SECRET: 'wrong' });
  expect(await code).toBe(3);
}, 30_000);

test('the command ends with 0 on one SIGINT', async () => {
  const command = { argv: ['dev', IDLE_WORKER], env: server.env };
  expect(await endedBySignal({ ...command, signal: 'SIGINT', isThere: server.hasWorker })).toBe(0);
}, 30_000);

test('a command that is killed leaves no worker behind', async () => {
  const isThere = () => {
    server.hasWorker();
    expect(server.endpoint.openSockets).toBe(1);
  };
  await endedBySignal({ argv: ['dev', IDLE_WORKER], env: server.env, signal: 'SIGKILL', isThere });
  await eventually(() => expect(server.endpoint.openSockets).toBe(0));
}, 30_000);
