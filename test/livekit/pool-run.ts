// Workers, callers and dispatches of one test, with names that no other test uses; all of it is gone after `end`.
import { dispatchClient } from './api-clients.ts';
import { type Caller, Callers } from './callers.ts';
import type { LivekitAccess } from './server.ts';
import { WorkerProcess, type WorkerProcessOptions } from './worker-process.ts';

/** Identity of every caller. */
export const CALLER = 'caller';

let count = 0;

export class PoolRun {
  readonly access: LivekitAccess;
  readonly agentName: string;
  readonly workers: WorkerProcess[] = [];
  readonly #callers: Callers;
  #rooms = 0;

  constructor(access: LivekitAccess) {
    this.access = access;
    this.agentName = `pool-${process.pid}-${++count}`;
    this.#callers = new Callers(access);
  }

  /** A worker that is registered. */
  async worker(
    options: WorkerProcessOptions['options'] = {},
    more: Partial<WorkerProcessOptions> = {},
  ): Promise<WorkerProcess> {
    const worker = new WorkerProcess({ access: this.access, agentName: this.agentName, options, ...more });
    this.workers.push(worker); // first, so that a worker that does not come up is ended too
    await worker.registered();
    return worker;
  }

  /** Callers who wait in rooms of their own; nobody was asked to serve them, unless their tokens ask for `agents`. */
  wait(rooms: number, agents?: readonly string[]): Promise<Caller[]> {
    const roomOf = () => `${this.agentName}-${++this.#rooms}`;
    return Promise.all(Array.from({ length: rooms }, () => this.#callers.join(roomOf(), CALLER, agents)));
  }

  /**
   * A caller whose connection is of no use any more, in the same room. One whom the server still knows is pushed out by its
   * successor, as a leave would end the call; any other library may try for ever, and push out its successor.
   */
  joinAgain(caller: Caller, { isKnown }: { readonly isKnown: boolean }): Promise<Caller> {
    if (!isKnown) void caller.leave().catch(() => {});
    return this.#callers.join(caller.room, CALLER);
  }

  /** Asks for an agent in this room. Resolves with the time at which it was asked for. */
  async dispatch({ room }: Caller): Promise<number> {
    const atMs = Date.now();
    await dispatchClient(this.access).createDispatch(room, this.agentName);
    return atMs;
  }

  /** Calls under way: each caller has an agent that listens. */
  async calls(rooms: number): Promise<Caller[]> {
    const callers = await this.wait(rooms);
    await Promise.all(
      callers.map(async (caller) => {
        await this.dispatch(caller);
        await caller.served();
      }),
    );
    return callers;
  }

  async end(): Promise<void> {
    await this.#callers.end();
    await Promise.all(this.workers.map((worker) => worker.end()));
  }
}
