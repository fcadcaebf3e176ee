// The test's end of a process that plays one user or several.
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Runs a file of this folder. */
export function forkUser(file: string): ChildProcess {
  return fork(fileURLToPath(new URL(file, import.meta.url)), {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    env: { ...process.env, NODE_ENV: 'production' },
  });
}

/** Asks the process to leave and ends it where that takes too long; it is gone after this. */
export async function endUser(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.killed) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const limit = setTimeout(() => child.kill('SIGKILL'), 5_000);
  child.send({ type: 'exit' });
  await ended;
  clearTimeout(limit);
}
