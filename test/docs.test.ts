import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ERRORS } from '../src/errors.ts';
import { parseSessionOptions } from '../src/runtime/session-options.ts';
import {
  exampleFiles,
  extractSnippets,
  headingLinks,
  headingsOf,
  markdownFiles,
  ROOT,
  readText,
  relativeLinks,
  sourceFiles,
  typeErrors,
} from './snippets.ts';

describe('papers', () => {
  test('every TypeScript snippet and every example compiles', () => {
    const pages = markdownFiles().map((file) => extractSnippets(file, readText(file)));
    expect(pages.flatMap((page) => page.refused)).toEqual([]);
    expect(
      typeErrors(
        pages.flatMap((page) => page.snippets),
        exampleFiles(),
      ),
    ).toEqual([]);
  }, 60_000);

  test('every relative link leads to a file', () => {
    const dead = markdownFiles().flatMap((file) =>
      relativeLinks(readText(file))
        .filter((target) => !existsSync(join(ROOT, dirname(file), target)))
        .map((target) => `${file}: ${target}`),
    );
    expect(dead).toEqual([]);
  });

  test('every link to a heading leads to one', () => {
    const dead = markdownFiles().flatMap((file) =>
      headingLinks(readText(file))
        .map(([target, anchor]) => [target === '' ? file : join(dirname(file), target), anchor] as const)
        .filter(([page, anchor]) => !headingsOf(readText(page)).includes(anchor))
        .map(([page, anchor]) => `${file}: ${page}#${anchor}`),
    );
    expect(dead).toEqual([]);
  });
});

