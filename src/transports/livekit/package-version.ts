// The version of this package, for peers that ask what they talk to.
import { readFile } from 'node:fs/promises';

/** Empty when the package is bundled and has no file of its own any more. */
export async function packageVersion(): Promise<string> {
  try {
    // Three folders above, from the sources and from dist alike.
    const text = await readFile(new URL('../../../package.json', import.meta.url), 'utf8');
    return String((JSON.parse(text) as { version?: unknown }).version); // own file
  } catch {
    return '';
  }
}
