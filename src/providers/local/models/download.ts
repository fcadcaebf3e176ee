// Streams one file to disk with resume, and verifies its checksum on the way.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import type { Clock } from '../../../clock.ts';
import { AgentError } from '../../../errors.ts';

export interface DownloadOptions {
  readonly url: string;
  /** Where the bytes go; what is already there from an interrupted download is kept and continued. */
  readonly path: string;
  /** `sha512-...` */
  readonly integrity: string;
  readonly bytes: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  onBytes(receivedBytes: number): void;
}

/** No byte for this long means the connection is dead. Slow links send something within seconds. */
const STALL_MS = 30_000;

/**
 * @throws AgentError `ERR_MODEL_CORRUPT` when the bytes are not the pinned ones (the file is removed), and anything
 *   the network throws, with the part that came kept for the next try
 */
export async function download(options: DownloadOptions): Promise<void> {
  const { path, integrity, bytes } = options;
  const hash = createHash('sha512');
  let received = await hashExisting(path, hash);
  if (received < bytes) received = await fetchRest(options, received, hash);
  if (received === bytes && `sha512-${hash.digest('base64')}` === integrity) return;
  await rm(path, { force: true });
  throw new AgentError('ERR_MODEL_CORRUPT', 'a downloaded model tarball is not the pinned one', {
    field: options.url,
    rule: `must be ${bytes} bytes with ${integrity}`,
    fix: `Got ${received} bytes; a proxy or mirror may have changed it`,
  });
}

async function fetchRest(options: DownloadOptions, from: number, hash: ReturnType<typeof createHash>): Promise<number> {
  const { url, path, clock, signal, bytes } = options;
  const stalled = new AbortController();
  let timer = clock.setTimeout(() => stalled.abort(), STALL_MS);
  const file = await open(path, 'a');
  try {
    const both = signal === undefined ? stalled.signal : AbortSignal.any([signal, stalled.signal]);
    const headers = from > 0 ? { range: `bytes=${from}-` } : undefined;
    const response = await fetch(url, { signal: both, ...(headers === undefined ? {} : { headers }) });
    if (!response.ok || response.body === null) throw new Error(`${url} answered ${response.status}`);
    // A server that ignores the range sends everything again; its first `from` bytes are already on disk and hashed.
    let skip = response.status === 206 ? 0 : from;
    let received = from;
    for await (const chunk of response.body) {
      clock.clearTimeout(timer);
      timer = clock.setTimeout(() => stalled.abort(), STALL_MS);
      const part = chunk.subarray(Math.min(skip, chunk.length));
      skip -= chunk.length - part.length;
      received += part.length;
      if (received > bytes) return received; // longer than pinned: wrong whatever follows
      hash.update(part);
      await file.write(part);
      options.onBytes(received);
    }
    if (received < bytes) throw new Error(`${url} ended after ${received} of ${bytes} bytes`);
    return received;
  } finally {
    clock.clearTimeout(timer);
    await file.close();
  }
}

async function hashExisting(path: string, hash: ReturnType<typeof createHash>): Promise<number> {
  const size = await stat(path).then(
    (info) => info.size,
    () => 0,
  );
  if (size > 0) for await (const chunk of createReadStream(path)) hash.update(chunk);
  return size;
}
