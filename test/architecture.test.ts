import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type SourceFile, violations } from './import-rules.ts';

const root = new URL('../', import.meta.url);

function sources(): readonly SourceFile[] {
  return readdirSync(new URL('src/', root), { recursive: true, encoding: 'utf8' })
    .map((path) => `src/${path.replaceAll('\\', '/')}`)
    .filter((path) => path.endsWith('.ts'))
    .sort()
    .map((path) => ({ path, text: readFileSync(new URL(path, root), 'utf8') }));
}

const head = '// Does one thing.\n';
const broken: readonly [path: string, code: string, what: string][] = [
  [
    'src/machines/a.machine.ts',
    "import { x } from '../runtime/tree.ts';",
    'machines may not import src/runtime/tree.ts',
  ],
  ['src/machines/a.machine.ts', "import { x } from '../supervisor/index.ts';", 'src/supervisor/index.ts'],
  ['src/machines/a.machine.ts', "import { readFile } from 'node:fs';", 'node:fs'],
  ['src/machines/a.machine.ts', "import {\n  x,\n  y,\n} from '../audio/frame.ts';", 'src/audio/frame.ts'],
  ['src/machines/a.machine.ts', "import '../audio/frame.ts';", 'src/audio/frame.ts'],
  ['src/machines/a.machine.ts', "export { x } from '../audio/frame.ts';", 'src/audio/frame.ts'],
  ['src/machines/a.machine.ts', "const x = await import('../audio/frame.ts');", 'src/audio/frame.ts'],
  ['src/supervisor/a.ts', "import { x } from '../machines/slots.ts';", 'src/machines/slots.ts'],
  ['src/audio/a.ts', "import { assign } from 'xstate';", 'xstate'],
  ['src/audio/a.ts', "import ws from 'ws';", 'ws'],
  ['src/providers/stt.ts', "import OpenAI from 'openai';", 'openai'],
  ['src/providers/openai/a.ts', "import { x } from '../local/flite-tts.ts';", 'src/providers/local/flite-tts.ts'],
  ['src/providers/openai/a.ts', "import { assign } from 'xstate';", 'xstate'],
  ['src/actors/a.actor.ts', "import { x } from '../providers/local/flite-tts.ts';", 'src/providers/local/flite-tts.ts'],
  ['src/actors/a.actor.ts', "import { tool } from '../tools/index.ts';", 'actors may not import src/tools/index.ts'],
  ['src/tools/a.ts', "import { x } from '../machines/slots.ts';", 'src/machines/slots.ts'],
  ['src/runtime/a.ts', "import { x } from '../worker/host.ts';", 'src/worker/host.ts'],
  ['src/runtime/a.ts', "import { x } from '../providers/local/embedded.ts';", 'src/providers/local/embedded.ts'],
  ['src/cli/a.ts', "import { x } from '../runtime/wire.ts';", 'src/runtime/wire.ts'],
  ['src/errors.ts', "import { x } from './audio/frame.ts';", 'src/audio/frame.ts'],
  ['src/clock.ts', "import { nanoid } from 'nanoid';", 'nanoid'],
  ['src/magic/a.ts', '', 'known folder'],
  ['src/magic.ts', '', 'known folder'],
  ['src/tools/utils.ts', '', 'named after its purpose'],
  ['src/tools/a.ts', "export * from './tool.ts';", 'exports are named'],
  ['src/tools/a.ts', 'const x: any = 1;', 'no any'],
  ['src/tools/a.ts', 'const x = y as any;', 'no any'],
  ['src/tools/a.ts', 'const x = new Map<string, any>();', 'no any'],
  ['src/tools/a.ts', 'export enum Colour { Red }', 'erasable'],
  ['src/audio/a.ts', 'setTimeout(() => {}, 5);', 'timers'],
  ['src/audio/a.ts', 'globalThis.setTimeout(() => {}, 5);', 'timers'],
  ['src/audio/a.ts', 'const signal = AbortSignal.timeout(5);', 'timers'],
  ['src/audio/a.ts', 'setImmediate(done);', 'timers'],
  ['src/audio/a.ts', 'const now = performance.now();', 'time belongs'],
  ['src/audio/a.ts', 'const now = Date.now();', 'time belongs'],
  ['src/audio/a.ts', 'const now = new Date();', 'time belongs'],
  ['src/audio/a.ts', 'const x = Math.random();', 'randomness'],
  ['src/machines/a.machine.ts', "const x = { on: { 'xstate.done.actor.x': 'y' } };", 'private'],
];

