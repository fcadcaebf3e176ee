// What a conformance suite is made of: named rules that run anywhere, and the little they need to judge.
import { type Clock, realClock, sleep } from '../../clock.ts';

/** One promise of a contract. `run` rejects with the reason when the implementation breaks it. */
export interface ConformanceRule {
  readonly rule: string;
  run(): Promise<void>;
}

export interface ConformanceOptions {
  /** Handed to the implementation. Default: the process clock. */
  readonly clock?: Clock;
  /** Gives the implementation time to work, and may move a virtual clock. Default: 25 ms of the process clock. */
  readonly settle?: () => Promise<void>;
  /** Most calls of `settle` spent on one expectation. Default 400, at least 1. */
  readonly maxSettles?: number;
}

export type Setting = Required<ConformanceOptions>;

export function settingOf(options: ConformanceOptions): Setting {
  const clock = options.clock ?? realClock;
  return {
    clock,
    settle: options.settle ?? (() => sleep(realClock, 25)),
    maxSettles: Math.max(1, options.maxSettles ?? 400),
  };
}

/** Waits until `isTrue`, or fails with `otherwise` when the patience of the setting is used up. */
export async function until(setting: Setting, isTrue: () => boolean, otherwise: string): Promise<void> {
  for (let i = 0; i < setting.maxSettles; i++) {
    if (isTrue()) return;
    await setting.settle();
  }
  must(isTrue(), otherwise);
}

/** @throws Error with `reason` when `truth` is false */
export function must(truth: boolean, reason: string): asserts truth {
  if (!truth) throw new Error(reason);
}

/** Text that real callers send by accident or on purpose; no adapter may break on it. */
export const HOSTILE_TEXTS: readonly string[] = [
  '',
  ' \n\t ',
  '\ud800',
  'half a pair \udc00 in the middle',
  '\u0000\u0007\u001b[31mred\u001b[0m',
  '😀👩‍👩‍👧‍👦🇫🇷',
  '** _ ` # > | ~~ [](()) <b></b> ```',
  'https://example.com/a?b=c#d www.example.com a@b.cd',
  '世界您好。こんにちは！',
  'مرحبا بالعالم',
  '%s %n %d $(reboot) `ls` -- -o /etc/passwd',
  '1e309 NaN -0 0x1F 999999999999999999999',
  'a'.repeat(3000),
  '. '.repeat(500),
];
