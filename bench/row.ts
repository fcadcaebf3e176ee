// One line of the bench's table, and the percentiles that fill it.

export interface Figures {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

export interface BenchRow {
  readonly name: string;
  readonly unit: 'ms' | 'us' | 'MB' | 'KB' | '%' | 'x' | 'count';
  /** A distribution, or one value. */
  readonly measured: Partial<Figures> & { readonly value?: number };
  /** Upper limits of the same figures; absent where none is set. */
  readonly target?: Partial<Figures> & { readonly value?: number };
  /** The same work without the runtime, measured in the same process. */
  readonly floor?: Partial<Figures> & { readonly value?: number };
  readonly note?: string;
}

/** Nearest-rank percentiles. NaN when nothing was measured, which is never a met target. */
export function figuresOf(values: readonly number[]): Figures {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

/** True when every figure that has a limit was measured and is within it; null without a target. */
export function isMet({ measured, target }: BenchRow): boolean | null {
  if (target === undefined) return null;
  return (['p50', 'p95', 'p99', 'value'] as const).every((key) => {
    const limit = target[key];
    return limit === undefined || (measured[key] ?? Number.NaN) <= limit;
  });
}
