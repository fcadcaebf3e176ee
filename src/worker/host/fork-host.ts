// A host as a forked process of Node.
import { fork } from 'node:child_process';
import { hostFlags } from './host-flags.ts';
import type { ForkHost, FromHost } from './host-link.ts';

const ENTRY = new URL('./host-entry.ts', import.meta.url);

/** Hosts load `file`, an absolute path, whose default export is the worker. */
export function forkHost(file: string, logLevel = 'info'): ForkHost {
  return ({ onMessage, onExit }) => {
    // Native libraries write to stdout; a command that prints results there must not be disturbed.
    const execArgv = hostFlags(process.execArgv, process.env.NODE_OPTIONS);
    const child = fork(ENTRY, [file, logLevel], { execArgv, stdio: ['ignore', 2, 2, 'ipc'] });
    let isGone = false;
    const gone = (how: string) => {
      if (isGone) return;
      isGone = true;
      onExit(how);
    };
    child.on('message', (message) => {
      if (!isGone) onMessage(message as FromHost); // the other end is our own host-entry
    });
    child.on('exit', (code, signal) => gone(signal ?? `exit code ${code}`));
    child.on('error', (error) => {
      if (child.pid === undefined) gone(error.message);
    });
    return {
      pid: child.pid,
      send: (message) => {
        if (!isGone && child.connected) child.send(message, () => {}); // a failed send is followed by `exit`
      },
      kill: () => {
        if (!isGone) child.kill('SIGKILL');
      },
    };
  };
}
