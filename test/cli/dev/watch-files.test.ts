import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { watchFiles } from '../../../src/cli/dev/watch-files.ts';
import { realClock } from '../../../src/clock.ts';
import { VirtualClock } from '../../../src/testing/virtual-clock.ts';
import { eventually } from '../../eventually.ts';

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'watch-'));
  file = join(folder, 'agent.ts');
  writeFileSync(file, 'one');
});
afterEach(() => rmSync(folder, { recursive: true }));

test('a file that is written, and one that is replaced, is told; its neighbours are not', async () => {
  const changed: string[] = [];
  const watcher = watchFiles({ files: new Set([file]), clock: realClock, onChange: (path) => changed.push(path) });
  try {
    writeFileSync(join(folder, 'agent.log'), 'a line');
    writeFileSync(file, 'one and two');
    await eventually(() => expect(changed).toEqual([file]));
    writeFileSync(join(folder, 'new'), 'something of another length');
    renameSync(join(folder, 'new'), file);
    await eventually(() => expect(changed).toEqual([file, file]));
  } finally {
    watcher.close();
  }
});

test('where nothing tells by itself the files are asked, and a burst is told once', async () => {
  const clock = new VirtualClock();
  const [missing, other] = [join(folder, 'is', 'not', 'there.ts'), join(folder, 'other.ts')];
  mkdirSync(join(folder, 'is'));
  const changed: string[] = [];
  const watcher = watchFiles({ files: new Set([file, missing, other]), clock, onChange: (path) => changed.push(path) });
  rmSync(file);
  await clock.advance(1_000);
  expect(changed).toEqual([]);
  writeFileSync(file, 'it is back');
  writeFileSync(other, 'it is new');
  await clock.advance(1_000);
  expect(changed).toEqual([file]);
  // A folder that is not there cannot be watched.
  mkdirSync(join(folder, 'is', 'not'));
  writeFileSync(missing, 'here it is');
  await clock.advance(1_000);
  expect(changed).toEqual([file, missing]);
  watcher.close();
  expect(clock.pendingTimers).toBe(0);
});

test('a watcher that is closed by what it tells asks nothing any more', async () => {
  const clock = new VirtualClock();
  // In a folder that cannot be watched: it is the question of each second that finds it.
  const missing = join(folder, 'not', 'there.ts');
  let told = 0;
  const watcher = watchFiles({
    files: new Set([missing]),
    clock,
    onChange: () => {
      told++;
      watcher.close();
    },
  });
  mkdirSync(join(folder, 'not'));
  writeFileSync(missing, 'one');
  await clock.advance(1_000);
  writeFileSync(missing, 'one and two');
  await clock.advance(5_000);
  expect([told, clock.pendingTimers]).toEqual([1, 0]);
});
