// Where log lines go. The contract is the shape of a pino logger; ids are fields, secrets and transcripts are never passed.
import { pino } from 'pino';
import type { LogLevel } from '../observer.ts';

export type LogFields = Readonly<Record<string, unknown>>;

/** No call may block or throw. */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** A logger that puts `fields` into every line. */
  child(fields: LogFields): Logger;
}

/** Says nothing. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
};

/** Keys that are blanked wherever they appear in the first two levels of a line, as a net below the rule above. */
const SECRET_KEYS: readonly string[] = ['token', 'apiSecret', 'apiKey', 'authorization', 'secret', 'password'];

export interface PinoLoggerOptions {
  /** Default `info`. */
  readonly level?: LogLevel;
  /** Default: stderr, so that stdout stays free for what a command prints. */
  readonly write?: (line: string) => void;
}

/** JSON lines by pino. */
export function pinoLogger({ level = 'info', write }: PinoLoggerOptions = {}): Logger {
  const options = {
    level,
    base: null,
    redact: { paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`]), censor: '[secret]' },
  };
  return write === undefined ? pino(options, pino.destination(2)) : pino(options, { write });
}
