// Writes the public declarations of every entry point to docs/api/, so that a change of the surface shows up in review.
// What they refer to without exporting it (the schema behind an options type) comes after them, since it is surface too.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from './build.ts';

const ROOT = resolve(import.meta.dirname, '..');
const REPORT_FOLDER = join(ROOT, 'docs/api');

// tsc writes one top-level statement after another, each beginning at the left margin with one of these words.
const STATEMENT = /^(?=(?:export|declare|import|interface|type|class|abstract|const|function)\b)/m;
const NAMED_EXPORT = /^export (type )?\{([^}]*)\}(?: from '([^']+)')?;/;
const NAMED_IMPORT = /^import (?:type )?\{([^}]*)\} from '([^']+)';/;
const STAR_EXPORT = /^export \*(?: as (\w+))? from '([^']+)';/;
const DECLARED = /^(?:export )?(?:declare )?(?:abstract )?(?:class|function|const|let|interface|type) (\w+)/;

/** Report text per file name (`index.txt`, `supervisor.txt`, ...), made from freshly emitted declarations. */
export function apiReports(): Map<string, string> {
  const folder = mkdtempSync(join(tmpdir(), 'livekitex-api-'));
  try {
    build(folder, { declarationsOnly: true });
    // An entry without declarations is left out here; the smoke test is what fails for it.
    const entries = entryPoints().filter(({ types }) => existsSync(join(folder, types)));
    const surfaces = entries.map(({ name, types }) => ({ name, exported: exportedBy(join(folder, types)) }));
    const named = new Set(surfaces.flatMap(({ exported }) => [...exported.values()].map(idOf)));
    return new Map(surfaces.map(({ name, exported }) => [`${name}.txt`, report(exported, named)]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The reports as committed. */
export function committedReports(): Map<string, string> {
  if (!existsSync(REPORT_FOLDER)) return new Map();
  return new Map(readdirSync(REPORT_FOLDER).map((name) => [name, readFileSync(join(REPORT_FOLDER, name), 'utf8')]));
}

function entryPoints(): { name: string; types: string }[] {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    exports: Record<string, string | { types: string }>; // own file
  };
  return Object.entries(exports).flatMap(([path, target]) =>
    typeof target === 'string'
      ? []
      : [{ name: path === '.' ? 'index' : path.slice(2).replaceAll('/', '-'), types: relative('dist', target.types) }],
  );
}

interface Declaration {
  /** Where it stands; null: in another package, whose declarations are not ours to report. */
  readonly file: string | null;
  /** What it is called there. */
  readonly local: string;
  readonly text: string;
}

/** By the name that it is reported under. */
type Found = Map<string, Declaration>;

function exportedBy(entry: string): Found {
  const exported: Found = new Map();
  collect(entry, null, exported);
  return exported;
}

function report(exported: Found, named: ReadonlySet<string>): string {
  const reached = reachedFrom(exported, named);
  const textsOf = (found: Found) => [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, { text }]) => text);
  const rest = reached.size === 0 ? [] : ['// Not exported, but named by what is:', ...textsOf(reached)];
  return `${[...textsOf(exported), ...rest].join('\n\n')}\n`;
}

/** Declarations of this package that the exported ones name, or that those name, and that no entry point exports. */
function reachedFrom(exported: Found, named: ReadonlySet<string>): Found {
  const reached: Found = new Map();
  const seen = new Set(named);
  const queue = [...exported.values()];
  for (const declaration of queue) {
    if (declaration.file === null) continue;
    for (const next of namedBy(declaration.file, declaration.text)) {
      if (seen.has(idOf(next))) continue;
      seen.add(idOf(next));
      queue.push(next);
      reached.set(`${next.local} ${seen.size}`, next);
    }
  }
  return reached;
}

const idOf = ({ file, local }: Declaration) => `${file}#${local}`;

/** The declarations of this package that `text`, which stands in `file`, names. */
function namedBy(file: string, text: string): Declaration[] {
  const named = new Set(text.replace(/'[^'\n]*'/g, '').match(/(?<![.\w$#])[A-Za-z_$][\w$]*(?!\??:)/g));
  const found: Found = new Map();
  for (const statement of statementsOf(file)) {
    const [, list = '', from = ''] = NAMED_IMPORT.exec(statement) ?? [];
    const imported = exportedNames(list).filter(([, as]) => named.has(as));
    if (from.startsWith('.') && imported.length > 0) follow(file, from, new Map(imported), statement, found);
    const local = DECLARED.exec(statement)?.[1];
    if (local !== undefined && named.has(local)) found.set(local, declarationIn(file, local));
  }
  return [...found.values()];
}

function declarationIn(file: string, local: string): Declaration {
  const texts = statementsOf(file).filter((statement) => DECLARED.exec(statement)?.[1] === local); // several: overloads
  return { file, local, text: texts.map((text) => text.trim()).join('\n') };
}

function statementsOf(file: string): string[] {
  return withoutComments(readFileSync(file, 'utf8')).split(STATEMENT);
}

/** Adds the declarations of `file` under their exported names; `wanted` maps local to exported names, null is all. */
function collect(file: string, wanted: ReadonlyMap<string, string> | null, found: Found): void {
  const statements = statementsOf(file);
  const add = (local: string, as: string) => {
    const declaration = declarationIn(file, local);
    if (declaration.text === '') return addImported(local, as);
    found.set(as, declaration);
  };
  const addImported = (local: string, as: string) => {
    for (const statement of statements) {
      const [, list = '', from = ''] = NAMED_IMPORT.exec(statement) ?? [];
      // Of `import { original as local }`.
      const original = exportedNames(list).find(([, imported]) => imported === local)?.[0];
      if (original !== undefined) return follow(file, from, new Map([[original, as]]), statement, found);
    }
    throw new Error(`${file} exports ${local} but does not declare it`);
  };
  for (const statement of statements) {
    const star = STAR_EXPORT.exec(statement);
    const named = NAMED_EXPORT.exec(statement);
    const local = DECLARED.exec(statement)?.[1];
    if (star?.[2] !== undefined) {
      if (star[1] !== undefined) found.set(star[1], { file: null, local: star[1], text: statement.trim() });
      else follow(file, star[2], wanted, statement, found);
    } else if (named !== null) {
      const pairs = exportedNames(named[2] ?? '').filter(([, exported]) => wanted === null || wanted.has(exported));
      const renamed = new Map(pairs.map(([from, exported]) => [from, wanted?.get(exported) ?? exported]));
      if (named[3] !== undefined) follow(file, named[3], renamed, statement, found);
      else for (const [from, as] of renamed) add(from, as);
    } else if (local !== undefined && statement.startsWith('export') && (wanted === null || wanted.has(local))) {
      add(local, wanted?.get(local) ?? local);
    }
  }
}

function follow(
  file: string,
  specifier: string,
  names: ReadonlyMap<string, string> | null,
  statement: string,
  found: Found,
): void {
  const ofAnotherPackage = (local: string) => ({ file: null, local, text: statement.trim() });
  if (!specifier.startsWith('.')) for (const as of names?.values() ?? []) found.set(as, ofAnotherPackage(as));
  else collect(join(dirname(file), specifier.replace(/\.js$/, '.d.ts')), names, found);
}

function exportedNames(list: string): [local: string, exported: string][] {
  return list
    .split(',')
    .map((item) => item.trim().replace(/^type /, ''))
    .filter((item) => item !== '')
    .map((item) => {
      const [local = item, exported = local] = item.split(' as ');
      return [local, exported];
    });
}

function withoutComments(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '')
    .replace(/^\s*\n/gm, '');
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const reports = apiReports(); // first, since sources that do not compile must not cost the old ones
  mkdirSync(REPORT_FOLDER, { recursive: true });
  for (const name of committedReports().keys()) rmSync(join(REPORT_FOLDER, name));
  for (const [name, text] of reports) writeFileSync(join(REPORT_FOLDER, name), text);
}
