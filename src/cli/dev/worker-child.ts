// A worker process that `dev` runs: `start` of this command, told what to do and telling how it is over a channel.
import { fork } from 'node:child_process';
import type { WorkerNews, WorkerOrder } from '../terminal-io.ts';

export interface WorkerChild {
  /** Never throws; a process that is gone hears nothing. */
  send(order: WorkerOrder): void;
  /** Ends the process at once. Idempotent. */
  kill(): void;
}

export interface WorkerListener {
  onNews(news: WorkerNews): void;
  /** Once. */
  onExit(code: number | null, signal: string | null): void;
}

const MAIN = new URL('../main.ts', import.meta.url);

/** A process group of its own: Ctrl-C in the terminal reaches `dev` alone, which then says what is to be done. */
export function forkWorker(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  { onNews, onExit }: WorkerListener,
): WorkerChild {
  const child = fork(MAIN, ['start', ...argv], { env, detached: true, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  child.on('message', (message) => onNews(message as WorkerNews)); // sent by our own start command
  child.on('error', () => {});
  child.once('exit', onExit);
  return {
    send: (order) => {
      if (child.connected) child.send(order, () => {});
    },
    kill: () => child.kill('SIGKILL'),
  };
}
