// The hosts of one engine: started on first use, one warm spare that takes over when the active one dies.
import { type Clock, realClock } from '../../../clock.ts';
import { AgentError, toAgentError } from '../../../errors.ts';
import { type EngineHost, type EngineHostOptions, openEngineHost, type RequestOptions } from './engine-host.ts';

/** How to start one host; made anew for each start, because it may have to fetch a model first. */
export type EngineSpec = Omit<EngineHostOptions, 'clock' | 'label'>;

export interface EnginePoolOptions {
  /** Name for messages, e.g. `moonshine`. */
  readonly label: string;
  /** Gives the spec of the next host. A rejection counts as a failed start. */
  prepare(): EngineSpec | Promise<EngineSpec>;
  /** Hosts that work. Default 1. Each costs the memory of the engine (400 MB for Moonshine in wasm). */
  readonly size?: number;
  /** Loaded hosts that wait for one that works to die. Default 0. */
  readonly spares?: number;
  readonly clock?: Clock;
  /** Starts allowed within `periodMs` before requests fail until the period is over. Default 10 in 60 000 ms. */
  readonly maxStarts?: number;
  readonly periodMs?: number;
  /** Opens a host; another one may be given by tests. */
  readonly openHost?: (options: EngineHostOptions) => EngineHost;
}

/** Told when a host of the pool died: the pool has already begun to replace it. */
export type DownListener = (down: { readonly label: string; readonly error: AgentError }) => void;

/**
 * A group of interchangeable engine hosts. It heals itself: a dead host is replaced, its pending requests reject with a
 * retryable `ERR_ENGINE`, and a retry goes to the spare. `start` and `stop` are its lifecycle under a supervisor; both
 * are idempotent, and `request` starts the pool when nobody did.
 */
export class EnginePool {
  readonly label: string;
  readonly #options: EnginePoolOptions;
  readonly #clock: Clock;
  readonly #wanted: number;
  readonly #listeners = new Set<DownListener>();
  /** In order of age: the first `size` work, the others are spares. */
  #hosts: EngineHost[] = [];
  #starting = 0;
  #starts: number[] = [];
  #lastError: AgentError | undefined;
  #opening: EngineHost | undefined;
  #waiting: { resolve(): void; reject(error: AgentError): void }[] = [];
  #generation = 0;
  /** Lazy: nobody has asked yet, and the first request starts it. */
  #state: 'lazy' | 'running' | 'stopped' = 'lazy';

  constructor(options: EnginePoolOptions) {
    this.label = options.label;
    this.#options = options;
    this.#clock = options.clock ?? realClock;
    this.#wanted = (options.size ?? 1) + (options.spares ?? 0);
  }

  /** Hosts that are loaded and alive. */
  get ready(): number {
    return this.#hosts.filter((host) => host.state === 'ready').length;
  }

  /** A host is being loaded. */
  get isStarting(): boolean {
    return this.#starting > 0;
  }

  /** Process ids of forked hosts, the working ones first. */
  get pids(): readonly number[] {
    return this.#hosts.flatMap((host) => host.pid ?? []);
  }

  /** Starts the hosts and resolves when the first is ready; rejects with what stopped it. */
  async start(): Promise<void> {
    this.#state = 'running';
    await this.#host();
  }

  /**
   * Kills every host; what is pending, and every request until the next `start`, rejects with `ERR_CLOSED`: a late
   * request of a session that ends must not load an engine again.
   */
  stop(): void {
    this.#state = 'stopped';
    this.#generation++;
    this.#starting = 0;
    this.#starts = [];
    for (const host of this.#hosts.splice(0)) host.terminate();
    this.#opening?.terminate();
    this.#opening = undefined;
    for (const waiter of this.#waiting.splice(0)) waiter.reject(this.#closed());
  }

  /** Calls `listener` for every host that dies; returns the way to stop that. */
  onDown(listener: DownListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Runs on the working host with the least to do. Rejects as {@link EngineHost.request}. */
  async request(payload: unknown, options: RequestOptions = {}): Promise<unknown> {
    const host = await this.#host();
    return host.request(payload, options);
  }

  /** A host that stays the same until it dies, for engines that keep the state of a stream. */
  async sticky(): Promise<EngineHost> {
    return this.#host();
  }

  /** Health check of every loaded host. */
  async probe(options: RequestOptions = {}): Promise<void> {
    await this.#host();
    await Promise.all(this.#hosts.filter((host) => host.state === 'ready').map((host) => host.probe(options)));
  }

  async #host(): Promise<EngineHost> {
    if (this.#state === 'stopped') throw this.#closed();
    this.#state = 'running';
    for (;;) {
      const best = this.#pick();
      this.#fill();
      if (best !== undefined) return best;
      if (this.#starting === 0)
        throw this.#lastError ?? new AgentError('ERR_ENGINE', `no ${this.label} engine is ready`);
      await new Promise<void>((resolve, reject) => this.#waiting.push({ resolve, reject }));
    }
  }

  #pick(): EngineHost | undefined {
    const working = this.#hosts.filter((host) => host.state === 'ready').slice(0, this.#options.size ?? 1);
    return working.reduce<EngineHost | undefined>(
      (best, host) => (best === undefined || host.load < best.load ? host : best),
      undefined,
    );
  }

  /** Starts what is missing, one at a time: two engines that load at once delay the first answer. */
  #fill(): void {
    if (this.#state !== 'running' || this.#starting > 0 || this.#hosts.length >= this.#wanted) return;
    const now = this.#clock.now();
    const { maxStarts = 10, periodMs = 60_000 } = this.#options;
    this.#starts = this.#starts.filter((at) => now - at < periodMs);
    if (this.#starts.length >= maxStarts) return;
    this.#starts.push(now);
    this.#starting++;
    void this.#startOne(this.#generation);
  }

  async #startOne(generation: number): Promise<void> {
    let host: EngineHost | undefined;
    try {
      const spec = await this.#options.prepare();
      if (generation !== this.#generation) return;
      host = (this.#options.openHost ?? openEngineHost)({ ...spec, label: this.label, clock: this.#clock });
      this.#opening = host;
      await host.ready;
      if (generation !== this.#generation) return; // stop() has terminated it
      this.#opening = undefined;
      this.#hosts.push(host);
      this.#lastError = undefined;
      this.#starting--;
      const started = host;
      started.onDown((error) => this.#lost(started, error));
    } catch (error) {
      host?.terminate();
      if (generation !== this.#generation) return;
      this.#opening = undefined;
      this.#starting--;
      // A failed start is told to those who wait; the next request tries again, within the budget.
      const failure = toAgentError(error, 'ERR_ENGINE', `the ${this.label} engine could not be started`);
      this.#lastError = failure;
      this.#tell(failure);
      for (const waiter of this.#waiting.splice(0)) waiter.reject(failure);
      return;
    }
    for (const waiter of this.#waiting.splice(0)) waiter.resolve();
    this.#fill();
  }

  #lost(host: EngineHost, error: AgentError): void {
    this.#hosts = this.#hosts.filter((other) => other !== host);
    this.#lastError = error;
    this.#tell(error);
    this.#fill();
  }

  #closed(): AgentError {
    return new AgentError('ERR_CLOSED', `the ${this.label} engines were stopped`);
  }

  #tell(error: AgentError): void {
    for (const listener of this.#listeners) {
      try {
        listener({ label: this.label, error });
      } catch {
        // A listener is a courtesy; the pool heals whether or not it throws.
      }
    }
  }
}
