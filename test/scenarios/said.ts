// The history of a call as lines to compare.
import type { TestCall } from '../../src/testing/index.ts';

/** Who said what, and what else there is by its type. */
export function said({ session }: Pick<TestCall, 'session'>): readonly string[] {
  return session.history.map((item) => ('text' in item ? `${item.type}: ${item.text}` : item.type));
}
