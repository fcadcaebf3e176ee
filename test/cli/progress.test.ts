import { expect, test } from 'vitest';
import { progressWriter } from '../../src/cli/progress.ts';

const at = (receivedBytes: number, tarball = 'a@1') => ({ model: 'm', tarball, receivedBytes, totalBytes: 1_000_000 });

function written(isTTY: boolean, steps: readonly ReturnType<typeof at>[]): string {
  let text = '';
  const writer = progressWriter({ isTTY, columns: 80, write: (chunk: string) => (text += chunk) });
  for (const step of steps) writer.show(step);
  writer.end();
  return text;
}

test('a terminal sees one line for a file, written over', () => {
  const text = written(true, [at(0), at(300_000), at(1_000_000), at(0, 'b@2')]);
  expect(text.split('\n').length).toBe(3);
  expect(text.split('\r').length).toBe(5);
});

test('elsewhere a file takes five lines at most, however many pieces it comes in', () => {
  const pieces = Array.from({ length: 1_001 }, (_, i) => at(i * 1_000));
  const lines = written(false, pieces).trimEnd().split('\n');
  expect(lines.length).toBe(5);
  expect(lines.at(-1)).toContain('1.0 of 1.0 MB');
});
