// `livekitex-agent start`: runs the worker that a module exports until it is told to stop.
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { realClock } from '../clock.ts';
import { AgentError, textOf } from '../errors.ts';
import { randomIds } from '../ids.ts';
import { LOG_LEVELS } from '../observer.ts';
import { namedAs } from '../options.ts';
import { globalTools } from '../tools/index.ts';
import { disposeLivekit } from '../transports/livekit/index.ts';
import {
  forkHost,
  HealthServer,
  HostPool,
  isWorker,
  type Logger,
  pinoLogger,
  type WorkerDefinition,
  WorkerManager,
} from '../worker/index.ts';
import { type Arguments, type CommandSpec, parseArguments } from './arguments.ts';
import { prettyLine } from './pretty-line.ts';
import { styleOf } from './style.ts';
import type { CommandIo, WorkerOrder } from './terminal-io.ts';

const FORMATS = ['json', 'pretty'] as const;
/** About half a minute at full jitter: long enough for a server that starts beside the worker. */
const DEFAULT_ATTEMPTS = 10;
/** A week and more. */
const MAX_ATTEMPTS = 99_999;
const MAX_PORT = 65_535;
const HEALTH_TOKEN = 'LIVEKITEX_AGENT_HEALTH_TOKEN';

export const START_COMMAND: CommandSpec = {
  name: 'start',
  summary: 'Runs the worker that FILE exports by default (made by defineWorker), and drains it on SIGTERM or Ctrl-C.',
  options: [
    { name: '--url', value: 'URL', help: 'Address of the LiveKit server. Default: LIVEKIT_URL.' },
    { name: '--attempts', value: 'N', help: 'How often to try to connect at startup; 0 = no limit. Default 10.' },
    { name: '--health-host', value: 'HOST', help: 'Where the health server listens. Default 127.0.0.1.' },
    { name: '--health-port', value: 'PORT', help: 'Its port; 0 takes a free one. Default 8081.' },
    { name: '--in-process', help: 'Runs the jobs in this process instead of a pool of host processes.' },
    { name: '--no-health', help: 'Runs without a health server.' },
    { name: '--ignore-load', help: 'Takes calls even when the CPU is fully busy.' },
    { name: '--log-level', value: 'LEVEL', choices: LOG_LEVELS, help: 'Log lines on stderr. Default info.' },
    { name: '--log-format', value: 'FORMAT', choices: FORMATS, help: 'For machines or for people. Default json.' },
  ],
  notes: [
    'Key and secret come from LIVEKIT_API_KEY and LIVEKIT_API_SECRET; LIVEKITEX_AGENT_HEALTH_TOKEN protects the health\nserver. The first signal drains: no new jobs, running ones go on to their end, for an hour at most unless the worker\nsays otherwise (drainTimeoutMs). The second ends them, with their shutdown callbacks; a third ends the process.',
    'Exit code: 0 after a drain, 1 for a wrong configuration, code that cannot run or a worker that gave up, 2 when the\nserver cannot be reached, 3 when it refuses the key. After its first registration a worker connects again for ever.',
  ],
};

/** A process of Node with the native room library, on a busy machine. */
const PROCESS_START_MS = 10_000;

const EXIT_CONFIGURATION = 1;
const EXIT_CONNECTION = 2;
const EXIT_AUTHENTICATION = 3;

/** Never throws: what went wrong is one line and the exit code. */
export async function startCommand(argv: readonly string[], io: CommandIo): Promise<number> {
  try {
    return await start(argv, io);
  } catch (error) {
    const code = error instanceof AgentError ? error.code : 'ERROR';
    if (isFault(error)) io.tell?.({ type: 'fault' });
    io.stderr.write(`livekitex-agent: ${textOf(error).replaceAll(/\s*\n\s*/g, ' ')} [${code}]\n`);
    return isFault(error) ? EXIT_CONFIGURATION : exitCodeOf(code);
  }
}

