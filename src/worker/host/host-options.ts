// How many calls a host process carries, and when it is replaced.
import { fieldsOf, wholeNumberFrom } from '../../options.ts';

export interface HostOptions {
  /** Jobs in one host at the same time. Default 10, which is what the room library carries well; 1 to 100. */
  readonly sessionsPerHost?: number;
  /** Hosts that wait prewarmed and empty. Default 1, 1 to 32. */
  readonly spares?: number;
  /** Jobs after which a host is replaced (native libraries leak). Default 200, at least 1. */
  readonly recycleAfterJobs?: number;
  /** Memory of a host in megabytes that is worth a line in the log. Default 1 000, at least 1. */
  readonly memoryWarningMb?: number;
  /** Memory of a host in megabytes at which it takes no more jobs and is replaced after its last. Default 2 000, at least 1. */
  readonly memoryLimitMb?: number;
}

const whole = (fallback: number, max = Number.MAX_SAFE_INTEGER) => {
  const bound = max === Number.MAX_SAFE_INTEGER ? '>= 1' : `from 1 to ${max}`;
  return wholeNumberFrom(1, max, `must be a whole number ${bound}`).default(fallback);
};

export const hostOptions = fieldsOf<HostOptions>()({
  sessionsPerHost: whole(10, 100),
  spares: whole(1, 32),
  recycleAfterJobs: whole(200),
  memoryWarningMb: whole(1_000),
  memoryLimitMb: whole(2_000),
});
