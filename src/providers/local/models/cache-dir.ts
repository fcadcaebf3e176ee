// Where models are kept on this machine.
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * `LIVEKITEX_AGENT_CACHE` when set, else the cache folder of the platform: `XDG_CACHE_HOME` or `~/.cache`,
 * `~/Library/Caches` on macOS, `LOCALAPPDATA` on Windows; in it `livekitex-agent`.
 */
export function defaultCacheDir(env: NodeJS.ProcessEnv = process.env, platform: string = process.platform): string {
  const own = env.LIVEKITEX_AGENT_CACHE;
  if (own) return own;
  const base =
    platform === 'win32'
      ? (env.LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'))
      : platform === 'darwin'
        ? join(homedir(), 'Library', 'Caches')
        : env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(base, 'livekitex-agent');
}
