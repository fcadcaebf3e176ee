import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { AS_INSTALLED } from './as-installed.ts';
import { endedBySignal } from './cli/ended-by-signal.ts';
import { exampleFiles, ROOT, readText } from './snippets.ts';
import { useEndpoint } from './worker/real-endpoint.ts';

/** Those that need a server. */
const workerFiles = exampleFiles().filter((file) => file.startsWith('examples/livekit/'));

/** Runs an example with an empty model cache and a registry that does not exist: it must need neither. */
function run(file: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...AS_INSTALLED, file], {
      cwd: ROOT,
      env: {
        PATH: process.env.PATH,
        LIVEKITEX_AGENT_CACHE: join(ROOT, 'node_modules/.no-models'),
        npm_config_registry: 'http://127.0.0.1:9/',
      },
      timeout: 60_000,
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** Lines that a run of each example must print, in this order. */
const PRINTS: Readonly<Record<string, readonly string[]>> = {
  'custom-provider': ['user: hello wonderful world', 'assistant: world wonderful hello', '21 output tokens'],
  'flaky-jobs': ['24 of 24 parts; the tree ends with shutdown'],
  'host-machine': ['connecting -> idle', 'responding -> speaking', 'closing -> closed', 'the call ended: served'],
  'ten-lines': ['agent: It is sunny. It is nine in the evening.'],
  'text-only': ['agent: Welcome. You are talking to a machine.', '3 entries, ended: read'],
  'test-your-agent': ['passed: a soup please / Your soup is on its way. / no thank you / As you like.'],
};

test('every example has an expectation', () => {
  const files = exampleFiles().filter((file) => !workerFiles.includes(file));
  expect(files.map((file) => file.replace(/^examples\/|\.ts$/g, ''))).toEqual(Object.keys(PRINTS).sort());
});

// One after the other: they speak in real time, and six that load at once keep each other past the deadlines of a call.
test.each(Object.entries(PRINTS))(
  'examples/%s.ts runs offline and ends by itself',
  async (name, lines) => {
    const { code, stdout, stderr } = await run(`examples/${name}.ts`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const printed = stdout.split('\n').filter((line) => lines.includes(line));
    expect(printed.filter((line, index) => printed.indexOf(line) === index)).toEqual(lines);
  },
  60_000,
);

describe('workers', () => {
  const server = useEndpoint();

  test.each(workerFiles)(
    '%s is started by `livekitex-agent start`, registers, and drains on SIGTERM',
    async (file) => {
      const command = { argv: ['start', file, '--health-port', '0'], env: server.env, node: AS_INSTALLED };
      expect(await endedBySignal({ ...command, signal: 'SIGTERM', isThere: server.hasWorker })).toBe(0);
    },
    60_000,
  );

  test.each(workerFiles)('the first line of %s is the command that starts it', (file) => {
    expect(readText(file).split('\n')[0]).toContain(`: livekitex-agent start ${file} (`);
  });

  test('the README starts the one that needs nothing else', () => {
    expect(workerFiles).toContain('examples/livekit/worker.ts');
    expect(readText('README.md')).toContain('livekitex-agent start examples/livekit/worker.ts');
  });
});

test('the first lines of the README are the example', () => {
  const code = readText('examples/ten-lines.ts')
    .replace(/^\/\/.*\n/, '')
    .trim();
  expect(code.split('\n').filter((line) => line !== '')).toHaveLength(10);
  expect(readText('README.md')).toContain(code);
});
