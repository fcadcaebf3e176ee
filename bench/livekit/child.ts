// A process of this bench: commands in, reports out, and always an end.
import { type ChildProcess, fork } from 'node:child_process';
import { familyOf, killAll } from './processes.ts';

/** Leaving rooms and ending hosts takes less; what hangs must not stay. */
const EXIT_MS = 15_000;

export interface ChildOptions {
  readonly argv?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

interface Named {
  readonly type: string;
}

export class Child<Command extends Named, Report extends Named> {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #waiting = new Set<(report: Report | Error) => void>();

  constructor(file: string | URL, { argv = [], env = {} }: ChildOptions = {}) {
    this.#child = fork(file, argv, {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      env: { ...process.env, ...env, NODE_ENV: 'production' }, // the room library writes its debug log to stdout otherwise
      stdio: ['ignore', 2, 2, 'ipc'],
    });
    this.pid = this.#child.pid ?? 0;
    const kill = () => this.kill();
    process.once('exit', kill);
    this.#child.once('exit', () => process.off('exit', kill));
    this.#child.on('message', (report) => this.#hear(report as Report)); // the other end is our own
    this.#child.on('exit', (code, signal) => this.#hear(new Error(`${file} ended (${signal ?? code})`)));
  }

  send(command: Command): void {
    this.#child.send(command);
  }

  /** The next report of this type. Rejects when the process fails or ends, or after `limitMs`. */
  next<Type extends Report['type']>(
    type: Type,
    limitMs: number,
    fits: (report: Extract<Report, { type: Type }>) => boolean = () => true,
  ): Promise<Extract<Report, { type: Type }>> {
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        this.#waiting.delete(look);
      };
      const look = (report: Report | Error) => {
        if (report instanceof Error || report.type === 'failed') {
          end();
          reject(report instanceof Error ? report : new Error(JSON.stringify(report)));
          return;
        }
        const wanted = report as Extract<Report, { type: Type }>; // looked at next
        if (report.type !== type || !fits(wanted)) return;
        end();
        resolve(wanted);
      };
      const timer = setTimeout(() => {
        end();
        reject(new Error(`no ${type} within ${limitMs} ms`));
      }, limitMs);
      this.#waiting.add(look);
    });
  }

  async end(command: Command): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    const timer = setTimeout(() => this.kill(), EXIT_MS);
    this.send(command);
    await ended;
    clearTimeout(timer);
  }

  /** With all that it started: hosts would go on with their calls. */
  kill(): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null) killAll(familyOf(this.pid));
  }

  #hear(report: Report | Error): void {
    for (const look of [...this.#waiting]) look(report);
  }
}
