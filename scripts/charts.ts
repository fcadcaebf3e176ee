// Writes docs/charts/*.mmd, one drawing per chart; the suite compares them with the charts.
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { drawings } from './chart-drawings.ts';

const folder = new URL('../docs/charts/', import.meta.url);
await mkdir(folder, { recursive: true });
const wanted = drawings();
for (const file of await readdir(folder)) {
  if (file.endsWith('.mmd') && !wanted.has(file)) await rm(new URL(file, folder));
}
for (const [file, text] of wanted) await writeFile(new URL(file, folder), text);
console.log(`${wanted.size} charts written to docs/charts`);
