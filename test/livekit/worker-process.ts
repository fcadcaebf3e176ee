// A worker as a user starts it, `livekitex-agent start FILE` in a process of its own, with its log lines read.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { WorkerOptions, WorkerStatus } from '../../src/worker/index.ts';
import { isAlive } from '../is-alive.ts';
import type { LivekitAccess } from './server.ts';
import { Told, type WaitOptions } from './told.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const TONE_AGENT = fileURLToPath(new URL('./fixtures/tone-agent.ts', import.meta.url));

export type WorkerLine = { readonly level: number; readonly msg: string } & Readonly<Record<string, unknown>>;

export interface WorkerProcessOptions {
  readonly access: LivekitAccess;
  readonly agentName: string;
  /** Given to `defineWorker` of the fixture; plain data only. */
  readonly options?: Partial<WorkerOptions>;
  /** What the agent says to everything. Default two words, 600 ms. */
  readonly answer?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** More arguments of the command. */
  readonly args?: readonly string[];
  /** What its health server asks for. Default nothing. */
  readonly healthToken?: string;
  /** Default: the agent with tones. */
  readonly file?: string;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class WorkerProcess {
  readonly #told = new Told<WorkerLine>();
  /** Everything it wrote, as it came. */
  output = '';
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #healthToken: string | null;

  constructor({
    access,
    agentName,
    options = {},
    answer,
    env = {},
    args = [],
    healthToken,
    file = TONE_AGENT,
  }: WorkerProcessOptions) {
    this.#healthToken = healthToken ?? null;
    this.#child = spawn(process.execPath, [MAIN, 'start', file, '--health-port', '0', ...args], {
      env: {
        ...process.env,
        NODE_ENV: 'production',
        NODE_OPTIONS: '--disable-warning=ExperimentalWarning',
        LIVEKIT_URL: access.url,
        LIVEKIT_API_KEY: access.apiKey,
        LIVEKIT_API_SECRET: access.apiSecret,
        AGENT_NAME: agentName,
        WORKER_OPTIONS: JSON.stringify(options),
        ...(answer !== undefined && { ANSWER: answer }),
        ...(healthToken !== undefined && { LIVEKITEX_AGENT_HEALTH_TOKEN: healthToken }),
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.exited = once(this.#child, 'exit').then(([code, signal]) => ({ code, signal }));
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      // The hosts write to it too, also when the worker itself is gone.
      if (stream !== null) createInterface(stream).on('line', (line) => this.#read(line));
    }
  }

  /** Loading the program takes most of this. */
  async registered(): Promise<void> {
    await this.until('registered', { limitMs: 30_000 });
  }

  get lines(): readonly WorkerLine[] {
    return this.#told.all;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The first line with this message that fits, from line `from` on; what came before counts. */
  until(
    message: string,
    { fits = () => true, ...options }: WaitOptions & { fits?: (line: WorkerLine) => boolean } = {},
  ): Promise<WorkerLine> {
    return this.#told.until(
      (line) => line.msg === message && fits(line),
      (limitMs) => `no line "${message}" within ${limitMs} ms; last:\n${this.output.slice(-3_000)}`,
      options,
    );
  }

  said(message: string): readonly WorkerLine[] {
    return this.lines.filter((line) => line.msg === message);
  }

  /** Every host process it ever had. */
  get hostPids(): readonly number[] {
    return this.said('host ready').map((line) => Number(line.pid));
  }

  /** An answer of its health server. */
  async ask(path: string): Promise<{ readonly status: number; readonly text: string }> {
    const { url } = await this.until('health server listens');
    const headers = this.#healthToken === null ? {} : { authorization: `Bearer ${this.#healthToken}` };
    const answer = await fetch(`${url}${path}`, { headers });
    return { status: answer.status, text: await answer.text() };
  }

  async status(): Promise<WorkerStatus> {
    const { worker } = JSON.parse((await this.ask('/status')).text) as { worker: WorkerStatus }; // written by routes.ts
    return worker;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Drained, or killed where that takes too long; nothing of it is left after this. */
  async end(): Promise<void> {
    this.signal('SIGTERM');
    const limit = setTimeout(() => this.signal('SIGKILL'), 5_000);
    await this.exited;
    clearTimeout(limit);
    for (const pid of this.hostPids.filter(isAlive)) process.kill(pid, 'SIGKILL');
  }

  #read(line: string): void {
    this.output += `${line}\n`;
    try {
      this.#told.add(JSON.parse(line));
    } catch {
      // a warning of Node
    }
  }
}

export interface ProcessUse {
  readonly threads: number;
  readonly handles: number;
  readonly rssMb: number;
}

/** What a process holds; Linux only. */
export function useOf(pid: number): ProcessUse {
  const [, pages = '0'] = readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ');
  return {
    threads: readdirSync(`/proc/${pid}/task`).length,
    handles: readdirSync(`/proc/${pid}/fd`).length,
    rssMb: Math.round((Number(pages) * 4_096) / 1_048_576),
  };
}
