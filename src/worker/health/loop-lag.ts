// How late the event loop of this process is: the one number that shows that a process does too much.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from '../../clock.ts';
import type { LagReading } from '../runner.ts';

/** Each sample wakes the process: every 10 ms cost 0.5 % of a core in every worker and host, every 50 ms a quarter of that. */
export const RESOLUTION_MS = 50;

export class LoopLag {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  start(): void {
    this.#histogram.enable();
  }

  stop(): void {
    this.#histogram.disable();
  }

  /** Since the last reset. What the sampling itself waits is taken off. */
  read(): LagReading {
    const { count } = this.#histogram;
    const ms = (nanos: number) => (count === 0 ? 0 : Math.max(0, Math.round(nanos / 1e4) / 100 - RESOLUTION_MS));
    return {
      p50Ms: ms(this.#histogram.percentile(50)),
      p99Ms: ms(this.#histogram.percentile(99)),
      maxMs: ms(this.#histogram.max),
    };
  }

  reset(): void {
    this.#histogram.reset();
  }
}

/** Probes come every few seconds: each stall is in the answer to one of them, and gone when it no longer matters. */
const WINDOW_MS = 10_000;

/** The lag of the last full 10 s; before there is one, since the start. */
export class RecentLag {
  readonly #clock: Clock;
  readonly #lag: Pick<LoopLag, 'start' | 'stop' | 'read' | 'reset'>;
  #last: LagReading | null = null;
  #timer: unknown;

  constructor(clock: Clock, lag: Pick<LoopLag, 'start' | 'stop' | 'read' | 'reset'> = new LoopLag()) {
    this.#clock = clock;
    this.#lag = lag;
  }

  start(): void {
    this.#lag.start();
    this.#turnOver();
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#lag.stop();
  }

  read(): LagReading {
    return this.#last ?? this.#lag.read();
  }

  #turnOver(): void {
    this.#timer = this.#clock.setTimeout(() => {
      this.#last = this.#lag.read();
      this.#lag.reset();
      this.#turnOver();
    }, WINDOW_MS);
  }
}