async function start([file, ...rest]: readonly string[], io: CommandIo): Promise<number> {
  if (file === undefined || file.startsWith('-'))
    throw new AgentError('ERR_USAGE', 'is missing', {
      field: 'FILE',
      fix: 'Name the module of the worker first: `livekitex-agent start agent.ts`',
    });
  const options = parseArguments(START_COMMAND, rest);
  const level = LOG_LEVELS.find((each) => each === options.value('--log-level')) ?? 'info';
  const style = styleOf(io.stderr, io.env);
  const isPretty = options.value('--log-format') === 'pretty';
  const write = (line: string) => io.stderr.write(isPretty ? prettyLine(line, style) : line);
  const logger = pinoLogger({ level, write });
  const url = options.value('--url');
  const attempts = numberOf(options, '--attempts', DEFAULT_ATTEMPTS, MAX_ATTEMPTS);
  const path = resolve(file);
  const worker = await workerIn(path);
  const runner = options.has('--in-process') ? undefined : poolFor(worker, path, level, logger);
  const manager = namedAs(
    { url: url === undefined ? 'LIVEKIT_URL' : '--url', apiKey: 'LIVEKIT_API_KEY', apiSecret: 'LIVEKIT_API_SECRET' },
    () =>
      new WorkerManager(worker, {
        ...(runner !== undefined && { runner }),
        ...(url !== undefined && { url }),
        env: io.env,
        logger,
        initialAttempts: attempts === 0 ? null : attempts,
        ...(options.has('--ignore-load') && { cpu: () => 0 }),
      }),
  );
  const token = io.env[HEALTH_TOKEN];
  const health = options.has('--no-health')
    ? null
    : namedAs({ token: HEALTH_TOKEN }, () => {
        const host = options.value('--health-host') ?? '127.0.0.1';
        const port = numberOf(options, '--health-port', 8_081, MAX_PORT);
        const tools = () => globalTools.list();
        return new HealthServer({ source: manager, tools, host, port, logger, ...(token !== undefined && { token }) });
      });
  const drain = () => void manager.drain();
  const obey: Readonly<Record<WorkerOrder, () => unknown>> = {
    drain,
    handOver: () => manager.handOver(),
    stop: () => manager.stop(),
  };
  try {
    await health?.start();
    io.signal.addEventListener('abort', drain, { once: true });
    io.onSecondSignal?.(() => void manager.stop());
    io.onOrder?.((order) => void obey[order]());
    if (io.signal.aborted) return 0;
    await manager.start();
    // Why it never got there is what `stopped` rejects with.
    manager.available().then(
      () => io.tell?.({ type: 'ready' }),
      () => {},
    );
    await manager.stopped();
    return 0;
  } finally {
    io.signal.removeEventListener('abort', drain);
    await manager.stop();
    await health?.close();
    // Rooms that were joined in this process keep it alive otherwise.
    await disposeLivekit();
  }
}

/** The module of the worker, or what it does before the first call. */
function isFault(error: unknown): boolean {
  if (!(error instanceof AgentError)) return false;
  const { code, field } = error;
  return code === 'ERR_WORKER' || field === 'prewarmTimeoutMs' || (code === 'ERR_OPTION' && field === 'FILE');
}

function poolFor(worker: WorkerDefinition, file: string, level: string, logger: Logger): HostPool {
  return new HostPool({
    ...worker.hosts,
    fork: forkHost(file, level),
    clock: realClock,
    ids: randomIds,
    logger,
    maxJobs: worker.maxJobs,
    startTimeoutMs: worker.prewarmTimeoutMs + PROCESS_START_MS,
  });
}

async function workerIn(file: string): Promise<WorkerDefinition> {
  let module: { readonly default?: unknown };
  try {
    module = await import(pathToFileURL(file).href);
  } catch (error) {
    throw new AgentError('ERR_OPTION', `${placeOf(error, file)} cannot be loaded: ${textOf(error)}`, {
      field: 'FILE',
      // Its own fault says what to do.
      ...(!(error instanceof AgentError) && { fix: 'Correct the module' }),
      ...(isUnread(error) && {
        fix: 'Correct it; a .ts file needs Node 22.18 or newer and `"type": "module"` in package.json',
      }),
      cause: error,
    });
  }
  if (isWorker(module.default)) return module.default;
  throw new AgentError('ERR_OPTION', `${file} exports no worker`, {
    field: 'FILE',
    fix: 'Write `export default defineWorker({ entry: async (job) => { ... } })`',
  });
}

/** Node did not get as far as running it. */
function isUnread(error: unknown): boolean {
  return (
    error instanceof SyntaxError ||
    (error instanceof Error && 'code' in error && error.code === 'ERR_UNKNOWN_FILE_EXTENSION')
  );
}

/** The first line of the file that the fault names; without one, the file. */
function placeOf(error: unknown, file: string): string {
  const stack = error instanceof Error ? String(error.stack) : '';
  const line = [`${pathToFileURL(file).href}:`, `${file}:`]
    .map((start) => stack.split(start)[1]?.match(/^\d+/)?.[0])
    .find((found) => found !== undefined);
  return line === undefined ? file : `${file}:${line}`;
}

function numberOf(options: Arguments, name: string, fallback: number, max: number): number {
  const text = options.value(name);
  if (text === undefined) return fallback;
  if (/^\d{1,5}$/.test(text) && Number(text) <= max) return Number(text);
  throw new AgentError('ERR_USAGE', `does not know ${JSON.stringify(text)}`, {
    field: name,
    rule: `must be a whole number from 0 to ${max}`,
  });
}

function exitCodeOf(code: string): number {
  switch (code) {
    case 'ERR_WORKER_AUTH':
      return EXIT_AUTHENTICATION;
    case 'ERR_TRANSPORT':
    case 'ERR_TIMEOUT':
      return EXIT_CONNECTION;
    default:
      return EXIT_CONFIGURATION;
  }
}
