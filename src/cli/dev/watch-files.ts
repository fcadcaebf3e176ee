// Tells that one of some files has changed, once for a burst of changes; asks again and again where nothing tells by itself.
import { type FSWatcher, statSync, watch } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '../../clock.ts';

export interface WatchOptions {
  readonly files: ReadonlySet<string>;
  readonly clock: Clock;
  /** With the first of the files that have changed. */
  onChange(path: string): void;
}

export type WatchFiles = (options: WatchOptions) => { close(): void };

/** Editors write a file in several steps. */
const DEBOUNCE_MS = 100;
/** Network folders and some containers report nothing. */
const POLL_MS = 1_000;

/** Watches folders, as most editors replace a file instead of writing to it. */
export const watchFiles: WatchFiles = ({ files, clock, onChange }) => {
  const seen = new Map([...files].map((path) => [path, stateOf(path)]));
  const watchers: FSWatcher[] = [];
  let debounce: unknown;
  let poll: unknown;
  let isClosed = false;
  const look = () => {
    const changed: string[] = [];
    for (const [path, before] of seen) {
      const now = stateOf(path);
      // A file that is being replaced is away for a moment.
      if (now === before || now === GONE) continue;
      seen.set(path, now);
      changed.push(path);
    }
    if (changed[0] !== undefined) onChange(changed[0]);
  };
  const soon = () => {
    clock.clearTimeout(debounce);
    debounce = clock.setTimeout(look, DEBOUNCE_MS);
  };
  const again = () => {
    poll = clock.setTimeout(() => {
      look();
      // Who is told may have closed this.
      if (!isClosed) again();
    }, POLL_MS);
  };
  for (const folder of new Set([...files].map((path) => dirname(path)))) {
    try {
      const watcher = watch(folder, soon);
      watcher.on('error', () => watcher.close());
      watchers.push(watcher);
    } catch {
      // The poll below sees it a little later.
    }
  }
  again();
  return {
    close: () => {
      isClosed = true;
      for (const watcher of watchers) watcher.close();
      clock.clearTimeout(debounce);
      clock.clearTimeout(poll);
    },
  };
};

const GONE = 'gone';

function stateOf(path: string): string {
  try {
    const { mtimeMs, size } = statSync(path);
    return `${mtimeMs} ${size}`;
  } catch {
    return GONE;
  }
}
