// What only the user's npm knows: the registry to ask, and how to fetch through proxies and logins.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Used when npm itself cannot be asked. */
const PUBLIC_REGISTRY = 'https://registry.npmjs.org';

/**
 * The registry npm would use for this package, without a trailing slash. Honours .npmrc files, environment and scopes.
 * @returns the public registry when npm is not there
 */
export async function registryFor(packageName: string): Promise<string> {
  const scope = packageName.startsWith('@') ? packageName.split('/')[0] : undefined;
  for (const key of scope === undefined ? ['registry'] : [`${scope}:registry`, 'registry']) {
    const value = await npm(['config', 'get', key]).catch(() => '');
    const url = value.trim();
    if (/^https?:\/\//.test(url)) return url.replace(/\/+$/, '');
  }
  return PUBLIC_REGISTRY;
}

/** Fetches a tarball with `npm pack`, which knows proxies, certificates and logins. Resolves to the file's path. */
export async function packWithNpm(
  name: string,
  version: string,
  intoDir: string,
  signal?: AbortSignal,
): Promise<string> {
  const args = [
    'pack',
    `${name}@${version}`,
    '--json',
    '--ignore-scripts',
    '--fetch-retries=1',
    '--pack-destination',
    intoDir,
  ];
  const output = await npm(args, signal);
  const filename = /"filename":\s*"([^"]+)"/.exec(output)?.[1];
  if (filename === undefined) throw new Error('npm pack did not name a file');
  return join(intoDir, filename.replace(/^@/, '').replace('/', '-'));
}

async function npm(args: readonly string[], signal?: AbortSignal): Promise<string> {
  // Inside an npm script npm says where it is; that also avoids the shell that npm.cmd needs on Windows.
  const script = process.env.npm_execpath;
  const known = script?.endsWith('npm-cli.js') === true;
  const shell = !known && process.platform === 'win32';
  const { stdout } = await promisify(execFile)(
    known ? process.execPath : 'npm',
    known ? [script, ...args] : [...args],
    {
      encoding: 'utf8',
      shell,
      windowsHide: true,
      maxBuffer: 16 * 1024 * 1024,
      ...(signal === undefined ? {} : { signal }),
    },
  );
  return stdout;
}
