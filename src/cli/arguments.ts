// Command line arguments, checked against a table: what is wrong is named, with the nearest right one and the fix.
import { AgentError } from '../errors.ts';

export interface OptionSpec {
  readonly name: string;
  /** Name of its value in the help; without it the option is a switch. */
  readonly value?: string;
  readonly choices?: readonly string[];
  readonly help: string;
}

export interface CommandSpec {
  /** As it is typed, `models pull`. */
  readonly name: string;
  readonly summary: string;
  readonly options: readonly OptionSpec[];
  /** Paragraphs under the options. */
  readonly notes?: readonly string[];
}

export interface Arguments {
  /** Value of an option, or undefined when it was not given. */
  value(name: string): string | undefined;
  /** Was it given? */
  has(name: string): boolean;
}

/** Every command has it. */
const HELP: OptionSpec = { name: '--help', help: 'Shows this help.' };

/** @throws AgentError `ERR_USAGE` */
export function parseArguments(command: CommandSpec, argv: readonly string[]): Arguments {
  const given = new Map<string, string>();
  const known = [...command.options, HELP];
  const help = `Run \`livekitex-agent ${command.name} --help\``;
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? '';
    const [written = '', inline] = word.startsWith('--') ? splitAtEquals(word) : [word];
    const name = written === '-h' ? '--help' : written;
    const option = known.find((each) => each.name === name);
    if (option === undefined) {
      const near = nearest(
        name,
        known.map((each) => each.name),
      );
      throw new AgentError('ERR_USAGE', name.startsWith('-') ? 'unknown option' : 'unexpected argument', {
        field: name,
        fix: near === undefined ? help : `Did you mean \`${near}\`? ${help}`,
      });
    }
    if (option.value === undefined) {
      if (inline !== undefined)
        throw new AgentError('ERR_USAGE', 'takes no value', { field: name, fix: `Write \`${name}\` alone` });
      given.set(name, '');
      continue;
    }
    const value = inline ?? argv[++i];
    if (value === undefined || value === '' || (inline === undefined && value.startsWith('--')))
      throw new AgentError('ERR_USAGE', 'needs a value', { field: name, fix: `Write \`${name} ${option.value}\`` });
    if (option.choices !== undefined && !option.choices.includes(value)) {
      const near = nearest(value, option.choices);
      throw new AgentError('ERR_USAGE', `does not know ${JSON.stringify(value)}`, {
        field: name,
        rule: `must be ${option.choices.join(', ')}`,
        ...(near !== undefined && { fix: `Did you mean \`${name} ${near}\`?` }),
      });
    }
    if (given.has(name)) throw new AgentError('ERR_USAGE', 'is given twice', { field: name, fix: 'Give it once' });
    given.set(name, value);
  }
  return { value: (name) => given.get(name), has: (name) => given.has(name) };
}

/** The help of a command. */
export function helpOf(command: CommandSpec, usage: string): string {
  const options = [...command.options, HELP];
  const heads = options.map(({ name, value }) => `  ${name}${value === undefined ? '' : ` ${value}`}`);
  const cells = Math.max(...heads.map((head) => head.length)) + 2;
  const rows = options.map(({ help, choices }, i) => {
    const values = choices === undefined ? '' : ` One of: ${choices.join(', ')}.`;
    return `${(heads[i] ?? '').padEnd(cells)}${help}${values}`;
  });
  const notes = (command.notes ?? []).map((note) => `\n${note}\n`);
  return `${command.summary}\n\nUsage: ${usage}\n\nOptions:\n${rows.join('\n')}\n${notes.join('')}`;
}

/** The known word that was probably meant: two letters of it may differ, or a third; in a very short one a single letter. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const distance = editDistance(word.slice(0, 64), candidate);
    const limit = Math.max(candidate.length < 4 ? 1 : 2, Math.floor(candidate.length / 3));
    if (distance < bestDistance && distance <= limit) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function splitAtEquals(word: string): readonly [string, string?] {
  const at = word.indexOf('=');
  return at < 0 ? [word] : [word.slice(0, at), word.slice(at + 1)];
}

/** Levenshtein: letters to insert, drop or replace. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
