// One writer of a model at a time, also between processes: a lock file that its owner keeps touching.
import { mkdir, open, rm, stat, utimes } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Clock, sleep } from '../../../clock.ts';

/** An owner touches its lock this often; one that was not touched for much longer belongs to a dead process. */
const TOUCH_MS = 2000;
const STALE_MS = 15_000;
const POLL_MS = 100;

/** Runs `work` while holding the lock at `path`; waits for another owner as long as that one lives. */
export async function withFileLock<T>(
  path: string,
  clock: Clock,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  while (!(await acquire(path))) {
    await removeStale(path, clock);
    signal?.throwIfAborted();
    await sleep(clock, POLL_MS, signal);
  }
  let timer: unknown;
  const touch = () => {
    const now = clock.wallNow() / 1000;
    utimes(path, now, now).catch(() => undefined);
    timer = clock.setTimeout(touch, TOUCH_MS);
  };
  touch();
  try {
    return await work();
  } finally {
    clock.clearTimeout(timer);
    await rm(path, { force: true });
  }
}

async function acquire(path: string): Promise<boolean> {
  try {
    await (await open(path, 'wx')).close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false; // fs rejects with errno errors
    throw error;
  }
}

async function removeStale(path: string, clock: Clock): Promise<void> {
  const touchedAtMs = await stat(path).then(
    (info) => info.mtimeMs,
    () => undefined,
  );
  if (touchedAtMs !== undefined && clock.wallNow() - touchedAtMs > STALE_MS) await rm(path, { force: true });
}
