// The files of a program: its entry and what it imports by relative paths, as far as the text of the files shows.
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** `from './x.ts'`, `import './x.ts'`, `import('./x.ts')`, `require('./x.js')`; packages are none of our business. */
const SPECIFIER = /(?:\bfrom|\bimport|\brequire)\s*\(?\s*['"](\.{1,2}\/[^'"\n]+)['"]/g;

/** Absolute paths. What does not exist yet is listed too: its coming is a change. */
export function importedFiles(entry: string, read: (path: string) => string = readText): ReadonlySet<string> {
  const found = new Set<string>();
  const open = [resolve(entry)];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (found.has(path)) continue;
    found.add(path);
    let text: string;
    try {
      text = read(path);
    } catch {
      continue;
    }
    for (const [, specifier = ''] of text.matchAll(SPECIFIER)) {
      open.push(resolve(dirname(path), specifier.replace(/[?#].*$/, '')));
    }
  }
  return found;
}

function readText(path: string): string {
  return readFileSync(path, 'utf8');
}
