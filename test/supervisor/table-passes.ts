// Counts how often a table of children is gone through as a whole: work that must not be done for each child.
import { vi } from 'vitest';
import { ChildTable } from '../../src/supervisor/child-table.ts';

export async function tablePasses(run: () => Promise<void>): Promise<number> {
  const wholes = (['list', 'listFrom', 'values', 'byFormerActor', 'replaceSpecs'] as const).map((name) =>
    vi.spyOn(ChildTable.prototype, name),
  );
  try {
    await run();
    return wholes.reduce((sum, { mock }) => sum + mock.calls.length, 0);
  } finally {
    for (const whole of wholes) whole.mockRestore();
  }
}
