// Which folder may import which, and what no source file may contain. The rules are data; the checker knows no folder.

export interface SourceFile {
  /** From the root of the project, with forward slashes: `src/machines/turn.machine.ts`. */
  readonly path: string;
  readonly text: string;
}

interface Import {
  /** Resolved path for relative imports, the bare name otherwise. */
  readonly target: string;
  readonly kind: 'static' | 'type' | 'lazy';
}

interface Layer {
  readonly name: string;
  readonly files: RegExp;
  /** Resolved paths and package names that files of this layer may import. */
  readonly may: readonly RegExp[];
  /** The same for `import type`, which leaves nothing behind at run time. */
  readonly mayTypes?: readonly RegExp[];
  /** The same for `import()`, which costs nothing until it is needed. */
  readonly mayLazily?: readonly RegExp[];
}

const WORDS = /^src\/(events|errors|options|clock|ids|json|model-texts|observer|speech-handle)\.ts$/;
const CONTRACTS = /^src\/(providers|transports)\/[^/]+\.ts$/;
const XSTATE = /^xstate(\/graph)?$/;
const NODE = /^node:/;
const PACKAGE = /^(?!node:|src\/|xstate)/;
const folder = (name: string) => new RegExp(`^src/${name}/`);
const CORE = ['machines', 'supervisor', 'audio', 'actors', 'tools'].map(folder);
const LOOPBACK = folder('transports/loopback');

/** `src/providers/local/x/y.ts` belongs to the adapter `src/providers/local`. */
const ADAPTER = /^src\/(providers|transports)\/[a-z-]+\//;

/** The first layer that matches a path owns it; a file of no layer is a mistake. */
const LAYERS: readonly Layer[] = [
  { name: 'ids', files: /^src\/ids\.ts$/, may: [WORDS] },
  { name: 'words', files: WORDS, may: [WORDS] },
  { name: 'public index', files: /^src\/index\.ts$/, may: [/^src\/(?!cli|testing|worker)/] },
  { name: 'machines', files: folder('machines'), may: [WORDS, XSTATE, folder('machines')] },
  { name: 'supervisor', files: folder('supervisor'), may: [WORDS, XSTATE, folder('supervisor')] },
  { name: 'audio', files: folder('audio'), may: [WORDS, folder('audio')] },
  { name: 'contracts', files: CONTRACTS, may: [WORDS, CONTRACTS], mayTypes: [folder('audio')] },
  {
    name: 'actors',
    files: folder('actors'),
    may: [WORDS, XSTATE, /^src\/machines\/slots\.ts$/, folder('audio'), CONTRACTS, folder('actors')],
    mayTypes: [folder('tools'), folder('machines')],
  },
  {
    name: 'tools',
    files: folder('tools'),
    may: [WORDS, /^(zod|@standard-schema\/spec|@cfworker\/json-schema)$/, folder('tools')],
    // A tool is handed the session that runs it.
    mayTypes: [/^src\/runtime\/agent-session\.ts$/],
  },
  {
    name: 'runtime',
    files: folder('runtime'),
    may: [WORDS, XSTATE, NODE, ...CORE, CONTRACTS, LOOPBACK, folder('runtime')],
    // Heavy parts are loaded when a call needs them, so that the import of the library stays light.
    mayLazily: [ADAPTER],
  },
  {
    name: 'worker',
    files: folder('worker'),
    may: [
      WORDS,
      XSTATE, // it fills the slots of its charts, as the runtime does
      PACKAGE,
      NODE,
      folder('runtime'),
      folder('machines'),
      folder('supervisor'),
      folder('transports/livekit'),
      folder('worker'),
      // A host rehearses with scripted calls.
      /^src\/testing\/test-call\.ts$/,
      /^src\/tools\/index\.ts$/,
    ],
  },
  {
    name: 'testing',
    files: folder('testing'),
    may: [WORDS, XSTATE, ...CORE, CONTRACTS, LOOPBACK, folder('runtime'), folder('testing')],
  },
  // A command composes: the public index, and the adapters and file formats that the light index leaves out.
  {
    name: 'cli',
    files: folder('cli'),
    may: [
      WORDS,
      NODE,
      PACKAGE,
      /^src\/index\.ts$/,
      /^src\/[a-z]+\/index\.ts$/,
      folder('audio'),
      folder('providers'),
      folder('transports'),
      folder('cli'),
    ],
  },
];

