// Collects the windows of all sessions and asks the one detector about them, one message per turn of the event loop.
import { nextLoopTurn } from '../../clock.ts';
import { AgentError, toAgentError } from '../../errors.ts';
import type { SileroRequest } from './silero-engine.ts';
import { SILERO_WINDOW } from './silero-network.ts';
import type { EngineHost } from './worker/engine-host.ts';

/** What a stream is told. Neither may throw. */
export interface HubListener {
  onScore(score: number): void;
  /** The state of the stream is lost; nothing more will come. */
  onFail(error: AgentError): void;
}

export interface HubStream {
  /** 512 samples; the hub keeps them. */
  push(window: Int16Array): void;
  close(): void;
}

/** Ten times the slowest batch seen: 1 000 windows at 1 ms. Also what a stalled CI machine may take. */
const BATCH_DEADLINE_MS = 10_000;
/** Windows that may wait, all streams together: 100 sessions for 3 s. More means the detector cannot follow. */
const MAX_WAITING = 10_000;

export class SileroHub {
  readonly #openHost: () => Promise<Pick<EngineHost, 'request' | 'onDown'>>;
  readonly #listeners = new Map<number, HubListener>();
  #host: Pick<EngineHost, 'request' | 'onDown'> | undefined;
  #waiting: { stream: number; window: Int16Array }[] = [];
  #closed: number[] = [];
  #lastStream = 0;
  #busy = false;

  constructor(openHost: () => Promise<Pick<EngineHost, 'request' | 'onDown'>>) {
    this.#openHost = openHost;
  }

  open(listener: HubListener): HubStream {
    const stream = ++this.#lastStream;
    this.#listeners.set(stream, listener);
    return {
      push: (window) => {
        if (!this.#listeners.has(stream)) return;
        if (this.#waiting.length >= MAX_WAITING) {
          this.#failAll(new AgentError('ERR_ENGINE', `the detector is ${MAX_WAITING} windows behind`));
          return;
        }
        this.#waiting.push({ stream, window });
        void this.#pump();
      },
      close: () => {
        if (!this.#listeners.delete(stream)) return;
        this.#waiting = this.#waiting.filter((item) => item.stream !== stream);
        this.#closed.push(stream);
        // The state of a closed stream goes with the next batch; when there is none, it is the last one there was.
        if (this.#host !== undefined) void this.#pump();
      },
    };
  }

  async #pump(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    await nextLoopTurn(); // whatever other sessions write in this turn goes along
    try {
      while (this.#waiting.length > 0 || (this.#closed.length > 0 && this.#host !== undefined)) await this.#ask();
    } catch (error) {
      this.#failAll(toAgentError(error, 'ERR_ENGINE', 'the detector failed'));
    }
    this.#busy = false;
  }

  async #ask(): Promise<void> {
    const host = this.#host ?? (await this.#attach());
    const batch = this.#waiting.splice(0);
    const samples = new Int16Array(batch.length * SILERO_WINDOW);
    for (const [index, { window }] of batch.entries()) samples.set(window, index * SILERO_WINDOW);
    const request: SileroRequest = {
      streams: batch.map((item) => item.stream),
      samples,
      closed: this.#closed.splice(0),
    };
    const answer = await host.request(request, { deadlineMs: BATCH_DEADLINE_MS });
    if (!(answer instanceof Float32Array) || answer.length !== batch.length)
      throw new AgentError('ERR_ENGINE', 'the detector answered something else than one score per window');
    for (const [index, { stream }] of batch.entries()) this.#listeners.get(stream)?.onScore(answer[index] ?? 0);
  }

  async #attach(): Promise<Pick<EngineHost, 'request' | 'onDown'>> {
    const host = await this.#openHost();
    this.#host = host;
    host.onDown((error) => {
      if (this.#host === host) this.#failAll(error);
    });
    return host;
  }

  /** The streams' state lived in the worker: all of them are told, and the next one opened gets a new worker. */
  #failAll(error: AgentError): void {
    this.#host = undefined;
    this.#waiting = [];
    this.#closed = [];
    const listeners = [...this.#listeners.values()];
    this.#listeners.clear();
    for (const listener of listeners) listener.onFail(error);
  }
}
