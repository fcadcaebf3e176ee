// A command of the package in a process of its own that is told to end.
import { spawn } from 'node:child_process';
import { eventually } from '../eventually.ts';
import { ROOT } from '../snippets.ts';
import { MAIN } from '../worker/real-endpoint.ts';

interface Command {
  /** What follows the name of the program. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Options of Node. Default none. */
  readonly node?: readonly string[];
  readonly signal: NodeJS.Signals;
  /** Throws until the command is where it is to be told; `log` is what it has written to stderr. */
  readonly isThere: (log: string) => void;
}

/** Resolves with the exit code, or with the signal that ended it. Nothing of it is left, however this ends. */
export async function endedBySignal({ argv, env, node = [], signal, isThere }: Command): Promise<unknown> {
  const child = spawn(process.execPath, [...node, MAIN, ...argv], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  try {
    const exited = new Promise((resolve) => child.once('exit', (code, by) => resolve(code ?? by)));
    let log = '';
    child.stderr.on('data', (data) => {
      log += data;
    });
    await eventually(() => isThere(log));
    child.kill(signal);
    return await exited;
  } finally {
    child.kill('SIGKILL');
  }
}