const fine: readonly [path: string, code: string][] = [
  ['src/actors/a.actor.ts', "import type { RunContext } from '../tools/run-context.ts';"],
  ['src/runtime/a.ts', "const x = import('../providers/local/embedded.ts');"],
  [
    'src/supervisor/a.ts',
    '// biome-ignore lint/suspicious/noExplicitAny: any input fits\nexport type Spec = Of<string, any>;',
  ],
  ['src/audio/a.ts', 'clock.setTimeout(() => {}, 5);'],
  ['src/audio/a.ts', 'export interface Timers {\n  setTimeout(fn: () => void, delayMs: number): unknown;\n}'],
  ['src/audio/a.ts', '// setTimeout( would be wrong here\n/** export * and Date.now() too */'],
  ['src/audio/a.ts', 'const at = new Date(clock.wallNow());'],
  ['src/providers/local/worker/entry.ts', 'setTimeout(() => {}, 5);'],
  ['src/providers/openai/a.ts', "import OpenAI from 'openai';\nimport type { Stt } from '../stt.ts';"],
  ['src/tools/a.ts', "const text = 'https://example.com';\nconst many = 'as any';"],
];

describe('architecture', () => {
  for (const [path, code, what] of broken) {
    test(`the check finds "${code.split('\n').join(' ') || path}" in ${path}`, () => {
      expect(violations({ path, text: head + code })).toEqual([expect.stringContaining(what)]);
    });
  }

  for (const [path, code] of fine) {
    test(`the check allows "${code.split('\n').join(' ')}" in ${path}`, () => {
      expect(violations({ path, text: head + code })).toEqual([]);
    });
  }

  test('a file without its purpose on top is found', () => {
    expect(violations({ path: 'src/tools/a.ts', text: 'export {};' })).toEqual([expect.stringContaining('purpose')]);
  });

  test('every source file keeps the rules', () => {
    const files = sources();
    expect(files.length).toBeGreaterThan(50);
    expect(files.flatMap(violations)).toEqual([]);
  });
});

/** What `import` of this file loads with it: types and `import()` load nothing. */
function loadedWith(entry: string): ReadonlySet<string> {
  const loaded = new Set<string>();
  const load = (path: string) => {
    if (loaded.has(path)) return;
    loaded.add(path);
    const text = readFileSync(new URL(path, root), 'utf8');
    for (const [, clause = '', from = ''] of text.matchAll(/^(?:import|export) ([^;]*?)from '(\.[^']+)';/gm)) {
      const names = /^\{([^}]*)\}/.exec(clause)?.[1]?.split(',') ?? [];
      const isType =
        clause.startsWith('type ') ||
        names.every((name) => name.trim() === '' || name.trim().startsWith('type ')) === names.length > 0;
      if (!isType) load(new URL(from, new URL(path, 'file:///')).pathname.slice(1));
    }
  };
  load(entry);
  return loaded;
}

test('importing the package loads no room, no camera, no engine and no worker', () => {
  const loaded = loadedWith('src/index.ts');
  expect(loaded).toContain('src/transports/livekit/livekit-transport.ts');
  expect(loaded).toContain('src/runtime/wire-turn.ts');
  const heavy =
    /^src\/(worker|cli|providers\/local)\/|\/(room-connection|camera|pre-connect\/audio|worker\.machine)\.ts$/;
  expect([...loaded].filter((path) => heavy.test(path))).toEqual([]);
});
