// Colours and widths of a terminal; plain text where there is none.

export type Ink = 'dim' | 'bold' | 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan';

const CODES: Record<Ink, readonly [on: number, off: number]> = {
  dim: [2, 22],
  bold: [1, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  magenta: [35, 39],
  cyan: [36, 39],
};

export interface Style {
  /** Columns; at least 20. */
  readonly width: number;
  paint(ink: Ink | readonly Ink[], text: string): string;
}

export interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Lines of text that is not shown on a terminal are as wide as people read well. */
const PLAIN_WIDTH = 100;

/** Colours on a terminal only, and not where NO_COLOR is set to anything (no-color.org) or TERM is `dumb`. */
export function styleOf(terminal: Terminal, env: NodeJS.ProcessEnv = process.env): Style {
  const hasColours = terminal.isTTY === true && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb';
  const width = terminal.isTTY === true ? (terminal.columns ?? 80) : PLAIN_WIDTH;
  return {
    width: Math.max(20, width),
    paint(ink, text) {
      if (!hasColours || text === '') return text;
      const inks = typeof ink === 'string' ? [ink] : ink;
      return inks.reduce((painted, each) => `\x1b[${CODES[each][0]}m${painted}\x1b[${CODES[each][1]}m`, text);
    },
  };
}

/** Breaks at spaces; a word longer than the line is cut. `width` is at least 1. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.trim().split(/\s+/u)) {
    let rest = word;
    if (line !== '' && line.length + 1 + rest.length <= width) {
      line += ` ${rest}`;
      continue;
    }
    if (line !== '') lines.push(line);
    while (rest.length > width) {
      lines.push(rest.slice(0, width));
      rest = rest.slice(width);
    }
    line = rest;
  }
  lines.push(line);
  return lines;
}
