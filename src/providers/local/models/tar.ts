// Reads named files out of a .tgz as npm makes it (ustar with pax headers, no sparse files).
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { AgentError } from '../../../errors.ts';

const BLOCK_BYTES = 512;
/** The largest tarball here unpacks to 33 MB; a gzip bomb stops well before memory does. */
const MAX_UNPACKED_BYTES = 256 * 1024 * 1024;

/**
 * The files with these paths. Nothing is written, so no path of the archive can point anywhere.
 * @throws AgentError `ERR_MODEL_CORRUPT` when it is no such archive or a file is missing
 */
export async function readTgz(bytes: Uint8Array, paths: readonly string[]): Promise<Map<string, Buffer>> {
  let tar: Buffer;
  try {
    tar = await promisify(gunzip)(bytes, { maxOutputLength: MAX_UNPACKED_BYTES });
  } catch (cause) {
    throw new AgentError('ERR_MODEL_CORRUPT', 'a model tarball cannot be unpacked', { cause });
  }
  const wanted = new Set(paths);
  const found = new Map<string, Buffer>();
  let longPath: string | undefined;
  for (let at = 0; at + BLOCK_BYTES <= tar.length; ) {
    const header = tar.subarray(at, at + BLOCK_BYTES);
    if (header[0] === 0) break; // two empty blocks end the archive
    const size = Number.parseInt(text(header, 124, 12).trim(), 8);
    const start = at + BLOCK_BYTES;
    if (!Number.isFinite(size) || size < 0 || start + size > tar.length)
      throw new AgentError('ERR_MODEL_CORRUPT', 'a model tarball is cut off');
    const body = tar.subarray(start, start + size);
    const type = text(header, 156, 1);
    if (type === 'x') longPath = /\d+ path=([^\n]*)\n/.exec(body.toString('utf8'))?.[1];
    else {
      const prefix = text(header, 345, 155);
      const path = longPath ?? (prefix === '' ? '' : `${prefix}/`) + text(header, 0, 100);
      longPath = undefined;
      if (wanted.has(path) && (type === '0' || type === '')) found.set(path, body);
    }
    at = start + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
  }
  for (const path of paths)
    if (!found.has(path)) throw new AgentError('ERR_MODEL_CORRUPT', 'a model tarball lacks a file', { field: path });
  return found;
}

function text(header: Buffer, start: number, length: number): string {
  const field = header.subarray(start, start + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? length : end);
}