/** Files that own time and timers; everything else takes a Clock. */
const TIME = [
  /^src\/clock\.ts$/,
  /^src\/testing\/virtual-clock\.ts$/,
  // Engines run in threads and processes of their own, outside of any session.
  /^src\/providers\/local\/worker\//,
];
/** Files that own randomness; everything else takes Ids. */
const RANDOM = [
  /^src\/ids\.ts$/,
  // A supervision tree without a runtime has no Ids; it needs a default for the jitter of its backoffs.
  /^src\/supervisor\/(start-root|system-services)\.ts$/,
];
/** Files that live below XState's public surface. */
const INTERNALS = [/^src\/supervisor\//, /^src\/testing\//];

interface Ban {
  readonly what: string;
  readonly pattern: RegExp;
  readonly except: readonly RegExp[];
}

const BANS: readonly Ban[] = [
  {
    what: 'timers belong to clock.ts',
    // Not a method of a clock (`clock.setTimeout`), nor the declaration of one (`setTimeout(fn: ...`).
    pattern: /(?<![.\w])(?:globalThis\.)?(?:setTimeout|setInterval|setImmediate)\((?!\w+: )|AbortSignal\.timeout\(/,
    except: TIME,
  },
  {
    what: 'time belongs to clock.ts',
    pattern: /performance\.now|Date\.now|new Date\(\)|process\.hrtime/,
    except: TIME,
  },
  {
    what: 'randomness belongs to ids.ts',
    pattern: /Math\.random|randomUUID|randomBytes|getRandomValues/,
    except: RANDOM,
  },
  {
    what: "XState's private events are private",
    pattern: /['"`]xstate\.(?:done|error|after|init|stop)/,
    except: INTERNALS,
  },
  { what: 'exports are named', pattern: /^export \*/m, except: [] },
  { what: 'there is no any', pattern: /(?::|\bas|<|,) any\b(?!['"`])/, except: [] },
  { what: 'erasable syntax only', pattern: /^\s*(?:export )?(?:const )?(?:enum|namespace) \w/m, except: [] },
];

/** Every broken rule of one file, each as `path: what`. */
export function violations(file: SourceFile): readonly string[] {
  const found: string[] = [];
  const code = withoutComments(file.text);
  const add = (what: string) => found.push(`${file.path}: ${what}`);
  if (/(^|\/)(utils?|helpers?|common|misc)\.ts$/.test(file.path)) add('a file is named after its purpose');
  if (!/\/\/ \S/.test(file.text.slice(0, 5)) && !file.text.startsWith('#!')) add('a file opens with its purpose');
  for (const { what, pattern, except } of BANS) {
    if (pattern.test(code) && !except.some((path) => path.test(file.path))) add(what);
  }
  const layer = layerOf(file.path);
  if (layer === undefined) return [...found, `${file.path}: a file belongs to a known folder`];
  const also = { static: [], type: layer.mayTypes ?? [], lazy: layer.mayLazily ?? [] };
  for (const { target, kind } of importsOf(file.path, code)) {
    const allowed = [...layer.may, ...also[kind]];
    if (!allowed.some((rule) => rule.test(target))) add(`${layer.name} may not import ${target}`);
  }
  return found;
}

function layerOf(path: string): Layer | undefined {
  const adapter = ADAPTER.exec(path)?.[0];
  if (adapter !== undefined) {
    return {
      name: 'adapter',
      files: ADAPTER,
      may: [WORDS, CONTRACTS, NODE, PACKAGE, folder('audio'), new RegExp(`^${adapter}`)],
    };
  }
  return LAYERS.find((layer) => layer.files.test(path));
}

function importsOf(path: string, code: string): readonly Import[] {
  const statement = /^(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?['"]([^'"]+)['"]/gm;
  const found = [...code.matchAll(statement)].map((match) => ({
    target: resolved(path, match[2] ?? ''),
    kind: match[1] === undefined ? ('static' as const) : ('type' as const),
  }));
  // A type query, `import('x')` after a colon or `<`, is erased as well; telling it from a lazy import is not worth a parser.
  const lazy = [...code.matchAll(/\bimport\(\s*['"]([^'"]+)['"]/g)].map((match) => ({
    target: resolved(path, match[1] ?? ''),
    kind: 'lazy' as const,
  }));
  return [...found, ...lazy];
}

function resolved(from: string, specifier: string): string {
  return specifier.startsWith('.') ? new URL(specifier, `file:///${from}`).pathname.slice(1) : specifier;
}

function withoutComments(text: string): string {
  // An `any` that argues with the linter on the line above it has given its reason.
  return text
    .replaceAll(/^.*biome-ignore lint\/suspicious\/noExplicitAny: \S.*\n.*$/gm, '')
    .replaceAll(/\/\*[\s\S]*?\*\//g, '')
    .replaceAll(/(?<!:)\/\/.*$/gm, '');
}