describe('docs/errors.md and the error table', () => {
  const rows = readText('docs/errors.md')
    .split('\n')
    .flatMap((line) => {
      const [, code, meaning, retryable, advice] = line.split('|').map((cell) => cell.trim());
      return /^`ERR_/.test(code ?? '') ? [{ code: (code ?? '').slice(1, -1), meaning, retryable, advice }] : [];
    });

  test('name the same codes, with the same meaning and the same answer about a retry', () => {
    const documented = rows.map(({ code, meaning, retryable }) => ({ code, meaning, retryable }));
    const table = Object.entries(ERRORS).map(([code, { meaning, retryable }]) => {
      return { code, meaning, retryable: retryable ? 'yes' : 'no' };
    });
    expect(documented.sort(byCode)).toEqual(table.sort(byCode));
  });

  test('say for each code what to do', () => {
    expect(rows.filter(({ advice }) => (advice ?? '').length < 10).map(({ code }) => code)).toEqual([]);
  });
});

test('what an error says to install is what package.json names, with its version', () => {
  const { optionalDependencies } = JSON.parse(readText('package.json')) as {
    optionalDependencies: Readonly<Record<string, string>>; // own file
  };
  const said = sourceFiles().flatMap((file) =>
    [...readText(file).matchAll(/`npm install ([^`]+)`/g)].map(([, what = '']) => what),
  );
  const pinned = Object.entries(optionalDependencies).map(([name, version]) => `${name}@${version}`);
  expect(said.sort()).toEqual(pinned.sort());
});

test('the README names every session option, with its default', () => {
  const rows = [...readText('README.md').matchAll(/^\| `([\w.]+)` \| [^|]+ \| ([^|]+) \| [^|]*\|$/gm)];
  const documented = Object.fromEntries(
    rows.map(([, name = '', shown = '']) => [
      name,
      shown
        .trim()
        .replace(/^[`"](.*)[`"]$/, '$1')
        .replace(/(\d) (\d)/g, '$1$2'),
    ]),
  );
  const flat = (value: object, path = ''): [string, string][] =>
    Object.entries(value).flatMap(([name, inner]) =>
      typeof inner === 'object' && inner !== null ? flat(inner, `${path}${name}.`) : [[path + name, String(inner)]],
    );
  // These two have no default of the runtime's: the provider decides. Video is off unless it is given.
  const defaults = {
    ...Object.fromEntries(flat(parseSessionOptions({ video: {} }))),
    language: 'its own',
    voice: 'its own',
  };
  expect(documented).toEqual(defaults);
});

describe('tables of options name every option of the source, with its default', () => {
  const optionsOf = (file: string, name: string) => {
    const body = new RegExp(`interface ${name} \\{([\\s\\S]*?)^\\}`, 'm').exec(readText(file))?.[1] ?? '';
    const members = [...body.matchAll(/\/\*\*([\s\S]*?)\*\/\s+readonly (\w+)\??:/g)];
    expect(members).toHaveLength([...body.matchAll(/^ {2}readonly /gm)].length);
    return members.map(([, comment = '', option = '']) => ({
      option,
      // The number or boolean of the comment; other defaults are told in words.
      fallback: /Default\s+(?:\*\s+)?([\d ]*\d|true|false)/.exec(comment)?.[1]?.replaceAll(' ', '') ?? null,
    }));
  };
  const rowsOf = (file: string) =>
    new Map(
      [...readText(file).matchAll(/^\| `([\w.]+)` \| ([^|]+) \| [^|]+ \|$/gm)].map(([, option = '', shown = '']) => [
        option,
        shown.replaceAll('`', '').replace(/(\d) (?=\d)/g, '$1'),
      ]),
    );

  const hosts = ['src/worker/host/host-options.ts', 'HostOptions', 'hosts.'] as const;
  test.each([
    ['README.md', [['src/runtime/runtime-options.ts', 'RuntimeOptions', '']]],
    ['docs/worker.md', [['src/worker/define-worker.ts', 'WorkerOptions', ''], hosts]],
  ] as const)('%s', (page, sources) => {
    const rows = rowsOf(page);
    const options = sources.flatMap(([file, name, prefix]) =>
      optionsOf(file, name).map(({ option, fallback }) => ({ option: prefix + option, fallback })),
    );
    expect([...rows.keys()].sort()).toEqual(options.map(({ option }) => option).sort());
    for (const { option, fallback } of options) if (fallback !== null) expect(rows.get(option), option).toBe(fallback);
    expect(options.filter(({ fallback }) => fallback !== null)).not.toEqual([]);
  });
});

test('decisions have one form: number and title, which the file name shortens, then their status', () => {
  for (const file of markdownFiles().filter((name) => name.startsWith('docs/adr/'))) {
    const [, number, title = '', status] = /^# (\d{4}): (.+)\n\nStatus: (\w+)\n/.exec(readText(file)) ?? [];
    const [numbered, ...words] = file.replace(/^docs\/adr\/|\.md$/g, '').split('-');
    expect([file, number, status]).toEqual([file, numbered, 'accepted']);
    expect(title.toLowerCase().match(/[a-z0-9]+/g), file).toEqual(expect.arrayContaining(words));
  }
});

test('the XState that papers tell to install is the one of the package', () => {
  const { dependencies } = JSON.parse(readText('package.json')) as { dependencies: { xstate: string } }; // own file
  const told = markdownFiles().flatMap((file) => [...readText(file).matchAll(/npm i xstate@([\d.]+)/g)]);
  expect(told.map(([, version]) => version)).toEqual([dependencies.xstate, dependencies.xstate]);
});

test('the README names every event of a session, and no other', () => {
  const shown = [...readText('README.md').matchAll(/^\| `([a-z_]+)` \| `/gm)].map(([, name]) => name);
  const source = /interface SessionEventMap \{([\s\S]*?)^\}/m.exec(readText('src/events.ts'))?.[1] ?? '';
  const events = [...source.matchAll(/^ {2}(\w+): InSession/gm)].map(([, name]) => name);
  expect(events.length).toBeGreaterThan(10);
  expect(shown.sort()).toEqual(events.sort());
});

describe('the snippet check itself', () => {
  test('a wrong snippet is reported at its line of the Markdown', () => {
    const { snippets } = extractSnippets(
      'page.md',
      '# Page\n\n```ts\nconst fine = 1;\nconst wrong: string = fine;\n```\n',
    );
    expect(typeErrors(snippets, [])).toEqual([expect.stringMatching(/^page\.md:5: error TS2322/)]);
  }, 60_000);

  test.each(['ts ignore', 'typescript', 'js'])(
    'a fence marked `%s` is refused, as it would escape the check',
    (info) => {
      expect(extractSnippets('page.md', `\`\`\`${info}\nx\n\`\`\`\n`).refused).toHaveLength(1);
    },
  );

  test('a snippet inside a list loses the indentation of its fence', () => {
    expect(extractSnippets('page.md', '- item\n  ```ts\n  a();\n    b();\n  ```\n').snippets).toEqual([
      { file: 'page.md', line: 3, code: 'a();\n  b();' },
    ]);
  });
});

function byCode(a: { code: string }, b: { code: string }): number {
  return a.code < b.code ? -1 : 1;
}
