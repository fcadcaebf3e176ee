// How many hosts there are: enough empty ones for the calls to come, forked when no call is in a hurry, and after failures later and later.
import type { Clock } from '../../clock.ts';
import type { HostLimits, PooledHost } from './pooled-host.ts';

export interface HostSupplyOptions {
  readonly clock: Clock;
  readonly limits: HostLimits;
  /** Jobs of the worker; with `sessionsPerHost` they limit the number of hosts. */
  readonly maxJobs: number;
  /** Those that take jobs, or will when they are ready. */
  hosts(): readonly PooledHost[];
  /** Jobs that came when no host was ready for them. */
  waiting(): number;
  /** Starts one more; false when that is not possible. */
  fork(): boolean;
}

/** From a job to its agent in the room, on a machine that has other things to do. */
const BEGINNING_MS = 1_500;
/** A caller may wait this long for a host that is not prewarmed; where hosts take longer, another worker is the better choice. */
const MAX_WAIT_MS = 3_000;
const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 30_000;

export class HostSupply {
  readonly #options: HostSupplyOptions;
  readonly #maxHosts: number;
  readonly #jobsOfNew: number;
  #failedStarts = 0;
  /** What the last host took to get ready. */
  #startMs = 0;
  #backoff: unknown;
  #spareTimer: unknown;
  /** When a host was last given a job. */
  #gaveAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: HostSupplyOptions) {
    this.#options = options;
    const { sessionsPerHost, recycleAfterJobs, spares } = options.limits;
    this.#maxHosts = Math.max(1, Math.ceil(options.maxJobs / sessionsPerHost)) + spares;
    this.#jobsOfNew = Math.min(sessionsPerHost, recycleAfterJobs);
  }

  /** Hosts that are still starting count, and those that may be forked, as long as hosts start soon enough to be waited for. */
  freeSlots(): number {
    const { hosts, waiting } = this.#options;
    const serving = hosts();
    const free = (some: readonly PooledHost[]) => some.reduce((sum, { room }) => sum + room, 0);
    if (this.#failedStarts > 0 || this.#startMs > MAX_WAIT_MS) return free(serving.filter(({ isReady }) => isReady));
    const unforked = Math.max(0, this.#maxHosts - serving.length) * this.#jobsOfNew;
    return Math.max(0, free(serving) + unforked - waiting());
  }

  /** Forks until there are enough empty hosts, those not counted that the waiting jobs will fill. */
  fill(): void {
    if (this.#backoff !== undefined || this.#isBeginning()) return;
    const { limits, hosts, waiting, fork } = this.#options;
    const wanted = limits.spares + Math.ceil(waiting() / this.#jobsOfNew);
    const isShort = () => hosts().filter(({ jobs }) => jobs.size === 0).length < wanted;
    while (isShort() && hosts().length < this.#maxHosts && fork());
  }

  /** A host was given a job. */
  gave(): void {
    this.#gaveAtMs = this.#options.clock.now();
  }

  /** A host is ready, so long after it was forked. */
  started(startMs: number): void {
    this.#failedStarts = 0;
    this.#startMs = startMs;
  }

  /** A host could not start: the next one is forked later. */
  failed(): void {
    const { clock } = this.#options;
    const delayMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** this.#failedStarts++);
    clock.clearTimeout(this.#backoff);
    this.#backoff = clock.setTimeout(() => {
      this.#backoff = undefined;
      this.fill();
    }, delayMs);
  }

  /** Forks nothing by itself any more, until it is told to fill. */
  stop(): void {
    const { clock } = this.#options;
    clock.clearTimeout(this.#backoff);
    clock.clearTimeout(this.#spareTimer);
    this.#backoff = undefined;
    this.#spareTimer = undefined;
  }

  /** A call that begins has the processor before the next spare does, as long as there is room for more calls. */
  #isBeginning(): boolean {
    const { clock, limits, hosts, waiting } = this.#options;
    const room = hosts().reduce((sum, host) => sum + (host.isReady ? host.room : 0), 0);
    const restMs = this.#gaveAtMs + BEGINNING_MS - clock.now();
    if (waiting() > 0 || room <= limits.sessionsPerHost / 2 || restMs <= 0) return false;
    this.#spareTimer ??= clock.setTimeout(() => {
      this.#spareTimer = undefined;
      this.fill();
    }, restMs);
    return true;
  }
}
