// Takes the TypeScript snippets out of Markdown and type-checks them, with the examples, in one compiler run.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '..');

export interface Snippet {
  /** Path of the Markdown file, relative to the project. */
  readonly file: string;
  /** Line of the first line of code, from 1. */
  readonly line: number;
  readonly code: string;
}

export interface Extracted {
  readonly snippets: readonly Snippet[];
  /** Fences that would escape the check, as `file:line: reason`. */
  readonly refused: readonly string[];
}

/** README, docs and the papers beside the examples. */
export function markdownFiles(): string[] {
  const top = readdirSync(ROOT).filter((name) => name.endsWith('.md'));
  return [...top, ...filesUnder('docs', '.md'), ...filesUnder('examples', '.md')];
}

export function exampleFiles(): string[] {
  return filesUnder('examples', '.ts');
}

export function sourceFiles(): string[] {
  return filesUnder('src', '.ts');
}

export function extractSnippets(file: string, text: string): Extracted {
  const snippets: Snippet[] = [];
  const refused: string[] = [];
  let open: { info: string; line: number; indent: number; code: string[] } | null = null;
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^(\s*)```(.*)$/.exec(line);
    if (open === null) {
      if (fence === null) continue;
      open = { info: (fence[2] ?? '').trim(), line: index + 2, indent: (fence[1] ?? '').length, code: [] };
    } else if (fence === null || (fence[2] ?? '').trim() !== '') {
      open.code.push(line.slice(open.indent));
    } else {
      if (open.info === 'ts') snippets.push({ file, line: open.line, code: open.code.join('\n') });
      else if (/^(ts|tsx|typescript|js|jsx|javascript|mjs)\b/.test(open.info)) {
        refused.push(`${file}:${open.line - 1}: fence \`${open.info}\` would not be compiled; write \`ts\``);
      }
      open = null;
    }
  }
  if (open !== null) refused.push(`${file}:${open.line - 1}: fence is never closed`);
  return { snippets, refused };
}

/** Type-checks against the package's sources under the same strictness; returns one line per error, in terms of the Markdown. */
export function typeErrors(snippets: readonly Snippet[], examples: readonly string[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'livekitex-docs-'));
  try {
    const names = new Map<string, Snippet>();
    mkdirSync(join(folder, 'snippets'));
    for (const snippet of snippets) {
      const name = `snippets/${names.size}.ts`;
      names.set(name, snippet);
      writeFileSync(join(folder, name), snippet.code);
    }
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(compilerConfig([...names.keys()], examples)));
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const run = spawnSync(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], {
      cwd: folder,
      encoding: 'utf8',
    });
    const lines = `${run.stdout}${run.stderr}`.split('\n').filter((line) => /error TS\d+/.test(line));
    if (run.status !== 0 && lines.length === 0)
      throw new Error(`tsc failed without an error line: ${run.stdout}${run.stderr}`);
    return lines.map((line) => inMarkdown(line, names));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function compilerConfig(names: readonly string[], examples: readonly string[]): unknown {
  return {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: {
      moduleDetection: 'force',
      noUnusedLocals: false,
      noUnusedParameters: false,
      typeRoots: [join(ROOT, 'node_modules/@types')],
      paths: {
        'livekitex-agent': [join(ROOT, 'src/index.ts')],
        'livekitex-agent/*': [join(ROOT, 'src/*/index.ts')],
      },
    },
    include: [],
    // Declarations that no import leads to.
    files: [...names, ...[...examples, 'src/providers/local/webassembly.d.ts'].map((file) => join(ROOT, file))],
  };
}

function inMarkdown(line: string, names: ReadonlyMap<string, Snippet>): string {
  const [, file, row, rest] = /^(.+?)\((\d+),\d+\): (.*)$/.exec(line) ?? [];
  const snippet = names.get(file ?? '');
  if (snippet === undefined) return line;
  return `${snippet.file}:${snippet.line + Number(row) - 1}: ${rest}`;
}

function filesUnder(folder: string, ending: string): string[] {
  if (!existsSync(join(ROOT, folder))) return []; // git keeps no empty folder
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .sort();
}

/** Relative links of a Markdown text, without their anchors. */
export function relativeLinks(text: string): string[] {
  return linksOf(text)
    .map((target) => target.replace(/#.*$/, ''))
    .filter((target) => target !== '');
}

/** Links of a Markdown text to headings, as page (empty: the same one) and anchor. */
export function headingLinks(text: string): [page: string, anchor: string][] {
  return linksOf(text).flatMap((target) => {
    const [page = '', anchor] = target.split('#');
    return anchor === undefined ? [] : [[page, anchor] satisfies [string, string]];
  });
}

/** Anchors of the headings of a Markdown text, as GitHub makes them. */
export function headingsOf(text: string): string[] {
  const titles = [...withoutFences(text).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) => title);
  return titles.map((title) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(/\s/g, '-'),
  );
}

function linksOf(text: string): string[] {
  const prose = withoutFences(text).replace(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target));
}

function withoutFences(text: string): string {
  return text.replace(/^\s*```[\s\S]*?^\s*```/gm, '');
}

export function readText(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}
