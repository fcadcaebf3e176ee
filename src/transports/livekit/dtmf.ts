// The tones of a telephone keypad as LiveKit numbers them.

const DIGITS = '0123456789*#ABCD';

/** Undefined: no key of a telephone. */
export function digitOf(code: number): string | undefined {
  return Number.isInteger(code) && code >= 0 ? DIGITS[code] : undefined;
}

/** Undefined: no key of a telephone. */
export function codeOf(digit: string): number | undefined {
  const code = digit.length === 1 ? DIGITS.indexOf(digit) : -1;
  return code < 0 ? undefined : code;
}
