// Progress of a download on stderr: one line that is written over on a terminal, a few plain lines elsewhere.
import { type PullProgress, progressLine } from '../providers/local/models/model-cache.ts';
import type { Writable } from './terminal-io.ts';

/** Without a terminal a line is written at each of these parts of a file. */
const STEPS = [0, 0.25, 0.5, 0.75, 1];

export interface ProgressWriter {
  show(progress: PullProgress): void;
  /** Ends the line that is being written over. */
  end(): void;
}

export function progressWriter(stderr: Writable): ProgressWriter {
  let length = 0;
  let tarball = '';
  let step = 0;
  const end = () => {
    if (length > 0) stderr.write('\n');
    length = 0;
  };
  return {
    show(progress) {
      if (progress.tarball !== tarball) {
        end();
        tarball = progress.tarball;
        step = 0;
      }
      const line = progressLine(progress);
      if (stderr.isTTY === true) {
        const shown = line.slice(0, Math.max(20, (stderr.columns ?? 80) - 1));
        stderr.write(`\r${shown.padEnd(length)}`);
        length = shown.length;
        return;
      }
      const part = progress.receivedBytes / Math.max(1, progress.totalBytes);
      if (part < (STEPS[step] ?? Number.POSITIVE_INFINITY)) return;
      while (part >= (STEPS[step] ?? Number.POSITIVE_INFINITY)) step++;
      stderr.write(`${line}\n`);
    },
    end,
  };
}
