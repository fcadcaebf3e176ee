// `livekitex-agent dev`: runs a worker while its code is written; each change is taken over, calls included.
import { relative, resolve } from 'node:path';
import { realClock } from '../clock.ts';
import { AgentError, textOf } from '../errors.ts';
import { LOG_LEVELS } from '../observer.ts';
import { type CommandSpec, parseArguments } from './arguments.ts';
import { DevSession } from './dev/dev-session.ts';
import { importedFiles } from './dev/imported-files.ts';
import { type WatchFiles, watchFiles } from './dev/watch-files.ts';
import { forkWorker, type WorkerChild, type WorkerListener } from './dev/worker-child.ts';
import { styleOf } from './style.ts';
import type { CommandIo } from './terminal-io.ts';

const CALLS = ['move', 'keep'] as const;

export const DEV_COMMAND: CommandSpec = {
  name: 'dev',
  summary: 'Runs the worker that FILE exports while its code is written: FILE and what it imports are watched.',
  options: [
    { name: '--url', value: 'URL', help: 'Address of the LiveKit server. Default: LIVEKIT_URL.' },
    {
      name: '--calls',
      value: 'WHAT',
      choices: CALLS,
      help: 'Running calls at a change: the new code takes them over, or the old one ends them. Default move.',
    },
    { name: '--log-level', value: 'LEVEL', choices: LOG_LEVELS, help: 'Log lines on stderr. Default info.' },
  ],
  notes: [
    'As `start`, but in one process, with readable log lines, whatever the load of the machine. The worker of the new code\nregisters before the old one lets go. Code that cannot run is told in one line; the next change is tried again.',
    'Ctrl-C ends the running calls, a second one at once. Exit code: 0 after Ctrl-C, otherwise as `start` when the first\nworker cannot connect.',
  ],
};

/** What a test replaces. */
export interface DevParts {
  readonly watch: WatchFiles;
  readonly spawn: (argv: readonly string[], env: NodeJS.ProcessEnv, listener: WorkerListener) => WorkerChild;
}

const EXIT_USAGE = 1;

/** Never throws: what went wrong is one line and the exit code. */
export async function devCommand(
  argv: readonly string[],
  io: CommandIo,
  { watch, spawn }: DevParts = { watch: watchFiles, spawn: forkWorker },
): Promise<number> {
  let file: string;
  let calls: (typeof CALLS)[number];
  const passed: string[] = [];
  try {
    const [given, ...rest] = argv;
    if (given === undefined || given.startsWith('-'))
      throw new AgentError('ERR_USAGE', 'is missing', {
        field: 'FILE',
        fix: 'Name the module of the worker first: `livekitex-agent dev agent.ts`',
      });
    const options = parseArguments(DEV_COMMAND, rest);
    file = resolve(given);
    calls = CALLS.find((each) => each === options.value('--calls')) ?? 'move';
    for (const name of ['--url', '--log-level']) {
      const value = options.value(name);
      if (value !== undefined) passed.push(name, value);
    }
  } catch (error) {
    const code = error instanceof AgentError ? error.code : 'ERROR';
    io.stderr.write(`livekitex-agent: ${textOf(error)} [${code}]\n`);
    return EXIT_USAGE;
  }
  const style = styleOf(io.stderr, io.env);
  const own = ['--in-process', '--ignore-load', '--health-port', '0', '--log-format', 'pretty'];
  return new Promise((done) => {
    let watcher: ReturnType<WatchFiles> | null = null;
    const session = new DevSession({
      clock: realClock,
      calls,
      spawn: (listener) => spawn([file, ...own, ...passed], io.env, listener),
      say: (text) => io.stderr.write(`${style.paint('cyan', 'dev')} ${text}\n`),
      onEnd: (exitCode) => {
        watcher?.close();
        done(exitCode);
      },
    });
    // What is imported may change with every change.
    const watchAgain = () => {
      watcher?.close();
      watcher = watch({
        files: importedFiles(file),
        clock: realClock,
        onChange: (path) => {
          watchAgain();
          session.reload(relative(process.cwd(), path));
        },
      });
    };
    watchAgain();
    io.onSecondSignal?.(() => session.end());
    io.signal.addEventListener('abort', () => session.end(), { once: true });
    if (io.signal.aborted) session.end();
    else session.start();
  });
}
