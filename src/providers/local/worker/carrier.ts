// The two ways to run a worker: a thread (wasm engines) or a forked process (native engines).
// Killing a thread inside native code aborts the whole process, so native engines never run in threads.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { textOf } from '../../../errors.ts';
import { engineModule } from './engine.ts';
import type { FromWorker, ToWorker } from './protocol.ts';

export interface CarrierListeners {
  onMessage(message: FromWorker): void;
  /** Called exactly once, whatever ended the worker. */
  onExit(reason: string): void;
}

export interface Carrier {
  /** False when the message could not be handed over (the worker is gone, or the payload cannot be cloned). */
  send(message: ToWorker): boolean;
  /** Kills at once, also in the middle of an inference. Idempotent. */
  kill(): void;
  /** Should a waiting worker keep the host process alive? */
  hold(alive: boolean): void;
  /** Process id, or undefined for a thread. */
  readonly pid: number | undefined;
  /** The end of what the engine printed, trimmed. */
  printed(): string;
}

/** The end of what an engine printed; engines print to the worker's own streams, never to the user's terminal. */
const KEPT_OUTPUT_CHARS = 2000;

export function startCarrier(kind: 'thread' | 'process', listeners: CarrierListeners): Carrier {
  let over = false;
  let output = '';
  const exit = (reason: string) => {
    if (over) return;
    over = true;
    listeners.onExit(reason);
  };
  const keep = (chunk: unknown) => {
    output = (output + String(chunk)).slice(-KEPT_OUTPUT_CHARS);
  };
  const entry = new URL(engineModule(import.meta.url, './entry'));
  const start = kind === 'thread' ? startThread : startProcess;
  const raw = start(entry, {
    onMessage: (message) => !over && listeners.onMessage(message),
    onExit: exit,
    onOutput: keep,
  });
  return { ...raw, printed: () => output.trim() };
}

type RawCarrier = Omit<Carrier, 'printed'>;

interface RawListeners extends CarrierListeners {
  onOutput(chunk: unknown): void;
}

function startThread(entry: URL, on: RawListeners): RawCarrier {
  // No inherited flags: loaders and inspectors of the host have no business in an engine.
  const worker = new Worker(entry, { execArgv: [], stdout: true, stderr: true, name: 'speech-engine' });
  worker.on('message', (message: FromWorker) => {
    if (message.type === 'output') on.onOutput(message.text);
    else on.onMessage(message);
  });
  worker.on('messageerror', (error) => {
    on.onExit(`a message of the worker could not be read: ${textOf(error)}`);
    void worker.terminate();
  });
  worker.on('error', (error) => on.onExit(`the worker threw: ${textOf(error)}`));
  worker.on('exit', (code) => on.onExit(`the worker thread exited with code ${code}`));
  return {
    pid: undefined,
    send: (message) => attempt(() => worker.postMessage(message)),
    kill: () => {
      worker.terminate().catch(() => undefined);
      on.onExit('the worker thread was killed');
    },
    hold: (alive) => (alive ? worker.ref() : worker.unref()),
  };
}

function startProcess(entry: URL, on: RawListeners): RawCarrier {
  const child = fork(fileURLToPath(entry), [], {
    execArgv: [],
    serialization: 'advanced', // keeps typed arrays
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  child.stderr?.on('data', on.onOutput);
  child.on('message', (message) => on.onMessage(message as FromWorker)); // only entry.ts writes on this channel
  child.on('error', (error) => on.onExit(`the worker process failed: ${textOf(error)}`));
  child.on('exit', (code, signal) => on.onExit(`the worker process ended with ${signal ?? `code ${code}`}`));
  return {
    pid: child.pid,
    send: (message) => child.connected && attempt(() => child.send(message, () => undefined)),
    kill: () => {
      child.kill('SIGKILL');
      on.onExit('the worker process was killed');
    },
    hold: (alive) => {
      const parts = [child, child.channel, child.stderr as { ref?(): void; unref?(): void } | null]; // a pipe is a Socket
      for (const part of parts) alive ? part?.ref?.() : part?.unref?.();
    },
  };
}

function attempt(fn: () => void): boolean {
  try {
    fn();
    return true;
  } catch {
    return false;
  }
}
