import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { defaultCacheDir } from '../../../../src/providers/local/models/cache-dir.ts';
import { sherpaTokens } from '../../../../src/providers/local/models/sherpa-tokens.ts';
import { readTgz } from '../../../../src/providers/local/models/tar.ts';
import { tarOf } from './tiny-registry.ts';

describe('reading a tarball', () => {
  const tar = tarOf({ 'package/a': 'one', 'package/b': 'x'.repeat(1000) });

  it('gives the files asked for and only those', async () => {
    const files = await readTgz(gzipSync(tar), ['package/b']);
    expect([...files.keys()]).toEqual(['package/b']);
    expect(files.get('package/b')?.toString()).toBe('x'.repeat(1000));
  });

  it.each([
    ['is not gzip', Buffer.from('no gzip')],
    ['is cut off in the gzip stream', gzipSync(tar).subarray(0, 40)],
    ['is cut off inside a file', gzipSync(tar.subarray(0, 1600))],
    ['lacks the file', gzipSync(tarOf({ 'package/a': 'one' }))],
    ['has a broken size', gzipSync(Buffer.concat([Buffer.alloc(512, 'z'), tar]))],
  ])('that %s is ERR_MODEL_CORRUPT', async (_, bytes) => {
    await expect(readTgz(bytes, ['package/b'])).rejects.toMatchObject({ code: 'ERR_MODEL_CORRUPT' });
  });
});

describe('the token table', () => {
  it('turns byte pieces into bytes and the space mark into a space', () => {
    const vocabulary = Buffer.from('<unk>\n<0x41>\n\u2581the').toString('base64');
    const lines = sherpaTokens(`const llama_vocab_base64 = "${vocabulary}"`).toString();
    const pieces = lines
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' '));
    expect(pieces.map(([piece, id]) => [Buffer.from(piece ?? '', 'base64').toString(), id])).toEqual([
      ['<unk>', '0'],
      ['A', '1'],
      [' the', '2'],
    ]);
  });

  it('without a vocabulary is ERR_MODEL_CORRUPT', () => {
    expect(() => sherpaTokens('export {}')).toThrow(expect.objectContaining({ code: 'ERR_MODEL_CORRUPT' }));
  });
});

it('the cache folder follows the platform, and one variable moves it', () => {
  expect(defaultCacheDir({ LIVEKITEX_AGENT_CACHE: '/models' }, 'linux')).toBe('/models');
  expect(defaultCacheDir({ XDG_CACHE_HOME: '/c' }, 'linux')).toBe('/c/livekitex-agent');
  expect(defaultCacheDir({}, 'linux')).toMatch(/\.cache\/livekitex-agent$/);
  expect(defaultCacheDir({}, 'darwin')).toMatch(/Library\/Caches\/livekitex-agent$/);
});
