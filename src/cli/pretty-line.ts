// A log line as a person reads it: time, level, words, then what belongs to it.
import type { Ink, Style } from './style.ts';

const LEVELS: ReadonlyMap<number, readonly [name: string, ink: Ink]> = new Map([
  [20, ['debug', 'dim']],
  [30, ['info', 'green']],
  [40, ['warn', 'yellow']],
  [50, ['error', 'red']],
  [60, ['fatal', 'red']],
]);

/** `line` is one JSON object as pino writes it; anything else is returned as it is. */
export function prettyLine(line: string, style: Style): string {
  let fields: unknown;
  try {
    fields = JSON.parse(line);
  } catch {
    return line;
  }
  if (typeof fields !== 'object' || fields === null) return line;
  const { level, time, msg, ...rest } = fields as Readonly<Record<string, unknown>>; // any object
  const [name, ink] = LEVELS.get(Number(level)) ?? ['log', 'dim'];
  const clock = typeof time === 'number' ? new Date(time).toTimeString().slice(0, 8) : '--------';
  const facts = Object.entries(rest).map(([key, value]) => `${key}=${textOf(value)}`);
  const words = [style.paint('dim', clock), style.paint(ink, name.padEnd(5)), String(msg ?? '')];
  if (facts.length > 0) words.push(style.paint('dim', facts.join(' ')));
  return `${words.join(' ')}\n`;
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return /^[^\s"]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value) ?? 'undefined';
}
